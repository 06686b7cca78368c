"""The tables that the kit keeps in every service's database, and the migration steps that make them."""

from typing import Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

_INSTANT = DateTime(timezone=True)


def add_kit_tables(metadata: MetaData) -> None:
    """Declare the kit's tables in a service's metadata; call it once, beside the service's own tables."""
    now = text("now()")
    Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("created_at", _INSTANT, nullable=False, server_default=now),
        Column("published_at", _INSTANT),
        Index("ix_outbox_unsent", "id", postgresql_where=text("published_at IS NULL")),
        Index("ix_outbox_published_at", "published_at"),
    )
    Table(
        "relay_positions",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("partition", Integer, primary_key=True),
        Column("cluster_id", Text, nullable=False),
        Column("last_offset", BigInteger, nullable=False),
    )
    Table(
        "inbox",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("event_id", Uuid, primary_key=True),
        Column("claimed_at", _INSTANT, nullable=False, server_default=now),
        Index("ix_inbox_claimed_at", "claimed_at"),
    )
    Table(
        "dead_letters",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("consumer", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("key", LargeBinary),
        Column("type", Text, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary),
        Column("produced_at", _INSTANT, nullable=False),
        Column("error", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("created_at", _INSTANT, nullable=False, server_default=now),
        Column("replayed_at", _INSTANT),
        Index("uq_dead_letters_record", "consumer", "topic", "partition", "offset", "produced_at", unique=True),
        Index("ix_dead_letters_waiting", "consumer", "id", postgresql_where=text("replayed_at IS NULL")),
    )
    Table(
        "consumer_stops",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("reason", Text, nullable=False),
        Column("stopped_at", _INSTANT, nullable=False, server_default=now),
    )
    Table(
        "schedule_slots",
        metadata,
        Column("job", Text, primary_key=True),
        Column("slot", _INSTANT, primary_key=True),
        Column("leased_until", _INSTANT),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("finished_at", _INSTANT),
        Column("error", Text),
        Index("ix_schedule_slots_open", "slot", postgresql_where=text("finished_at IS NULL")),
    )


class Operations(Protocol):
    """The part of alembic's `op` that is needed."""

    def execute(self, sqltext: str) -> None:
        """Run one statement."""
        ...


_V1 = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_outbox PRIMARY KEY,
    topic text NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
CREATE INDEX ix_outbox_unsent ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX ix_outbox_published_at ON outbox (published_at);
CREATE TABLE relay_positions (
    topic text NOT NULL,
    partition integer NOT NULL,
    cluster_id text NOT NULL,
    last_offset bigint NOT NULL,
    CONSTRAINT pk_relay_positions PRIMARY KEY (topic, partition)
);
CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_inbox PRIMARY KEY (consumer, event_id)
);
CREATE INDEX ix_inbox_claimed_at ON inbox (claimed_at);
CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_dead_letters PRIMARY KEY,
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    key bytea,
    type text NOT NULL,
    headers jsonb NOT NULL,
    body bytea,
    produced_at timestamptz NOT NULL,
    error text NOT NULL,
    attempts integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz
);
CREATE UNIQUE INDEX uq_dead_letters_record ON dead_letters (consumer, topic, partition, "offset", produced_at);
CREATE INDEX ix_dead_letters_waiting ON dead_letters (consumer, id) WHERE replayed_at IS NULL;
CREATE TABLE consumer_stops (
    consumer text NOT NULL CONSTRAINT pk_consumer_stops PRIMARY KEY,
    reason text NOT NULL,
    stopped_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE schedule_slots (
    job text NOT NULL,
    slot timestamptz NOT NULL,
    leased_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    finished_at timestamptz,
    error text,
    CONSTRAINT pk_schedule_slots PRIMARY KEY (job, slot)
);
CREATE INDEX ix_schedule_slots_open ON schedule_slots (slot) WHERE finished_at IS NULL
"""


def create_v1(op: Operations) -> None:
    """The first version of the kit's tables, for a service's migration 0001."""
    for statement in _V1.split(";"):
        op.execute(statement)
