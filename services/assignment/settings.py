"""assignment's settings: `ASSIGNMENT_*`, beside the common `LEADLINE_*`."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class AssignmentSettings(BaseSettings):
    """Where assignment listens and keeps its data; `database_url` overrides the common server whole.

    `queue_sweep_seconds` is the longest that a queued lead waits after a shift has begun, `handover_sweep_seconds`
    how often decisions without an answer are looked for.
    """

    model_config = SettingsConfigDict(env_prefix="ASSIGNMENT_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = 8003
    database_url: str | None = None
    database_pool_size: int = 6
    queue_sweep_seconds: float = 2.0
    handover_sweep_seconds: float = 5.0
