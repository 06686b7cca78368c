"""leads' tables. Write models for requests are separate: `table=True` models do not validate."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy import Identity as Generated
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlalchemy.schema import CheckConstraint
from sqlmodel import Field, SQLModel

from shared.contracts.words import LeadStatus
from shared.kit.database import NAMING
from shared.kit.tables import add_kit_tables

metadata = MetaData(naming_convention=NAMING)
add_kit_tables(metadata)

Day = date
INSTANT: Any = DateTime(timezone=True)
IS_OPEN = f"status <> {int(LeadStatus.CLOSED)} AND deleted_at IS NULL AND merged_into_id IS NULL"
"""The SQL condition of an open lead; a person has one at most."""
ONE_OPEN_LEAD = "uq_leads_open_person"


class LeadsTable(SQLModel, registry=registry(metadata=metadata)):
    """The base of leads' tables, in a metadata of their own: several services may live in one process."""

    metadata: ClassVar[MetaData] = metadata


def _key() -> Any:
    return Column(BigInteger, Generated(), primary_key=True)


def _lead(*, is_primary: bool = False, is_deferred: bool = True) -> Any:
    # Registration writes leads last, after the rows that point at them, because it takes the numbers last.
    return Column(
        BigInteger,
        ForeignKey("leads.id", deferrable=is_deferred or None, initially="DEFERRED" if is_deferred else None),
        primary_key=is_primary,
        nullable=False,
    )


class Person(LeadsTable, table=True):
    """Somebody who wrote to us. The names are what they stated; `profile_name` is what a platform calls them.

    The row's lock (`FOR NO KEY UPDATE`, which lets foreign keys pass) guards the person's leads: every
    command that opens, attaches, closes, merges, deletes or erases takes it first.
    """

    __tablename__ = "people"

    id: int | None = Field(default=None, sa_column=_key())
    first_name: str | None = Field(default=None, sa_type=Text)
    last_name: str | None = Field(default=None, sa_type=Text)
    profile_name: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)


class PersonIdentity(LeadsTable, table=True):
    """An address and the one person it belongs to; `evidence` is the strongest that was seen for it.

    `ended_at` is when a platform said that its owner had it no longer: what was sent later is somebody else's.
    """

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("kind", "scope", "match_key", name="uq_identities_address"),
        CheckConstraint("evidence IN ('verified', 'stated')", name="evidence"),
        Index("ix_identities_person_id", "person_id"),
    )

    id: int | None = Field(default=None, sa_column=_key())
    kind: str = Field(sa_type=Text)
    scope: str = Field(sa_type=Text)
    match_key: str = Field(sa_type=Text)
    value: str = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)
    person_id: int = Field(sa_type=BigInteger)
    first_seen_at: datetime = Field(sa_type=INSTANT)
    last_seen_at: datetime = Field(sa_type=INSTANT)
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)


class PersonCandidate(LeadsTable, table=True):
    """Two people who may be one, because of an address; for a human to decide, never merged by itself.

    With the reason `name_conflict`, `person_id` stated the address under a name that contradicts its owner's
    (`other_person_id`), so that this person is found again when they state it once more.
    """

    __tablename__ = "person_candidates"
    __table_args__ = (
        UniqueConstraint("identity_id", "person_id", "other_person_id", "reason", name="uq_person_candidates_pair"),
        CheckConstraint("person_id <> other_person_id", name="two_people"),
        Index("ix_person_candidates_person_id", "person_id"),
        Index("ix_person_candidates_other_person_id", "other_person_id"),
    )

    id: int | None = Field(default=None, sa_column=_key())
    person_id: int = Field(sa_column=Column(BigInteger, ForeignKey("people.id"), nullable=False))
    other_person_id: int = Field(sa_column=Column(BigInteger, ForeignKey("people.id"), nullable=False))
    identity_id: int = Field(sa_column=Column(BigInteger, ForeignKey("identities.id"), nullable=False))
    reason: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)


