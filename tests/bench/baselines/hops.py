"""What the pipelines have in common: their topics, where they are told about, and the decision that is handed over."""

import os
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from tests.bench.baselines.bodies import OutboxLine

PREFIX: Final = os.environ.get("BENCH_PREFIX", "bench")
BROKER: Final = os.environ.get("LEADLINE_KAFKA_BOOTSTRAP_SERVERS", "")
INTAKE_DATABASE: Final = os.environ.get("INTAKE_DATABASE_URL", "")
LEADS_DATABASE: Final = os.environ.get("LEADS_DATABASE_URL", "")
ASSIGNMENT_DATABASE: Final = os.environ.get("ASSIGNMENT_DATABASE_URL", "")
# Records in a batch, and seconds between two commits of offsets, as consumers of ours have; and milliseconds of a poll,
# which ends with the first record anyhow.
MAX_RECORDS: Final = 300
POLL_MS: Final = 500
COMMIT_SECONDS: Final = 0.2


class Topics(NamedTuple):
    """One topic for each hop, and one for what nobody here reads. A pipeline's topics are its own, by a prefix."""

    inquiries: str
    ready: str
    decisions: str
    told: str

    @classmethod
    def of(cls, prefix: str) -> "Topics":
        """The topics of a pipeline."""
        return cls(f"{prefix}.inquiries", f"{prefix}.ready", f"{prefix}.decisions", f"{prefix}.told")

    def of_line(self, line: OutboxLine) -> str:
        """Where a line of the outbox goes."""
        return self.ready if line.type == "lead.ready.v1" else self.told


class LeadIsReady(BaseModel):
    """The part of `lead.ready.v1` that an assigner needs."""

    lead_id: int
    correlation_id: UUID


class Decided(BaseModel):
    """Who gets a lead."""

    decision_id: int
    decision_number: int
    lead_id: int
    member_id: int
    correlation_id: UUID
