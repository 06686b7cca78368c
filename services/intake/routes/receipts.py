"""`/rest/receipts`: what arrived, and what became of it."""

import base64
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.intake.domain.receipts import ReceiptState
from services.intake.routes.backend import Admin, AnyBackend, Reader, Supervisor
from services.intake.storage.reading import ReceiptFilter, find_receipt, list_receipts
from services.intake.storage.receipts import count_quarantined
from services.intake.storage.tables import Receipt
from services.intake.use_cases.replay_receipts import MOST, ReceiptNotFound, replay_receipt, replay_receipts
from services.intake.use_cases.summarise_receipts import Summary, summarise_receipts
from shared.contracts.words import Channel
from shared.kit.paging import Page, decode_cursor, encode_cursor
from shared.kit.problems import invalid_field
from shared.kit.web import QueryText, WriteModel

router = APIRouter(prefix="/rest/receipts", tags=["receipts"])


class ReceiptView(BaseModel):
    """A receipt without its content."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="receipt_id")
    channel: str
    account: str
    kind: str
    state: str
    outcome: str | None
    reason: str | None
    received_at: datetime
    business_date: date
    lead_id: int | None
    lead_uuid: UUID | None
    lead_number: str | None
    attempts: int
    published_at: datetime | None
    settled_at: datetime | None


class WholeReceipt(ReceiptView):
    """A receipt with the bytes that arrived: `body` to read them, `body_base64` to have them exactly."""

    body: str
    body_base64: str


class Replayed(BaseModel):
    """A receipt that waits for its adapter again."""

    id: UUID
    state: Literal["received"] = "received"


class Reason(BaseModel):
    """Why receipts of a channel stand in quarantine, how many, and since when."""

    reason: str
    channel: str
    count: int
    oldest_at: datetime
    latest_at: datetime


class ReplayWish(WriteModel):
    """Which receipts to read again; a reason or a state must be said, so that a slip runs no year of statuses again."""

    reason: Annotated[str | None, Field(max_length=200)] = None
    state: Literal["ignored", "quarantined"] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = MOST

    @model_validator(mode="after")
    def _says_which(self) -> "ReplayWish":
        if self.reason is None and self.state is None:
            raise ValueError("say which: reason or state")
        return self


class ReplayedMany(BaseModel):
    """How many receipts wait for their adapter again."""

    replayed: int


class ReceiptQuery(BaseModel):
    """How a list of receipts is narrowed and cut into pages; `received_to` is not included."""

    model_config = ConfigDict(extra="forbid")

    state: ReceiptState | None = None
    outcome: Literal["new", "repeat", "update"] | None = None
    reason: Annotated[QueryText | None, Field(max_length=200)] = None
    channel: Channel | None = None
    account: Annotated[QueryText | None, Field(max_length=128)] = None
    received_from: AwareDatetime | None = None
    received_to: AwareDatetime | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


@router.get("/summary")
async def summarise(backend: AnyBackend, _: Reader) -> Summary:
    """The conservation equation: `received` equals the sum of all the others."""
    async with backend.database.connection() as connection:
        return await summarise_receipts(connection)


@router.get("/reasons")
async def list_reasons(backend: AnyBackend, _: Supervisor) -> Page[Reason]:
    """What stands in quarantine, by reason and channel: what to look at, and what to replay after a fix."""
    async with backend.database.connection() as connection:
        rows = await count_quarantined(connection)
    return Page(items=[Reason(**row) for row in rows], next_cursor=None, total=len(rows))


@router.post("/replay", status_code=202)
async def replay_many(backend: AnyBackend, _: Admin, wish: ReplayWish) -> ReplayedMany:
    """Run the oldest receipts of a reason or a state through their adapter again, at most `limit`."""
    async with backend.database.transaction() as connection:
        count = await replay_receipts(connection, reason=wish.reason, state=wish.state, limit=wish.limit)
    return ReplayedMany(replayed=count)


@router.get("")
async def list_all(backend: AnyBackend, _: Supervisor, query: Annotated[ReceiptQuery, Query()]) -> Page[ReceiptView]:
    """Receipts, the latest first."""
    narrowed = ReceiptFilter(**query.model_dump(exclude={"limit", "cursor"}))
    before = _position(query.cursor) if query.cursor else None
    async with backend.database.session() as session:
        rows, total = await list_receipts(session, narrowed, before=before, limit=query.limit)
    shown = rows[: query.limit]
    following = encode_cursor(shown[-1].id) if len(rows) > query.limit else None
    return Page(items=[ReceiptView.model_validate(row) for row in shown], next_cursor=following, total=total)


@router.get("/{receipt_id}")
async def read(backend: AnyBackend, _: Admin, receipt_id: UUID) -> WholeReceipt:
    """One receipt with everything that arrived; for admins only, since it is personal."""
    async with backend.database.session() as session:
        found = await find_receipt(session, receipt_id)
    if found is None:
        raise ReceiptNotFound
    return _whole(*found)


@router.post("/{receipt_id}/replay", status_code=202)
async def replay(backend: AnyBackend, _: Admin, receipt_id: UUID) -> Replayed:
    """Run an ignored or quarantined receipt through its adapter again; 409 for any other."""
    async with backend.database.transaction() as connection:
        await replay_receipt(connection, receipt_id)
    return Replayed(id=receipt_id)


def _whole(receipt: Receipt, body: bytes) -> WholeReceipt:
    return WholeReceipt(
        **ReceiptView.model_validate(receipt).model_dump(exclude={"id"}),
        receipt_id=receipt.receipt_id,
        body=body.decode("utf-8", "replace"),
        body_base64=base64.b64encode(body).decode(),
    )


def _position(cursor: str) -> int:
    (before,) = decode_cursor(cursor, 1)
    if not isinstance(before, int) or isinstance(before, bool) or not 0 < before < 2**63:
        raise invalid_field("cursor", "cursor", "take next_cursor of the page before, unchanged")
    return before
