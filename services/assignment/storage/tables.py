"""assignment's tables. Write models for requests are separate: `table=True` models do not validate."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Index, MetaData, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlalchemy.schema import CheckConstraint
from sqlmodel import Field, SQLModel

from shared.kit.database import NAMING
from shared.kit.tables import add_kit_tables

metadata = MetaData(naming_convention=NAMING)
add_kit_tables(metadata)

INSTANT: Any = DateTime(timezone=True)
ONE_EMAIL = "uq_members_email"


class AssignmentTable(SQLModel, registry=registry(metadata=metadata)):
    """The base of assignment's tables, in a metadata of their own: several services may live in one process."""

    metadata: ClassVar[MetaData] = metadata


def _key() -> Any:
    return Column(BigInteger, Identity(always=True), primary_key=True)


def _member(*, is_primary: bool = False, is_optional: bool = False) -> Any:
    return Column(BigInteger, ForeignKey("members.id"), primary_key=is_primary, nullable=is_optional)


class MemberRow(AssignmentTable, table=True):
    """Somebody of the team. Members are never deleted, since decisions name them; they become inactive."""

    __tablename__ = "members"
    __table_args__ = (
        CheckConstraint("role IN ('salesperson', 'supervisor', 'admin')", name="role"),
        CheckConstraint("capacity >= 0", name="capacity"),
        Index(ONE_EMAIL, text("lower(email)"), unique=True),
    )

    id: int | None = Field(default=None, sa_column=_key())
    name: str = Field(sa_type=Text)
    email: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    capacity: int
    time_zone: str = Field(sa_type=Text)
    working_hours: list[dict[str, Any]] = Field(sa_type=JSONB)
    is_active: bool
    version: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)


class WorkloadRow(AssignmentTable, table=True):
    """A member's counters; `open_leads` is the number of rows in `leads` whose `held_by` names the member.

    Written only under the ledger's lock.
    """

    __tablename__ = "workloads"
    __table_args__ = (
        CheckConstraint("open_leads >= 0", name="open_leads"),
        CheckConstraint("won >= 0 AND lost >= 0", name="results"),
    )

    member_id: int = Field(sa_column=_member(is_primary=True))
    open_leads: int = 0
    won: int = 0
    lost: int = 0
    turn: int = Field(default=0, sa_type=BigInteger)


class LeadRow(AssignmentTable, table=True):
    """The state of a lead's assignment; `domain.leads.Lead` says what the columns mean.

    Members are not foreign keys here: after a restore, leads may name somebody whom this database has lost.
    """

    __tablename__ = "leads"
    __table_args__ = (
        CheckConstraint("stage IN ('unready', 'queued', 'decided', 'assigned', 'closed')", name="stage"),
        CheckConstraint("outcome IN ('won', 'lost')", name="outcome"),
        Index("ix_leads_queue", "ready_at", "lead_id", postgresql_where=text("stage = 'queued'")),
        Index("ix_leads_handover", "next_handover_at", postgresql_where=text("stage = 'decided'")),
    )

    lead_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    stage: str = Field(sa_type=Text)
    source: str | None = Field(default=None, sa_type=Text)
    language: str | None = Field(default=None, sa_type=Text)
    preferred_owner_id: int | None = Field(default=None, sa_type=BigInteger)
    correlation_id: UUID | None = None
    ready_at: datetime | None = Field(default=None, sa_type=INSTANT)
    decision_number: int
    chosen_id: int | None = Field(default=None, sa_type=BigInteger)
    owner_number: int
    owner_id: int | None = Field(default=None, sa_type=BigInteger)
    is_adopted: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    settled_at: datetime | None = Field(default=None, sa_type=INSTANT)
    held_by: list[int] = Field(sa_type=ARRAY(BigInteger))
    queued_at: datetime | None = Field(default=None, sa_type=INSTANT)
    reason: str | None = Field(default=None, sa_type=Text)
    refusals: int
    next_attempt_at: datetime | None = Field(default=None, sa_type=INSTANT)
    handovers: int
    next_handover_at: datetime | None = Field(default=None, sa_type=INSTANT)
    status_version: int
    outcome: str | None = Field(default=None, sa_type=Text)
    credited_id: int | None = Field(default=None, sa_type=BigInteger)


class WeighingRow(AssignmentTable, table=True):
    """A member as compared for a lead, a document of `domain.scoring`.

    Of a batch's candidates hardly any differ from one decision to the next, so that each is kept once and named by
    all decisions that compared it.
    """

    __tablename__ = "weighings"

    id: int | None = Field(default=None, sa_column=_key())
    document: dict[str, Any] = Field(sa_type=JSONB)


class DecisionRow(AssignmentTable, table=True):
    """A decision with all of its inputs, written once: `weighing_ids` are its candidates, by member id."""

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("lead_id", "decision_number", name="uq_decisions_number"),)

    id: int | None = Field(default=None, sa_column=_key())
    lead_id: int = Field(sa_type=BigInteger)
    decision_number: int
    chosen_member_id: int = Field(sa_column=_member())
    previous_member_id: int | None = Field(default=None, sa_type=BigInteger)
    weighing_ids: list[int] = Field(sa_type=ARRAY(BigInteger))
    policy_version: int
    is_manual: bool
    decided_by: int | None = Field(default=None, sa_type=BigInteger)
    reason: str | None = Field(default=None, sa_type=Text)
    decided_at: datetime = Field(sa_type=INSTANT)