class Claim(LeadsTable, table=True):
    """An inquiry that was registered, and what became of it. Kept for ever; holds no personal data.

    `outcome` is empty only inside the transaction that claims, `receipt_id` for what came by REST and not through
    intake. There is no foreign key to leads: a claim outlives whatever it points at.
    """

    __tablename__ = "claims"
    # Each row is updated once in the transaction that inserts it: room on the page keeps that off the index.
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    dedupe_key: str = Field(sa_type=Text, primary_key=True)
    receipt_id: UUID | None = None
    outcome: str | None = Field(default=None, sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    lead_id: int | None = Field(default=None, sa_type=BigInteger)
    claimed_at: datetime = Field(sa_type=INSTANT)


class Inquiry(LeadsTable, table=True):
    """What somebody sent. Everything personal is in `sender`, `text`, `content` and `attribution`.

    `edited_at` is when the text was written that is there now; `revoked_at`, when they took it back: then it is empty.
    """

    __tablename__ = "inquiries"
    __table_args__ = (Index("ix_inquiries_lead_id", "lead_id", "sent_at", "id"),)

    id: int | None = Field(default=None, sa_column=_key())
    # No foreign key, as in `history`: docs/decisions/0008.
    lead_id: int = Field(sa_type=BigInteger)
    receipt_id: UUID
    channel: str = Field(sa_type=Text)
    account: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    thread: str = Field(sa_type=Text)
    received_at: datetime = Field(sa_type=INSTANT)
    sent_at: datetime = Field(sa_type=INSTANT)
    sender: dict[str, Any] = Field(sa_type=JSONB)
    text: str | None = Field(default=None, sa_type=Text)
    content: dict[str, Any] = Field(sa_type=JSONB)
    attribution: dict[str, Any] = Field(sa_type=JSONB)
    edited_at: datetime | None = Field(default=None, sa_type=INSTANT)
    revoked_at: datetime | None = Field(default=None, sa_type=INSTANT)


class ParkedUpdate(LeadsTable, table=True):
    """An update whose target is not there yet, under the name of the target; has personal data, for a month at most.

    An update of somebody with several addresses waits under each of them.
    """

    __tablename__ = "parked_updates"
    __table_args__ = (
        UniqueConstraint("target", "dedupe_key", name="uq_parked_updates_target"),
        Index("ix_parked_updates_dedupe_key", "dedupe_key"),
    )

    id: int | None = Field(default=None, sa_column=_key())
    target: str = Field(sa_type=Text)
    dedupe_key: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    sent_at: datetime = Field(sa_type=INSTANT)
    parked_at: datetime = Field(sa_type=INSTANT)


class OptOutWish(LeadsTable, table=True):
    """Whether a person wants to be left alone on a channel: the wish that was expressed last, at `changed_at`."""

    __tablename__ = "opt_outs"
    __table_args__ = (CheckConstraint("origin IN ('message', 'preference')", name="origin"),)

    person_id: int = Field(sa_column=Column(BigInteger, ForeignKey("people.id"), primary_key=True))
    channel: str = Field(sa_type=Text, primary_key=True)
    is_opted_out: bool
    changed_at: datetime = Field(sa_type=INSTANT)
    origin: str = Field(sa_type=Text)


class Lead(LeadsTable, table=True):
    """One pursuit of one person, from the first inquiry to won or lost.

    `version` grows with every change that a reader can see. `phone` and `email` are as they came, their keys
    are what filters compare. `thread` and `account` are those of the inquiry that opened it. `decision_number`
    is the number of the last assignment decision that was applied. `hand_over_at` is when a ready lead without
    an owner is handed to assignment again; the bookkeeping of that changes no version.
    """

    __tablename__ = "leads"
    __table_args__ = (
        UniqueConstraint("lead_uuid", name="uq_leads_lead_uuid"),
        UniqueConstraint("number", name="uq_leads_number"),
        UniqueConstraint("business_date", "serial", name="uq_leads_serial"),
        CheckConstraint("status BETWEEN 1 AND 4", name="status"),
        CheckConstraint("step BETWEEN 1 AND 3", name="step"),
        CheckConstraint("outcome IN ('won', 'lost')", name="outcome"),
        CheckConstraint("(status = 3) = (outcome IS NOT NULL)", name="closed_has_outcome"),
        CheckConstraint("(status = 3) = (closed_at IS NOT NULL)", name="closed_has_time"),
        Index(ONE_OPEN_LEAD, "person_id", unique=True, postgresql_where=text(IS_OPEN)),
        Index("ix_leads_person_id", "person_id", "id"),
        Index("ix_leads_created_at", "created_at", "id"),
        Index("ix_leads_status", "status", "created_at", "id"),
        Index(
            "ix_leads_assigned_id",
            "assigned_id",
            "created_at",
            "id",
            postgresql_where=text("assigned_id IS NOT NULL"),
        ),
        Index("ix_leads_phone_key", "phone_key", postgresql_where=text("phone_key IS NOT NULL")),
        Index("ix_leads_email_key", "email_key", postgresql_where=text("email_key IS NOT NULL")),
        Index("ix_leads_tags", "tags", postgresql_using="gin", postgresql_where=text("tags <> '{}'")),
        Index(
            "ix_leads_hand_over_at",
            "hand_over_at",
            postgresql_where=text(f"assigned_id IS NULL AND is_ready AND {IS_OPEN}"),
        ),
    )

    id: int | None = Field(default=None, sa_column=_key())
    lead_uuid: UUID
    number: str = Field(sa_type=Text)
    business_date: date
    serial: int
    person_id: int = Field(sa_column=Column(BigInteger, ForeignKey("people.id"), nullable=False))
    first_name: str | None = Field(default=None, sa_type=Text)
    last_name: str | None = Field(default=None, sa_type=Text)
    phone: str | None = Field(default=None, sa_type=Text)
    phone_key: str | None = Field(default=None, sa_type=Text)
    email: str | None = Field(default=None, sa_type=Text)
    email_key: str | None = Field(default=None, sa_type=Text)
    language: str | None = Field(default=None, sa_type=Text)
    status: int = Field(sa_column=Column(SmallInteger, nullable=False, server_default="1"))
    step: int | None = Field(default=None, sa_type=SmallInteger)
    assigned_id: int | None = Field(default=None, sa_type=BigInteger)
    decision_number: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    source: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    account: str = Field(sa_type=Text)
    thread: str = Field(sa_type=Text)
    abandon_reason: str | None = Field(default=None, sa_type=Text)
    note: str | None = Field(default=None, sa_type=Text)
    is_ready: bool
    tags: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False, server_default="{}"))
    is_repeat: bool
    repeat_of_id: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("leads.id")))
    merged_into_id: int | None = Field(
        default=None,
        # Deferred: the lead that it was merged into may be opened by the same transaction, last.
        sa_column=Column(BigInteger, ForeignKey("leads.id", deferrable=True, initially="DEFERRED")),
    )
    preferred_owner_id: int | None = Field(default=None, sa_type=BigInteger)
    outcome: str | None = Field(default=None, sa_type=Text)
    close_reason: str | None = Field(default=None, sa_type=Text)
    custom: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)
    first_response_at: datetime | None = Field(default=None, sa_type=INSTANT)
    closed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    deleted_at: datetime | None = Field(default=None, sa_type=INSTANT)
    hand_over_at: datetime | None = Field(default=None, sa_type=INSTANT)
    hand_overs: int = Field(sa_column=Column(SmallInteger, nullable=False, server_default="0"), default=0)


