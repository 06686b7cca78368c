"""`/rest/assignments`: where each lead stands, the visible queue, and decisions by hand."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from services.assignment.domain.leads import Stage
from services.assignment.routes.backend import MAX_ID, AnyBackend, Limit, QueryId, Reader, Supervisor
from services.assignment.routes.explanations import DecisionView, decision_view, id_in
from services.assignment.storage import reading
from services.assignment.storage.tables import LeadRow
from services.assignment.use_cases.assign_by_hand import assign_by_hand
from shared.kit.paging import Page, encode_cursor
from shared.kit.problems import Problem
from shared.kit.web import WriteModel

router = APIRouter(prefix="/rest/assignments", tags=["assignments"])

_OPEN = (Stage.QUEUED, Stage.DECIDED, Stage.ASSIGNED)
Id = Annotated[int, Field(ge=1, le=MAX_ID, strict=True)]


class AssignmentByHand(WriteModel):
    """Who shall own a lead. A service says in `decided_by` on whose behalf it asks; a person is named by the token."""

    lead_id: Id
    member_id: Id
    reason: Annotated[str, StringConstraints(max_length=500)] | None = None
    decided_by: Id | None = None


class AssignmentView(BaseModel):
    """Where a lead stands: `stage` is queued (with the reason), decided (leads has not answered) or assigned."""

    lead_id: int
    stage: Stage
    owner_id: int | None
    chosen_member_id: int | None
    decision_number: int
    reason: str | None
    ready_at: datetime | None
    queued_at: datetime | None
    next_attempt_at: datetime | None


@router.get("")
async def list_assignments(
    backend: AnyBackend,
    _: Reader,
    queued: bool | None = None,
    stage: Annotated[Stage | None, Query()] = None,
    member_id: QueryId = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> Page[AssignmentView]:
    """Open leads by id; `queued=true` are those that wait for somebody, `queued=false` all others."""
    stages = [each for each in ([stage] if stage else _OPEN) if queued is None or (each is Stage.QUEUED) == queued]
    after = id_in(cursor) if cursor else None
    async with backend.database.session() as session:
        rows, total = await reading.list_assignments(
            session, stages=stages, member_id=member_id, after=after, limit=limit
        )
    items = [_view(row) for row in rows[:limit]]
    following = encode_cursor(items[-1].lead_id) if len(rows) > limit else None
    return Page(items=items, next_cursor=following, total=total)


@router.post("", status_code=201)
async def assign(backend: AnyBackend, caller: Supervisor, wish: AssignmentByHand, response: Response) -> DecisionView:
    """Decide by hand: 201 with the decision, 200 with the last one when it is for this member already.

    409 names the capacity when the member's is full, or says that the lead is closed or the member inactive.
    """
    if wish.decided_by is not None and not caller.is_service:
        raise Problem(403, "Only a service may say on whose behalf it decides.")
    is_new = await assign_by_hand(
        backend.database,
        backend.clock.now(),
        lead_id=wish.lead_id,
        member_id=wish.member_id,
        decided_by=wish.decided_by or caller.member_id,
        reason=wish.reason or None,
    )
    response.status_code = 201 if is_new else 200
    async with backend.database.session() as session:
        decision = await reading.find_decision(session, wish.lead_id)
        names = await reading.read_names(session)
    if decision is None:
        raise Problem(409, "The lead was assigned before this database knew it; there is no decision to show.")
    return decision_view(decision, names)


def _view(row: LeadRow) -> AssignmentView:
    return AssignmentView(
        lead_id=row.lead_id,
        stage=Stage(row.stage),
        owner_id=row.owner_id,
        chosen_member_id=row.chosen_id,
        decision_number=row.decision_number,
        reason=row.reason,
        ready_at=row.ready_at,
        queued_at=row.queued_at,
        next_attempt_at=row.next_attempt_at,
    )
