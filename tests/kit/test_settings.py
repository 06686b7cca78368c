"""Settings that would make a running system unsafe stop it at the start."""

import pytest
from pydantic import ValidationError

from shared.kit.settings import CommonSettings
from tests.support.keys import PUBLIC_KEY

REAL = {
    "LEADLINE_DATABASE_URL": "postgresql://leadline:secret@db:5432",
    "LEADLINE_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
    "LEADLINE_SERVICE_TOKEN": "s" * 32,
    "LEADLINE_PRIVACY_KEY": "p" * 32,
    "LEADLINE_OPERATIONS_KEY": "o" * 32,
    "LEADLINE_PERSON_TOKEN_PUBLIC_KEY": PUBLIC_KEY,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with everything that is needed."""
    for name, value in REAL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LEADLINE_DEVELOPMENT", raising=False)


@pytest.mark.parametrize("name", ["LEADLINE_SERVICE_TOKEN", "LEADLINE_PRIVACY_KEY", "LEADLINE_OPERATIONS_KEY"])
@pytest.mark.parametrize("value", ["", "development-abc", "short"])
def test_a_missing_or_development_secret_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Outside development each secret must be set and one's own; the message names it."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name):
        CommonSettings()


def test_development_secrets_are_for_development(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `make run` generates is accepted where it says so."""
    monkeypatch.setenv("LEADLINE_DEVELOPMENT", "true")
    monkeypatch.setenv("LEADLINE_SERVICE_TOKEN", "development-abc")
    assert "development-abc" == CommonSettings().service_token.get_secret_value()


def test_each_service_has_a_database() -> None:
    """A service's database is on the common server; options of the address stay."""
    assert "postgresql://leadline:secret@db:5432/leadline_leads" == CommonSettings().service_database_url("leads")


def test_secrets_do_not_show() -> None:
    """Printing settings tells no secret."""
    assert "ssss" not in repr(CommonSettings())


@pytest.mark.parametrize("value", ["", "no key", PUBLIC_KEY.replace("PUBLIC", "PRIVATE")])
def test_the_key_for_peoples_tokens_must_be_one(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Without a usable public key nobody could sign in, so the service does not start."""
    monkeypatch.setenv("LEADLINE_PERSON_TOKEN_PUBLIC_KEY", value)
    with pytest.raises(ValidationError, match="LEADLINE_PERSON_TOKEN_PUBLIC_KEY"):
        CommonSettings()
