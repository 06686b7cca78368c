"""assignment's settings: `ASSIGNMENT_*`, beside the common `LEADLINE_*`."""

from pydantic_settings import SettingsConfigDict

from shared.kit.settings import ServiceSettings


class AssignmentSettings(ServiceSettings):
    """Where assignment listens and keeps its data; `database_url` overrides the common server whole.

    `queue_sweep_seconds` is the longest that a queued lead waits after a shift has begun, `handover_sweep_seconds`
    how often decisions without an answer are looked for.
    """

    model_config = SettingsConfigDict(env_prefix="ASSIGNMENT_", extra="ignore", frozen=True)

    port: int = 8003
    queue_sweep_seconds: float = 2.0
    handover_sweep_seconds: float = 5.0