class LeadAlias(LeadsTable, table=True):
    """A uuid that the edge promised for an inquiry whose person had an open lead; it works for ever."""

    __tablename__ = "lead_aliases"
    __table_args__ = (Index("ix_lead_aliases_lead_id", "lead_id"),)

    lead_uuid: UUID = Field(primary_key=True)
    lead_id: int = Field(sa_column=_lead())
    created_at: datetime = Field(sa_type=INSTANT)


class FormDraft(LeadsTable, table=True):
    """What a form in progress says so far, as `domain.form_drafts` folds it; locked before any address.

    `lead_id` and `receipt_id`, the lead and the inquiry that show it, are empty until the form's beginning has come,
    and `state` while nothing is known but that it is there.
    """

    __tablename__ = "form_drafts"
    __table_args__ = (Index("ix_form_drafts_updated_at", "updated_at"),)

    lead_uuid: UUID = Field(primary_key=True)
    lead_id: int | None = Field(default=None, sa_type=BigInteger)
    receipt_id: UUID | None = None
    state: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)


class Experience(LeadsTable, table=True):
    """Something that a lead wants; `lead_uuid` is set where a form told it, which may tell it anew.

    `passengers` are people as the form asked about them; `passenger_count` may be all that is known of them.
    """

    __tablename__ = "experiences"
    __table_args__ = (
        Index("ix_experiences_lead_id", "lead_id", "id"),
        Index("ix_experiences_lead_uuid", "lead_uuid", postgresql_where=text("lead_uuid IS NOT NULL")),
    )

    id: int | None = Field(default=None, sa_column=_key())
    lead_id: int = Field(sa_type=BigInteger)
    lead_uuid: UUID | None = None
    name: str | None = Field(default=None, sa_type=Text)
    date: Day | None = None
    passengers: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default="[]")
    )
    passenger_count: int | None = None
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))
    actor: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)


