"""What notifier is told by the environment."""

from email.utils import parseaddr
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.kit.settings import ServiceSettings

_IMPLICIT_TLS_PORT = 465


class NotifierSettings(ServiceSettings):
    """`NOTIFIER_*`. The mail server is spoken to with STARTTLS unless told otherwise, on port 465 with TLS at once.

    `mail_from` may carry a name: `Leadline <leadline@example.com>`. Links in mails lead to `LEADLINE_CONSOLE_URL`.
    """

    model_config = SettingsConfigDict(env_prefix="NOTIFIER_", extra="ignore", frozen=True)

    port: int = 8004
    smtp_host: str
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_starttls: bool = True
    mail_from: str
    console_url: str = Field("http://127.0.0.1:8000", validation_alias="LEADLINE_CONSOLE_URL")

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

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.smtp_username and not (self.smtp_starttls or self.implicit_tls):
            raise ValueError("NOTIFIER_SMTP_USERNAME needs an encrypted connection: leave NOTIFIER_SMTP_STARTTLS on")
        return self

    @property
    def implicit_tls(self) -> bool:
        """Whether the mail server's port speaks TLS from the first byte."""
        return self.smtp_port == _IMPLICIT_TLS_PORT
