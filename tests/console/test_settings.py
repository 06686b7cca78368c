"""What console refuses to start with."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import ValidationError

from services.console.settings import ConsoleSettings
from tests.support.keys import PRIVATE_KEY, PUBLIC_KEY

_OTHER_KIND = (
    generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)
_OTHER_PUBLIC_KEY = (
    Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a console that starts, with the line ends of its key as a shell file has them."""
    for name in ("LEADLINE_DEVELOPMENT", "CONSOLE_TRUSTED_PROXIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONSOLE_PERSON_TOKEN_PRIVATE_KEY", PRIVATE_KEY.replace("\n", "\\n"))
    monkeypatch.setenv("LEADLINE_PERSON_TOKEN_PUBLIC_KEY", PUBLIC_KEY)
    return monkeypatch


def test_good_settings(environment: pytest.MonkeyPatch) -> None:
    """A pair of keys and a list of proxies are taken."""
    environment.setenv("CONSOLE_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    assert ["10.0.0.0/8", "::1/128"] == [str(network) for network in ConsoleSettings().proxies]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CONSOLE_PERSON_TOKEN_PRIVATE_KEY", "", "CONSOLE_PERSON_TOKEN_PRIVATE_KEY is not set"),
        ("CONSOLE_PERSON_TOKEN_PRIVATE_KEY", "x" * 40, "is no Ed25519 private key"),
        ("CONSOLE_PERSON_TOKEN_PRIVATE_KEY", PUBLIC_KEY, "is no Ed25519 private key"),
        ("CONSOLE_PERSON_TOKEN_PRIVATE_KEY", _OTHER_KIND, "is no Ed25519 private key"),
        ("CONSOLE_PERSON_TOKEN_PRIVATE_KEY", f"development-key\n{PRIVATE_KEY}", "holds a development secret"),
        ("LEADLINE_PERSON_TOKEN_PUBLIC_KEY", _OTHER_PUBLIC_KEY, "are not halves of one pair"),
        ("LEADLINE_PERSON_TOKEN_PUBLIC_KEY", "x", "are not halves of one pair"),
        ("CONSOLE_TRUSTED_PROXIES", "10.0.0.1/8", "CONSOLE_TRUSTED_PROXIES takes addresses"),
    ],
)
def test_bad_settings_stop_the_start(environment: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    """What cannot work is refused with a sentence that names the setting, and without the key."""
    environment.setenv(name, value)
    with pytest.raises(ValidationError, match=said) as refused:
        ConsoleSettings()
    assert "BEGIN PRIVATE" not in "".join(error["msg"] for error in refused.value.errors())


def test_marked_key_works_in_development(environment: pytest.MonkeyPatch) -> None:
    """A key whose text before the PEM says that it is for development is taken there."""
    environment.setenv("LEADLINE_DEVELOPMENT", "true")
    environment.setenv("CONSOLE_PERSON_TOKEN_PRIVATE_KEY", f"development-key\n{PRIVATE_KEY}")
    assert ConsoleSettings().person_token_private_key
