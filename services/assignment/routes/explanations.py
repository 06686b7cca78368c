"""`/rest/suggestions` and `/rest/decisions`: who should get a lead, and why somebody got it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from services.assignment.domain.errors import LeadUnknown
from services.assignment.domain.explanation import discreet, explain
from services.assignment.routes.backend import MAX_ID, AnyBackend, Limit, PathId, QueryId, Reader, seen_by
from services.assignment.storage import reading
from services.assignment.storage.ledgers import load_roster
from services.assignment.storage.tables import DecisionRow
from shared.kit.database import driver
from shared.kit.paging import Page, decode_cursor, encode_cursor
from shared.kit.problems import invalid_field
from shared.kit.security import Caller

router = APIRouter(prefix="/rest", tags=["decisions"])


class Suggestion(BaseModel):
    """A member weighed for a lead: what speaks for them, and what rules them out of getting it automatically.

    A salesperson is not shown how colleagues convert, nor their scores, which would tell it.
    """

    member_id: int
    name: str
    score: float | None
    eligible: bool
    reasons: list[str]
    signals: dict[str, Any]


class Suggestions(BaseModel):
    """Everybody in the team, the best first, those who cannot get the lead last."""

    items: list[Suggestion]


class DecisionView(BaseModel):
    """A decision as it was made; only the names in its sentence are today's."""

    id: int
    lead_id: int
    decision_number: int
    chosen_member_id: int
    previous_member_id: int | None
    sentence: str
    candidates: list[dict[str, Any]]
    policy_version: int
    is_manual: bool
    decided_by: int | None
    reason: str | None
    decided_at: datetime


@router.get("/suggestions/{lead_id}")
async def suggest(backend: AnyBackend, caller: Reader, lead_id: PathId) -> Suggestions:
    """Weigh the team for a lead as it is now, without deciding anything; 404 for a lead that the caller may not see."""
    async with backend.database.session() as session:
        if (lead := await reading.find_lead(session, lead_id, seen_by=seen_by(caller))) is None:
            raise LeadUnknown(lead_id)
        roster = await load_roster(await driver(session), backend.clock.now())
    items = [
        Suggestion(name=roster.get_member(each.member_id).name, **discreet(each.document, seen_by(caller)))
        for each in roster.ranked(roster.candidates(lead.preferred_owner_id))
    ]
    return Suggestions(items=items)


@router.get("/decisions")
async def list_decisions(
    backend: AnyBackend,
    caller: Reader,
    lead_id: QueryId = None,
    member_id: QueryId = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> Page[DecisionView]:
    """Decisions, the latest first, of one lead or for one member if asked so.

    A salesperson sees those about leads that they own or were chosen for.
    """
    before = id_in(cursor) if cursor else None
    async with backend.database.session() as session:
        rows, total = await reading.list_decisions(
            session, seen_by=seen_by(caller), lead_id=lead_id, member_id=member_id, before=before, limit=limit
        )
        views = await decision_views(session, rows[:limit], caller)
    return Page(items=views, next_cursor=encode_cursor(views[-1].id) if len(rows) > limit else None, total=total)


def id_in(cursor: str) -> int:
    """The id that a cursor stands for; 422 when it holds anything else."""
    (value,) = decode_cursor(cursor, 1)
    if type(value) is not int or not 0 <= value <= MAX_ID:
        raise invalid_field("cursor", "cursor", "take next_cursor of the page before, unchanged")
    return value


async def decision_views(session: AsyncSession, rows: Sequence[DecisionRow], caller: Caller) -> list[DecisionView]:
    """Decisions with their sentences, as far as the caller may know their inputs."""
    names = await reading.read_names(session)
    candidates = await reading.read_candidates(session, rows)
    return [_decision_view(row, candidates[row.id], names, caller) for row in rows if row.id is not None]


def _decision_view(
    row: DecisionRow, recorded: Sequence[Mapping[str, Any]], names: Mapping[int, str], caller: Caller
) -> DecisionView:
    candidates = [discreet(each, seen_by(caller)) for each in recorded]
    sentence = explain(
        row.chosen_member_id,
        candidates,
        names,
        is_manual=row.is_manual,
        decided_by=row.decided_by,
        reason=row.reason,
    )
    return DecisionView(sentence=sentence, **row.model_dump() | {"candidates": candidates})
