"""`/rest/leads/{id}/experiences`: what somebody wants, as a form or a colleague tells it."""

from fastapi import APIRouter, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.routes.answers import Writing, model_answer
from services.leads.routes.backend import AnyBackend, Cursor, Limit, Reader
from services.leads.routes.cursors import id_of
from services.leads.routes.leads import Worked
from services.leads.routes.models import ExperienceToAdd
from services.leads.routes.views import ExperienceView
from services.leads.storage import lead_journal
from services.leads.storage.lead_rows import get_lead
from services.leads.use_cases.add_experience import add_experience
from shared.kit.paging import Page, decode_cursor, encode_cursor

router = APIRouter(prefix="/rest/leads/{lead}/experiences", tags=["lead's life"])


@router.get("")
async def experiences(
    backend: AnyBackend, caller: Reader, lead: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[ExperienceView]:
    """What the lead's person wants, in the order in which it was told."""
    after = id_of(*decode_cursor(cursor, 1)) if cursor is not None else None
    async with backend.database.session() as session:
        row = await get_lead(session, caller, lead)
        assert row.id is not None
        found = await lead_journal.list_experiences(session, row.id, after, limit + 1)
        total = await lead_journal.count_experiences(session, row.id)
    return Page(
        items=[ExperienceView.model_validate(one) for one in found[:limit]],
        next_cursor=encode_cursor(found[limit - 1].id) if len(found) > limit else None,
        total=total,
    )


@router.post("", status_code=201, response_model=ExperienceView)
async def add(write: Writing, lead: str, wish: ExperienceToAdd) -> Response:
    """Write down what the person told a colleague."""

    async def work(session: AsyncSession) -> Worked:
        row, experience = await add_experience(session, write.caller, lead, wish.columns(), write.command)
        return row.id, model_answer(ExperienceView.model_validate(experience), 201, {"ETag": f'"{row.version}"'})

    return await write.answer(work)
