"""`/rest/leads`: the list, and single leads to read, add, edit and delete."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.clients.assignment import DecisionRefused
from services.leads.domain.errors import VersionConflict
from services.leads.domain.lifecycle import IllegalTransition
from services.leads.routes.answers import Writing, lead_answer
from services.leads.routes.backend import AnyBackend, Reader, Supervisor
from services.leads.routes.listing import LeadQuery
from services.leads.routes.models import LeadEdit, LeadEditBySupervisor, LeadToAdd
from services.leads.routes.refusals import after_decision
from services.leads.routes.views import (
    CandidateView,
    IdentityView,
    LeadDetailView,
    LeadView,
    RegisteredLeadView,
    TouchView,
    lead_view,
)
from services.leads.storage.answers import Answer
from services.leads.storage.lead_person import list_candidates, list_identities, list_opted_out, list_touches
from services.leads.storage.lead_rows import get_lead
from services.leads.storage.tables import Lead
from services.leads.use_cases.add_lead import add_lead
from services.leads.use_cases.assign_lead import decide_owner, rehearse, take_owner
from services.leads.use_cases.delete_lead import delete_lead
from services.leads.use_cases.search_leads import search_leads
from services.leads.use_cases.state_addresses import hold_addresses, state_addresses
from services.leads.use_cases.update_lead import edit_of, update_lead
from shared.contracts.words import Role
from shared.kit.paging import Page
from shared.kit.problems import FieldError, Problem
from shared.kit.security import Caller

router = APIRouter(prefix="/rest/leads", tags=["leads"])

Worked = tuple[int | None, Answer]


@router.get("")
async def list_leads(backend: AnyBackend, caller: Reader, query: Annotated[LeadQuery, Query()]) -> Page[LeadView]:
    """The leads that the caller may see, page by page."""
    wanted = query.filter(backend.time_zone, backend.default_region)
    async with backend.database.session() as session:
        page = await search_leads(session, caller, wanted, query.order(), limit=query.limit, cursor=query.cursor)
    return Page(items=[lead_view(lead) for lead in page.items], next_cursor=page.next_cursor, total=page.total)


@router.post("", status_code=201, response_model=RegisteredLeadView)
async def add(backend: AnyBackend, _: Supervisor, write: Writing, lead: LeadToAdd) -> Response:
    """Register somebody: 201 with a new lead; 200 with the person's open lead, which got a further inquiry."""

    async def work(session: AsyncSession) -> Worked:
        row, was_open = await add_lead(
            session,
            write.caller,
            lead.person(backend.default_region),
            lead.columns(),
            write.command,
            zone=backend.time_zone,
            policy=backend.hand_over,
        )
        view = RegisteredLeadView(**lead_view(row).model_dump(exclude={"abadon_reason"}), was_open=was_open)
        return lead_answer(row, 200 if was_open else 201, view)

    return await write.answer(work)


@router.get("/{lead}")
async def read(backend: AnyBackend, caller: Reader, lead: str, response: Response) -> LeadDetailView:
    """One lead, by its integer id, its uuid or its number, with how its person came, is known, and wants to be left."""
    async with backend.database.session() as session:
        row = await get_lead(session, caller, lead)
        view = await _detail(session, row)
    response.headers["ETag"] = f'"{row.version}"'
    return view


@router.put("/{lead}", response_model=LeadView)
async def edit(backend: AnyBackend, write: Writing, lead: str, wish: LeadEditBySupervisor) -> Response:
    """Change what is given. `status` moves by the table (409); `assigned_id` is decided by assignment (409).

    412 when `If-Match` names another version than the present one.
    """
    _require_own_fields(write.caller, wish)
    changes = edit_of(wish.columns(), wish.transition(), backend.default_region)
    if wish.assigned_id is None:

        async def work(session: AsyncSession) -> Worked:
            return lead_answer(await update_lead(session, write.caller, lead, changes, write.command))

        return await write.answer(work)
    if (answered := await write.answered()) is not None:
        return answered
    lead_id = await rehearse(backend.database, write.caller, lead, changes, write.command)
    decided = await decide_owner(backend.assignment, write.caller, lead_id, wish.assigned_id, write.command)

    async def work_with_owner(session: AsyncSession) -> Worked:
        held = await hold_addresses(session, changes.identities, write.command.now)
        row = await take_owner(session, write.caller, lead, decided, changes, write.command)
        await state_addresses(session, row, held, write.command.now)
        return lead_answer(row)

    try:
        return await write.answer(work_with_owner)
    except (VersionConflict, IllegalTransition, DecisionRefused) as error:
        raise after_decision(error, wish.assigned_id) from error


@router.delete("/{lead}", status_code=204)
async def delete(_: Supervisor, write: Writing, lead: str) -> Response:
    """Delete a lead softly: its number stays taken, its owner's place and its person are free."""

    async def work(session: AsyncSession) -> Worked:
        row = await delete_lead(session, write.caller, lead, write.command)
        return row.id, Answer(204, b"", {})

    return await write.answer(work)


async def _detail(session: AsyncSession, lead: Lead) -> LeadDetailView:
    assert lead.id is not None
    touches = [TouchView.model_validate(one) for one in await list_touches(session, lead.id)]
    return LeadDetailView(
        **lead_view(lead).model_dump(exclude={"abadon_reason"}),
        opted_out=await list_opted_out(session, lead.person_id),
        first_touch=touches[0] if touches else None,
        last_touch=touches[-1] if touches else None,
        touches=touches,
        identities=[IdentityView.model_validate(one) for one in await list_identities(session, lead.person_id)],
        candidates=[CandidateView(**one) for one in await list_candidates(session, lead.person_id)],
    )


def _require_own_fields(caller: Caller, wish: LeadEditBySupervisor) -> None:
    """Raise a 403 `Problem` for fields that are beyond the caller's own write model."""
    if caller.has(Role.SUPERVISOR):
        return
    beyond = sorted(wish.model_fields_set - LeadEdit.model_fields.keys())
    if beyond:
        message = f"This needs the role {Role.SUPERVISOR.value}."
        errors: list[Any] = [FieldError(name, "role", message) for name in beyond]
        raise Problem(403, f"{', '.join(beyond)}: {message}", errors=errors)
