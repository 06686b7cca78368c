"""`/rest/suggestions` and `/rest/decisions`: who should get a lead, and why somebody got it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from services.assignment.domain.errors import LeadUnknown
from services.assignment.domain.explanation import explain
from services.assignment.routes.backend import MAX_ID, AnyBackend, Limit, PathId, QueryId, Reader
from services.assignment.storage import reading
from services.assignment.storage.ledgers import find_lead, load_roster
from services.assignment.storage.tables import DecisionRow
from shared.kit.paging import Page, decode_cursor, encode_cursor
from shared.kit.problems import invalid_field

router = APIRouter(prefix="/rest", tags=["decisions"])


class Suggestion(BaseModel):
    """A member weighed for a lead: what speaks for them, and what rules them out of getting it automatically."""

    member_id: int
    name: str
    score: float
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
async def suggest(backend: AnyBackend, _: Reader, lead_id: PathId) -> Suggestions:
    """Weigh the team for a lead as it is now, without deciding anything."""
    async with backend.database.transaction() as connection:
        if (lead := await find_lead(connection, lead_id)) is None:
            raise LeadUnknown(lead_id)
        roster = await load_roster(connection, backend.clock.now())
    items = [
        Suggestion(name=roster.get_member(each.member_id).name, **each.document)
        for each in roster.ranked(roster.candidates(lead.preferred_owner_id))
    ]
    return Suggestions(items=items)


@router.get("/decisions")
async def list_decisions(
    backend: AnyBackend,
    _: Reader,
    lead_id: QueryId = None,
    member_id: QueryId = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> Page[DecisionView]:
    """Decisions, the latest first, of one lead or for one member if asked so."""
    before = id_in(cursor) if cursor else None
    async with backend.database.session() as session:
        rows, total = await reading.list_decisions(
            session, lead_id=lead_id, member_id=member_id, before=before, limit=limit
        )
        names = await reading.read_names(session)
    items = [decision_view(row, names) for row in rows[:limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(rows) > limit else None, total=total)


def id_in(cursor: str) -> int:
    """The id that a cursor stands for; 422 when it holds anything else."""
    (value,) = decode_cursor(cursor, 1)
    if type(value) is not int or not 0 <= value <= MAX_ID:
        raise invalid_field("cursor", "cursor", "take next_cursor of the page before, unchanged")
    return value


def decision_view(row: DecisionRow, names: Mapping[int, str]) -> DecisionView:
    """A decision with its sentence."""
    sentence = explain(
        row.chosen_member_id,
        row.candidates,
        names,
        is_manual=row.is_manual,
        decided_by=row.decided_by,
        reason=row.reason,
    )
    return DecisionView(sentence=sentence, **row.model_dump())
