"""intake's tables. `receipts` is narrow, because each row is written three times; what arrived lies beside it."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    Uuid,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from services.intake.storage.counts import FUNCTION_V1, TRIGGERS_V1
from shared.kit.database import NAMING
from shared.kit.tables import add_kit_tables

metadata = MetaData(naming_convention=NAMING)
add_kit_tables(metadata)

_EMPTY_LIST = text("'{}'")


def _instant(*, nullable: bool = False, now: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=nullable, server_default=text("now()") if now else None)


class Row(SQLModel):
    """The base of intake's tables, with metadata of its own: services that share a process share no tables."""

    metadata: ClassVar[MetaData] = metadata


class Receipt(Row, table=True):
    """One thing that arrived and what became of it; every receipt ends in exactly one outcome."""

    __tablename__ = "receipts"
    __table_args__ = (
        CheckConstraint(
            "state IN ('received', 'fetching', 'published', 'settled', 'ignored', 'quarantined')", name="state"
        ),
        CheckConstraint("(state = 'settled') = (outcome IS NOT NULL)", name="settled_has_outcome"),
        CheckConstraint("outcome IN ('new', 'repeat', 'update')", name="outcome"),
        CheckConstraint("state NOT IN ('ignored', 'quarantined') OR reason IS NOT NULL", name="reason"),
        Index("ix_receipts_waiting", "id", postgresql_where=text("state = 'received'")),
        Index("ix_receipts_unsettled", "retry_at", postgresql_where=text("state = 'published'")),
        Index("ix_receipts_quarantined", "id", postgresql_where=text("state = 'quarantined'")),
        Index("ix_receipts_received_at", "received_at"),
        Index("ix_receipts_reason", "reason", "id", postgresql_where=text("reason IS NOT NULL")),
    )

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    receipt_id: UUID = Field(sa_column=Column(Uuid, nullable=False, unique=True))
    dedupe_key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    channel: str = Field(sa_column=Column(Text, nullable=False))
    account: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    outcome: str | None = Field(None, sa_column=Column(Text))
    reason: str | None = Field(None, sa_column=Column(Text))
    received_at: datetime = Field(sa_column=_instant())
    business_date: date
    lead_uuid: UUID | None = Field(None, sa_column=Column(Uuid))
    lead_id: int | None = Field(None, sa_column=Column(BigInteger))
    lead_number: str | None = Field(None, sa_column=Column(Text))
    partition: int | None = None
    offset: int | None = Field(None, sa_column=Column(BigInteger))
    attempts: int = Field(0, sa_column_kwargs={"server_default": text("0")})
    published_at: datetime | None = Field(None, sa_column=_instant(nullable=True))
    retry_at: datetime | None = Field(None, sa_column=_instant(nullable=True))
    settled_at: datetime | None = Field(None, sa_column=_instant(nullable=True))


class ReceiptCount(Row, table=True):
    """How many receipts more or fewer are of a term of the equation; the sum of a term's rows is its count.

    Triggers on `receipts` append a row for each statement and term, in the same transaction. Summing and folding
    are each one statement, so that every snapshot balances.
    """

    __tablename__ = "receipt_counts"

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    term: str = Field(sa_column=Column(Text, nullable=False))
    change: int = Field(sa_column=Column(BigInteger, nullable=False))


