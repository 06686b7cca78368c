"""A lead's life: its moves, its history, its comments, and what its person sent."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.routes.answers import Writing, lead_answer, model_answer
from services.leads.routes.backend import AnyBackend, Backend, Cursor, Limit, Reader
from services.leads.routes.cursors import id_of
from services.leads.routes.leads import Worked
from services.leads.routes.models import CommentToAdd, TransitionWish
from services.leads.routes.views import HistoryView, InquiryView, LeadView
from services.leads.storage import lead_journal
from services.leads.storage.lead_journal import MANAGER_COMMENT, SYSTEM
from services.leads.storage.lead_rows import get_lead
from services.leads.use_cases.add_comment import add_comment
from services.leads.use_cases.change_status import Transition, change_status
from shared.kit.paging import Page, decode_cursor, encode_cursor
from shared.kit.problems import invalid_field
from shared.kit.security import Caller

router = APIRouter(prefix="/rest/leads/{lead}", tags=["lead's life"])


class CommentQuery(BaseModel):
    """Which way round, and which part."""

    model_config = ConfigDict(extra="forbid")

    sort: Literal["occurred_at", "-occurred_at"] = "occurred_at"
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=1000)] | None = None


class HistoryQuery(CommentQuery):
    """History can be narrowed to 1 System or 2 Manager Comment."""

    type: Literal["1", "2"] | None = None


@router.post("/transitions", response_model=LeadView)
async def move(write: Writing, lead: str, wish: TransitionWish) -> Response:
    """Move a lead along its table; 409 names the legal moves and changes nothing."""

    async def work(session: AsyncSession) -> Worked:
        wanted = Transition(wish.to, wish.outcome, wish.reason)
        return lead_answer(await change_status(session, write.caller, lead, wanted, write.command))

    return await write.answer(work)


@router.get("/history")
async def history(
    backend: AnyBackend, caller: Reader, lead: str, part: Annotated[HistoryQuery, Query()]
) -> Page[HistoryView]:
    """What happened to a lead, in order; folded, the changes give its present fields."""
    return await _history(backend, caller, lead, part, [int(part.type)] if part.type else [SYSTEM, MANAGER_COMMENT])


@router.get("/comments")
async def comments(
    backend: AnyBackend, caller: Reader, lead: str, part: Annotated[CommentQuery, Query()]
) -> Page[HistoryView]:
    """What colleagues wrote about a lead."""
    return await _history(backend, caller, lead, part, [MANAGER_COMMENT])


@router.post("/comments", status_code=201, response_model=HistoryView)
async def comment(write: Writing, lead: str, wish: CommentToAdd) -> Response:
    """Write a comment."""

    async def work(session: AsyncSession) -> Worked:
        row, line = await add_comment(session, write.caller, lead, wish.text, write.command)
        headers = {"ETag": f'"{row.version}"'}
        return row.id, model_answer(HistoryView.model_validate(line), 201, headers)

    return await write.answer(work)


@router.get("/inquiries")
async def inquiries(
    backend: AnyBackend, caller: Reader, lead: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[InquiryView]:
    """What the lead's person sent, in the order in which it was sent."""
    after = _sent_after(cursor) if cursor is not None else None
    async with backend.database.session() as session:
        row = await get_lead(session, caller, lead)
        assert row.id is not None
        found = await lead_journal.list_inquiries(session, row.id, after, limit + 1)
        total = await lead_journal.count_inquiries(session, row.id)
    last = found[limit - 1] if len(found) > limit else None
    return Page(
        items=[InquiryView.model_validate(inquiry) for inquiry in found[:limit]],
        next_cursor=encode_cursor(last.sent_at, last.id) if last else None,
        total=total,
    )


async def _history(
    backend: Backend, caller: Caller, lead: str, part: CommentQuery, types: list[int]
) -> Page[HistoryView]:
    after = id_of(*decode_cursor(part.cursor, 1)) if part.cursor is not None else None
    newest_first, limit = part.sort.startswith("-"), part.limit
    async with backend.database.session() as session:
        row = await get_lead(session, caller, lead)
        assert row.id is not None
        lines = await lead_journal.list_history(session, row.id, types, after, limit + 1, newest_first=newest_first)
        total = await lead_journal.count_history(session, row.id, types)
    return Page(
        items=[HistoryView.model_validate(line) for line in lines[:limit]],
        next_cursor=encode_cursor(lines[limit - 1].id) if len(lines) > limit else None,
        total=total,
    )


def _sent_after(cursor: str) -> tuple[datetime, int]:
    sent_at, last_id = decode_cursor(cursor, 2)
    try:
        instant = datetime.fromisoformat(sent_at)
    except (TypeError, ValueError):
        instant = None
    if instant is None or instant.tzinfo is None:
        raise invalid_field("cursor", "cursor", "take next_cursor of the page before, unchanged")
    return instant, id_of(last_id)
