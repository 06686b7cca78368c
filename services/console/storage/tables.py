"""console's tables: who may sign in, and who has."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Index, LargeBinary, MetaData, Text
from sqlalchemy.orm import registry
from sqlalchemy.schema import CheckConstraint
from sqlmodel import Field, SQLModel

from shared.kit.database import NAMING
from shared.kit.tables import add_kit_tables

metadata = MetaData(naming_convention=NAMING)
add_kit_tables(metadata)

INSTANT: Any = DateTime(timezone=True)


class ConsoleTable(SQLModel, registry=registry(metadata=metadata)):
    """The base of console's tables, in a metadata of their own: several services may live in one process."""

    metadata: ClassVar[MetaData] = metadata


class AccountRow(ConsoleTable, table=True):
    """Somebody who may sign in; `email` is in lower case. `member_id` is None for accounts of no member."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("role IN ('salesperson', 'supervisor', 'admin')", name="role"),
        Index("uq_accounts_email", "email", unique=True),
        Index("uq_accounts_member_id", "member_id", unique=True),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    email: str = Field(sa_type=Text)
    password_hash: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    member_id: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)


class SessionRow(ConsoleTable, table=True):
    """A session; its token is in the person's cookie only, here is the hash."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_account_id", "account_id"), Index("ix_sessions_expires_at", "expires_at"))

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    account_id: int = Field(sa_column=Column(BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False))
    created_at: datetime = Field(sa_type=INSTANT)
    last_seen_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime = Field(sa_type=INSTANT)
