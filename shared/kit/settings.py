"""What all services are told by the environment, and the refusal to start with a development secret."""

from typing import Self
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_PREFIX = "development-"
_SHORTEST_SECRET = 32


class SecretMissing(ValueError):
    """A secret is not set, or is a development secret outside development."""


class CommonSettings(BaseSettings):
    """`LEADLINE_*`: where the servers are, and the secrets that services share.

    `database_url` names the server; each service appends the name of its own database. `public_url` is where the
    public finds intake's edge, which platforms and embedding pages must be told. Durations of the
    consumer group are short in development so that a killed worker's partitions do not wait.
    """

    model_config = SettingsConfigDict(env_prefix="LEADLINE_", extra="ignore", frozen=True)

    database_url: str
    kafka_bootstrap_servers: str
    kafka_replication: int = Field(3, ge=1)
    redis_url: str = "redis://127.0.0.1:6379/0"
    time_zone: ZoneInfo = ZoneInfo("UTC")
    development: bool = False
    service_token: SecretStr = SecretStr("")
    privacy_key: SecretStr = SecretStr("")
    operations_key: SecretStr = SecretStr("")
    person_token_public_key: str = ""
    instance: str | None = None
    log_format: str = Field("json", pattern="^(json|console)$")
    log_level: str = "INFO"
    group_session_timeout_seconds: float = 10.0
    public_url: str = ""
    intake_url: str = "http://127.0.0.1:8001"
    leads_url: str = "http://127.0.0.1:8002"
    assignment_url: str = "http://127.0.0.1:8003"
    notifier_url: str = "http://127.0.0.1:8004"

    @model_validator(mode="after")
    def _secrets_are_real(self) -> Self:
        for name in ("service_token", "privacy_key", "operations_key"):
            require_secret(f"LEADLINE_{name.upper()}", getattr(self, name), development=self.development)
        if self.person_token_public_key:
            require_public_key("LEADLINE_PERSON_TOKEN_PUBLIC_KEY", self.person_token_public_key)
        elif not self.development:
            raise SecretMissing("LEADLINE_PERSON_TOKEN_PUBLIC_KEY is not set: give the console's public key, as PEM")
        return self

    def service_database_url(self, service: str) -> str:
        """The address of a service's own database on the common server."""
        base, _, query = self.database_url.partition("?")
        return f"{base.rstrip('/')}/leadline_{service}" + (f"?{query}" if query else "")


class ServiceSettings(BaseSettings):
    """`<SERVICE>_*` that every service has: where it listens, and its database when it is not on the common server."""

    host: str = "127.0.0.1"
    port: int
    database_url: str | None = None
    database_pool_size: int = Field(6, ge=2)

    def database(self, service: str) -> str:
        """The address of the service's database."""
        return self.database_url or CommonSettings().service_database_url(service)


def require_secret(name: str, value: SecretStr, *, development: bool) -> None:
    """Raise `SecretMissing` when a secret is empty, or made for development while this is not development."""
    text = value.get_secret_value()
    if not text:
        raise SecretMissing(f"{name} is not set: give it a random value of at least {_SHORTEST_SECRET} characters")
    if development:
        return
    if text.startswith(DEVELOPMENT_PREFIX):
        raise SecretMissing(f"{name} holds a development secret: set a random value of your own")
    if len(text) < _SHORTEST_SECRET:
        raise SecretMissing(f"{name} is too short: give it a random value of at least {_SHORTEST_SECRET} characters")


def require_public_key(name: str, pem: str) -> None:
    """Raise `SecretMissing` when a text is no Ed25519 public key."""
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SecretMissing(f"{name} is no Ed25519 public key in PEM form")
