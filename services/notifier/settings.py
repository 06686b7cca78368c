"""What notifier is told by the environment."""

from email.utils import parseaddr
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.kit.settings import ServiceSettings

_IMPLICIT_TLS_PORT = 465
_DEVELOPMENT_CONSOLE = "http://127.0.0.1:8000"


class NotifierSettings(ServiceSettings):
    """`NOTIFIER_*`. The mail server is spoken to with STARTTLS unless told otherwise, on port 465 with TLS at once.

    `mail_from` may carry a name: `Leadline <leadline@example.com>`. Links in mails lead to `LEADLINE_CONSOLE_URL`,
    which has a default in development only: nobody else can open a link to this machine.
    """

    model_config = SettingsConfigDict(env_prefix="NOTIFIER_", extra="ignore", frozen=True)

    port: int = 8004
    smtp_host: str
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_starttls: bool = True
    mail_from: str
    development: bool = Field(False, validation_alias="LEADLINE_DEVELOPMENT")
    console_url: str = Field("", validation_alias="LEADLINE_CONSOLE_URL", validate_default=True)

    @field_validator("smtp_username", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @field_validator("mail_from")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        local, _, domain = parseaddr(value)[1].rpartition("@")
        if not local or not domain:
            raise ValueError("give the address that mails come from, such as Leadline <leadline@example.com>")
        return value

    @field_validator("console_url")
    @classmethod
    def _links_lead_somewhere(cls, value: str, told: ValidationInfo) -> str:
        # Without `development` the environment holds something else wrong, which is told instead.
        if not value and told.data.get("development", True):
            return _DEVELOPMENT_CONSOLE
        try:
            address = urlsplit(value)
        except ValueError:
            address = urlsplit("")
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(
                "set LEADLINE_CONSOLE_URL to the address at which people open the console, such as "
                "https://leads.example.com: mails link to it"
            )
        return value

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.smtp_username and not (self.smtp_starttls or self.implicit_tls):
            raise ValueError("NOTIFIER_SMTP_USERNAME needs an encrypted connection: leave NOTIFIER_SMTP_STARTTLS on")
        return self

    @property
    def implicit_tls(self) -> bool:
        """Whether the mail server's port speaks TLS from the first byte."""
        return self.smtp_port == _IMPLICIT_TLS_PORT