class DayCounter(LeadsTable, table=True):
    """The last serial of a business date; the one global lock, held for one statement and a commit."""

    __tablename__ = "day_counters"
    __table_args__ = ({"postgresql_with": {"fillfactor": 10}},)

    business_date: date = Field(primary_key=True)
    last_serial: int


class HistoryEntry(LeadsTable, table=True):
    """What happened to a lead: `type` 1 System, 2 Manager Comment.

    `changes` is `{field: {"from": …, "to": …}}`; folded in order of id they give the lead's present fields.
    """

    __tablename__ = "history"
    __table_args__ = (
        CheckConstraint("type IN (1, 2)", name="type"),
        Index("ix_history_lead_id", "lead_id", "id"),
    )

    id: int | None = Field(default=None, sa_column=_key())
    lead_id: int = Field(sa_type=BigInteger)
    type: int = Field(sa_type=SmallInteger)
    text: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=INSTANT)
    changes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))


class AssignmentAnswer(LeadsTable, table=True):
    """What leads answered to a decision of assignment; one that comes again has no second effect.

    `told_at` is when notifier was through with telling the new owner, and `telling` how that ended; until then
    `tell_at` is when the answer is published again.
    """

    __tablename__ = "assignment_answers"
    __table_args__ = (
        CheckConstraint("is_applied = (reason IS NULL)", name="refused_has_reason"),
        CheckConstraint("telling IN ('sent', 'failed', 'ambiguous', 'withdrawn')", name="telling"),
        Index("ix_assignment_answers_tell_at", "tell_at", postgresql_where=text("tell_at IS NOT NULL")),
    )

    lead_id: int = Field(sa_type=BigInteger, primary_key=True)
    decision_number: int = Field(primary_key=True)
    decision_id: int = Field(sa_type=BigInteger)
    member_id: int = Field(sa_type=BigInteger)
    previous_member_id: int | None = Field(default=None, sa_type=BigInteger)
    is_applied: bool
    reason: str | None = Field(default=None, sa_type=Text)
    lead_version: int
    answered_at: datetime = Field(sa_type=INSTANT)
    told_at: datetime | None = Field(default=None, sa_type=INSTANT)
    telling: str | None = Field(default=None, sa_type=Text)
    tell_at: datetime | None = Field(default=None, sa_type=INSTANT)
    tellings: int = Field(sa_column=Column(SmallInteger, nullable=False, server_default="0"), default=0)


class Member(LeadsTable, table=True):
    """leads' copy of a member of the team, from `team.members.v1`; only a higher version is applied."""

    __tablename__ = "members"

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    version: int = Field(sa_type=BigInteger)
    name: str | None = Field(default=None, sa_type=Text)
    role: str = Field(sa_type=Text)
    time_zone: str = Field(sa_type=Text)
    is_active: bool


class IdempotentAnswer(LeadsTable, table=True):
    """A write with an Idempotency-Key and its answer; the answer is empty only inside its own transaction.

    `body` may hold personal data of the lead `lead_id`, for the days that a client may send again.
    """

    __tablename__ = "idempotent_answers"
    __table_args__ = (
        Index("ix_idempotent_answers_created_at", "created_at"),
        Index("ix_idempotent_answers_lead_id", "lead_id", postgresql_where=text("lead_id IS NOT NULL")),
    )

    actor: str = Field(sa_type=Text, primary_key=True)
    key: str = Field(sa_type=Text, primary_key=True)
    fingerprint: str = Field(sa_type=Text)
    lead_id: int | None = Field(default=None, sa_type=BigInteger)
    status: int | None = Field(default=None, sa_type=SmallInteger)
    body: bytes | None = Field(default=None, sa_type=LargeBinary)
    headers: dict[str, str] | None = Field(default=None, sa_type=JSONB)
    created_at: datetime = Field(sa_type=INSTANT)
