"""intake's settings: `INTAKE_*`, beside the common `LEADLINE_*`."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.kit.addresses import Network, read_networks
from shared.kit.settings import ServiceSettings, require_secret

_SECRETS = (
    "whatsapp_app_secret",
    "whatsapp_verify_token",
    "messenger_app_secret",
    "messenger_verify_token",
    "encryption_key",
)


class IntakeSettings(ServiceSettings):
    """Where intake listens, keeps its data, and the secrets of the platforms.

    A secret may hold several, separated by commas: an app secret one for each app that delivers here beside those of
    connected accounts, the encryption key the one that seals and then those that only open. `database_url` overrides
    the common server whole. A secret that is missing, or made for development outside of it, is refused.

    `graph_url` and `graph_version` are Meta's Graph API. `files_url` is where files that people sent are kept, up to
    `attachment_bytes` each: a folder (`file:///…`) that all of intake's processes share, or `s3://bucket/prefix`.

    `trusted_proxies` are addresses and networks, between commas, whose word in X-Forwarded-For is believed: behind a
    proxy that is not named all visitors share one address, and one form's limit per address. `turnstile_url` is who
    verifies the challenges of forms that have them. A form that is captured while it is filled in can be
    gone on with for `form_hours`.

    `opt_out_words` and `opt_in_words`, between commas, are the whole messages that mean STOP and START, in any case,
    with or without accents and a "please"; empty means the usual ones of our languages.
    """

    model_config = SettingsConfigDict(env_prefix="INTAKE_", extra="ignore", frozen=True)

    port: int = 8001
    database_pool_size: int = 10
    whatsapp_app_secret: SecretStr = SecretStr("")
    whatsapp_verify_token: SecretStr = SecretStr("")
    messenger_app_secret: SecretStr = SecretStr("")
    messenger_verify_token: SecretStr = SecretStr("")
    encryption_key: SecretStr = SecretStr("")
    graph_url: str = "https://graph.facebook.com"
    attachment_bytes: int = Field(64 * 1024 * 1024, ge=1)
    files_url: str = Path(".leadline/files").absolute().as_uri()
    graph_version: str = Field("v26.0", pattern=r"^v[0-9]+\.[0-9]+$")
    trusted_proxies: str = ""
    turnstile_url: str = "https://challenges.cloudflare.com/turnstile/v0/siteverify"
    opt_out_words: str = ""
    opt_in_words: str = ""
    form_hours: float = Field(24.0, gt=0, le=720)
    sweep_seconds: float = Field(10.0, gt=0)
    development: bool = Field(False, validation_alias="LEADLINE_DEVELOPMENT")

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The networks of `trusted_proxies`."""
        return read_networks(self.trusted_proxies)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        try:
            read_networks(value)
        except ValueError as error:
            raise ValueError(f"INTAKE_TRUSTED_PROXIES takes addresses and networks between commas: {error}") from None
        return value

    @model_validator(mode="after")
    def _secrets_are_real(self) -> Self:
        for name in _SECRETS:
            for part in parts_of(getattr(self, name)) or [""]:
                require_secret(f"INTAKE_{name.upper()}", SecretStr(part), development=self.development)
        return self


def parts_of(setting: SecretStr) -> list[str]:
    """The secrets that a setting holds."""
    return [part for part in (one.strip() for one in setting.get_secret_value().split(",")) if part]
