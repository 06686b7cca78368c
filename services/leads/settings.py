"""leads' settings: `LEADS_*`, beside the common `LEADLINE_*`."""

from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.kit.phones import is_region
from shared.kit.settings import ServiceSettings


class LeadsSettings(ServiceSettings):
    """Where leads listens and keeps its data; `database_url` overrides the common server whole.

    In a backlog of inquiries `lanes` batches of `batch_size` are worked on at a time: one is computed while the
    database works on another. `default_region` (two letters, such as MX) reads national phone numbers that staff write.
    A ready lead without an owner is handed to assignment again after `hand_over_seconds`, then after twice that and so
    on, at most `hand_over_longest_seconds` apart.
    """

    model_config = SettingsConfigDict(env_prefix="LEADS_", extra="ignore", frozen=True)

    port: int = 8002
    database_pool_size: int = 10
    batch_size: int = 300
    lanes: int = Field(3, ge=1)
    default_region: str | None = None
    hand_over_seconds: float = 30.0
    hand_over_longest_seconds: float = 1800.0

    @field_validator("default_region")
    @classmethod
    def _region_exists(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not is_region(value.upper()):
            raise ValueError("give a country's two letters, such as MX, or leave it empty")
        return value.upper()

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if not 0 < self.hand_over_seconds <= self.hand_over_longest_seconds:
            raise ValueError("LEADS_HAND_OVER_SECONDS must be above 0 and not above LEADS_HAND_OVER_LONGEST_SECONDS")
        return self
