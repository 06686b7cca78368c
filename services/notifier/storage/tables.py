"""notifier's tables. Of people they hold the addresses of the team, and nothing else."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Index, MetaData, Text, UniqueConstraint, text
from sqlalchemy.orm import registry
from sqlalchemy.schema import CheckConstraint
from sqlmodel import Field, SQLModel

from services.notifier.domain.notifications import NotificationState
from shared.kit.database import NAMING
from shared.kit.tables import add_kit_tables

metadata = MetaData(naming_convention=NAMING)
add_kit_tables(metadata)

INSTANT: Any = DateTime(timezone=True)
_STATES = ", ".join(f"'{state.value}'" for state in NotificationState)


class NotifierTable(SQLModel, registry=registry(metadata=metadata)):
    """The base of notifier's tables, in a metadata of their own: several services may live in one process."""

    metadata: ClassVar[MetaData] = metadata


class Member(NotifierTable, table=True):
    """notifier's copy of a member's address, from `team.members.v1`; only a higher version is applied.

    Versions are of assignment's making and as large as milliseconds since 1970. `email` is None for somebody
    who was erased.
    """

    __tablename__ = "members"

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    version: int = Field(sa_type=BigInteger)
    email: str | None = Field(default=None, sa_type=Text)
    is_active: bool


class Notification(NotifierTable, table=True):
    """One thing to tell one member; who and what they are about is asked of leads when it is sent.

    `lease` is the sender that has it in hand, until `leased_until` by the database's clock.
    `waiting_since` is when it was made, or last sent back to waiting by hand. `reason` says why it is where it is,
    for operators.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("kind", "lead_id", "decision_number", name="uq_notifications_once"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_has_time"),
        Index("ix_notifications_due", "due_at", postgresql_where=text("state IN ('waiting', 'sending')")),
        Index("ix_notifications_created_at", "created_at", "id"),
        Index("ix_notifications_lead_id", "lead_id"),
        Index("ix_notifications_member_id", "member_id", "created_at", "id"),
    )

    id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    lead_id: int = Field(sa_type=BigInteger)
    decision_number: int
    member_id: int = Field(sa_type=BigInteger)
    correlation_id: UUID
    state: str = Field(sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    due_at: datetime = Field(sa_type=INSTANT)
    lease: UUID | None = None
    leased_until: datetime | None = Field(default=None, sa_type=INSTANT)
    waiting_since: datetime = Field(sa_type=INSTANT)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)
    sent_at: datetime | None = Field(default=None, sa_type=INSTANT)
