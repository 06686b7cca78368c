"""What console is told by the environment."""

from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.kit.addresses import Network, read_networks
from shared.kit.settings import SecretMissing, ServiceSettings, require_secret

_KEY = "CONSOLE_PERSON_TOKEN_PRIVATE_KEY"


class ConsoleSettings(ServiceSettings):
    """`CONSOLE_*`. The private key signs people's tokens; the services check them with its public half.

    `trusted_proxies` are addresses and networks, between commas, whose word in X-Forwarded-For is believed: behind a
    proxy that is not named all people share one address, and one limit of attempts to sign in.

    In development the admin of `admin_email` and `admin_password` is made at each start, and `mail_folder` is the
    Maildir in which mails are caught.
    """

    model_config = SettingsConfigDict(env_prefix="CONSOLE_", extra="ignore", frozen=True)

    port: int = 8000
    person_token_private_key: SecretStr = SecretStr("")
    admin_email: str | None = None
    admin_password: SecretStr | None = None
    mail_folder: Path | None = None
    trusted_proxies: str = ""
    development: bool = Field(False, validation_alias="LEADLINE_DEVELOPMENT")
    person_token_public_key: str = Field("", validation_alias="LEADLINE_PERSON_TOKEN_PUBLIC_KEY")

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The networks of `trusted_proxies`."""
        return read_networks(self.trusted_proxies)

    @field_validator("mail_folder", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        try:
            read_networks(value)
        except ValueError as error:
            raise ValueError(f"CONSOLE_TRUSTED_PROXIES takes addresses and networks between commas: {error}") from None
        return value

    @model_validator(mode="after")
    def _key_is_usable(self) -> Self:
        require_secret(_KEY, self.person_token_private_key, development=self.development)
        key = _read_key(self.person_token_private_key)
        if self.person_token_public_key and not _is_pair(key, self.person_token_public_key):
            raise SecretMissing(f"{_KEY} and LEADLINE_PERSON_TOKEN_PUBLIC_KEY are not halves of one pair of keys")
        return self


def _read_key(pem: SecretStr) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem.get_secret_value().replace("\\n", "\n").encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        # Nothing of the text is told: it may be a key with a slip in it.
        raise SecretMissing(
            f"{_KEY} is no Ed25519 private key in PEM form without a password; "
            "`openssl genpkey -algorithm ed25519` makes one"
        )
    return key


def _is_pair(key: Ed25519PrivateKey, public: str) -> bool:
    try:
        return load_pem_public_key(public.replace("\\n", "\n").encode()) == key.public_key()
    except ValueError:
        return False
