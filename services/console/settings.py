"""What console is told by the environment."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.kit.settings import ServiceSettings, require_secret


class ConsoleSettings(ServiceSettings):
    """`CONSOLE_*`. The private key signs people's tokens; the services check them with its public half.

    In development the admin of `admin_email` and `admin_password` is made at each start, and `mail_folder` is the
    Maildir in which mails are caught.
    """

    model_config = SettingsConfigDict(env_prefix="CONSOLE_", extra="ignore", frozen=True)

    port: int = 8000
    person_token_private_key: SecretStr = SecretStr("")
    admin_email: str | None = None
    admin_password: SecretStr | None = None
    mail_folder: Path | None = None
    development: bool = Field(False, validation_alias="LEADLINE_DEVELOPMENT")

    @field_validator("mail_folder", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @model_validator(mode="after")
    def _key_is_there(self) -> Self:
        require_secret("CONSOLE_PERSON_TOKEN_PRIVATE_KEY", self.person_token_private_key, development=self.development)
        return self