class ReceiptBody(Row, table=True):
    """The bytes of an item, as they came."""

    __tablename__ = "receipt_bodies"

    id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("receipts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class WebForm(Row, table=True):
    """A form that may be posted to. No allowed origins means that any page may post.

    `fields` are `{"name": the page's, "maps_to": ours or null}`. Secrets are sealed. Limits are requests a minute.
    """

    __tablename__ = "web_forms"
    __table_args__ = (
        CheckConstraint("provider IN ('typeform', 'tally', 'webflow', 'generic')", name="provider"),
        CheckConstraint("provider IS NULL OR provider_secret IS NOT NULL", name="provider_has_secret"),
    )

    form_key: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    default_region: str | None = Field(None, sa_column=Column(Text))
    allowed_origins: list[str] = Field(
        default_factory=list, sa_column=Column(ARRAY(Text), nullable=False, server_default=_EMPTY_LIST)
    )
    redirect_urls: list[str] = Field(
        default_factory=list, sa_column=Column(ARRAY(Text), nullable=False, server_default=_EMPTY_LIST)
    )
    fields: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    honeypot_field: str | None = Field(None, sa_column=Column(Text))
    minimum_seconds: int | None = None
    turnstile_secret: str | None = Field(None, sa_column=Column(Text))
    consent_field: str | None = Field(None, sa_column=Column(Text))
    consent_text: str | None = Field(None, sa_column=Column(Text))
    consent_version: str | None = Field(None, sa_column=Column(Text))
    rate_limit: int | None = None
    rate_limit_per_address: int | None = None
    capture_before_submit: bool = Field(False, sa_column_kwargs={"server_default": text("false")})
    provider: str | None = Field(None, sa_column=Column(Text))
    provider_secret: str | None = Field(None, sa_column=Column(Text))
    provider_header: str | None = Field(None, sa_column=Column(Text))
    is_active: bool = Field(True, sa_column_kwargs={"server_default": text("true")})
    version: int = Field(1, sa_column_kwargs={"server_default": text("1")})
    created_at: datetime = Field(sa_column=_instant(now=True))
    updated_at: datetime = Field(sa_column=_instant(now=True))


class FormPost(Row, table=True):
    """What makes a form post a repetition: its Idempotency-Key for ever, or else its content for ten minutes."""

    __tablename__ = "form_posts"
    __table_args__ = (Index("ix_form_posts_received_at", "received_at", postgresql_where=text("NOT is_keyed")),)

    fingerprint: str = Field(sa_column=Column(Text, primary_key=True))
    content_hash: str = Field(sa_column=Column(Text, nullable=False))
    is_keyed: bool
    lead_uuid: UUID = Field(sa_column=Column(Uuid, nullable=False))
    received_at: datetime = Field(sa_column=_instant())


class ChannelAccount(Row, table=True):
    """An account of ours on a platform: a WhatsApp number, a Facebook page or an Instagram account.

    The three secrets are sealed (`secret_place`). `parent_id` is what is subscribed where that is not the account
    itself: the WhatsApp business account of a number, the page of an Instagram account. `version` counts what people
    changed, so that what the machine notes beside it moves no version.
    """

    __tablename__ = "channel_accounts"
    __table_args__ = (
        CheckConstraint("channel IN ('whatsapp', 'messenger', 'instagram')", name="channel"),
        UniqueConstraint("channel", "account_id"),
    )

    id: int | None = Field(None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    channel: str = Field(sa_column=Column(Text, nullable=False))
    account_id: str = Field(sa_column=Column(Text, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    parent_id: str | None = Field(None, sa_column=Column(Text))
    app_id: str | None = Field(None, sa_column=Column(Text))
    default_region: str | None = Field(None, sa_column=Column(Text))
    app_secret: str | None = Field(None, sa_column=Column(Text))
    access_token: str | None = Field(None, sa_column=Column(Text))
    verify_token: str = Field(sa_column=Column(Text, nullable=False))
    is_active: bool = Field(True, sa_column_kwargs={"server_default": text("true")})
    version: int = Field(1, sa_column_kwargs={"server_default": text("1")})
    subscribed_at: datetime | None = Field(None, sa_column=_instant(nullable=True))
    last_delivery_at: datetime | None = Field(None, sa_column=_instant(nullable=True))
    failed_step: str | None = Field(None, sa_column=Column(Text))
    last_error: str | None = Field(None, sa_column=Column(Text))
    last_error_at: datetime | None = Field(None, sa_column=_instant(nullable=True))
    created_at: datetime = Field(sa_column=_instant(now=True))
    updated_at: datetime = Field(sa_column=_instant(now=True))


class LeadFetch(Row, table=True):
    """A lead that a receipt in the state `fetching` waits for; gone when it was fetched or given up."""

    __tablename__ = "lead_fetches"
    __table_args__ = (Index("ix_lead_fetches_retry_at", "retry_at"),)

    id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("receipts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    page_id: str = Field(sa_column=Column(Text, nullable=False))
    leadgen_id: str = Field(sa_column=Column(Text, nullable=False))
    form_id: str | None = Field(None, sa_column=Column(Text))
    attempts: int = Field(0, sa_column_kwargs={"server_default": text("0")})
    retry_at: datetime = Field(sa_column=_instant(now=True))


class Attachment(Row, table=True):
    """A file that came with a receipt, and what became of it. Its bytes are in the file store under `file_key`.

    A receipt's files are deleted before it is, since its rows go with it.
    """

    __tablename__ = "attachments"
    __table_args__ = (
        UniqueConstraint("receipt", "place"),
        CheckConstraint("state IN ('waiting', 'stored', 'failed')", name="state"),
        CheckConstraint("(media_id IS NULL) <> (url IS NULL)", name="one_source"),
        CheckConstraint("state <> 'stored' OR (mime_type IS NOT NULL AND size IS NOT NULL)", name="stored"),
        Index("ix_attachments_waiting", "retry_at", postgresql_where=text("state = 'waiting'")),
    )

    id: int | None = Field(None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    attachment_id: UUID = Field(sa_column=Column(Uuid, nullable=False, unique=True))
    receipt: int = Field(sa_column=Column(BigInteger, ForeignKey("receipts.id", ondelete="CASCADE"), nullable=False))
    place: int
    kind: str = Field(sa_column=Column(Text, nullable=False))
    media_id: str | None = Field(None, sa_column=Column(Text))
    url: str | None = Field(None, sa_column=Column(Text))
    file_name: str | None = Field(None, sa_column=Column(Text))
    file_key: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field("waiting", sa_column=Column(Text, nullable=False, server_default=text("'waiting'")))
    reason: str | None = Field(None, sa_column=Column(Text))
    attempts: int = Field(0, sa_column_kwargs={"server_default": text("0")})
    retry_at: datetime = Field(sa_column=_instant(now=True))
    mime_type: str | None = Field(None, sa_column=Column(Text))
    ending: str | None = Field(None, sa_column=Column(Text))
    size: int | None = Field(None, sa_column=Column(BigInteger))
    sha256: str | None = Field(None, sa_column=Column(Text))
    created_at: datetime = Field(sa_column=_instant(now=True))
    stored_at: datetime | None = Field(None, sa_column=_instant(nullable=True))


class LeadForm(Row, table=True):
    """A lead form of a page: `fields` are `{"name": the question's key, "maps_to": ours or null}`."""

    __tablename__ = "lead_forms"

    account: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("channel_accounts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    form_id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    default_region: str | None = Field(None, sa_column=Column(Text))
    fields: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    version: int = Field(1, sa_column_kwargs={"server_default": text("1")})
    created_at: datetime = Field(sa_column=_instant(now=True))
    updated_at: datetime = Field(sa_column=_instant(now=True))


for _statement in (FUNCTION_V1, *TRIGGERS_V1):
    event.listen(metadata, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]
