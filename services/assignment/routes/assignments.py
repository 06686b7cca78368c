"""`/rest/assignments`: where each lead stands, the visible queue, and decisions by hand."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from services.assignment.domain.leads import Stage
from services.assignment.routes.backend import MAX_ID, AnyBackend, Limit, QueryId, Reader, Supervisor, seen_by
from services.assignment.routes.explanations import DecisionView, decision_views, id_in
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
    """Who shall own a lead. A service says in `decided_by` on whose behalf it asks; a person is named by the token.

    0 is an admin who is no member of the team.
    """

    lead_id: Id
    member_id: Id
    reason: Annotated[str, StringConstraints(max_length=500)] | None = None
    decided_by: Annotated[int, Field(ge=0, le=MAX_ID, strict=True)] | None = None


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
    *,
    backend: AnyBackend,
    caller: Reader,
    queued: bool | None = None,
    stage: Annotated[Stage | None, Query()] = None,
    member_id: QueryId = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> Page[AssignmentView]:
    """Open leads by id; `queued=true` are those that wait for somebody, `queued=false` all others.

    A salesperson sees those that they own or were chosen for.
    """
    stages = [each for each in ([stage] if stage else _OPEN) if queued is None or (each is Stage.QUEUED) == queued]
    after = id_in(cursor) if cursor else None
    async with backend.database.session() as session:
        rows, total = await reading.list_assignments(
            session, seen_by=seen_by(caller), stages=stages, member_id=member_id, after=after, limit=limit
        )
    items = [_view(row) for row in rows[:limit]]
    following = encode_cursor(items[-1].lead_id) if len(rows) > limit else None
    return Page(items=items, next_cursor=following, total=total)


@router.post("", status_code=201)
async def assign(backend: AnyBackend, caller: Supervisor, wish: AssignmentByHand, response: Response) -> DecisionView:
    """Decide by hand: 201 with the decision, 200 with an earlier one by which the member has the lead already.

    409 names the capacity when the member's is full, or says that the lead is closed or the member inactive.
    """
    if wish.decided_by is not None and not caller.is_service:
        raise Problem(403, "Only a service may say on whose behalf it decides.")
    fulfilled = await assign_by_hand(
        backend.database,
        backend.clock.now(),
        lead_id=wish.lead_id,
        member_id=wish.member_id,
        decided_by=wish.decided_by if wish.decided_by is not None else caller.member_id,
        reason=wish.reason or None,
    )
    response.status_code = 201 if fulfilled.is_new else 200
    async with backend.database.session() as session:
        decision = await reading.get_decision(session, wish.lead_id, fulfilled.number)
        (view,) = await decision_views(session, [decision], caller)
    return view


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
