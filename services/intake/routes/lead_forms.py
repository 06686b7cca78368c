"""`/rest/channels/{id}/lead-forms`: how the questions of a page's lead forms are read."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.intake.domain.adapters.lead_ads import TARGETS
from services.intake.routes.backend import Admin, AnyBackend, Supervisor
from services.intake.routes.channels import RowId
from services.intake.routes.form_models import Name, Region
from services.intake.routes.preconditions import IfMatch, version_of
from services.intake.storage.tables import LeadForm
from services.intake.use_cases import manage_lead_forms
from shared.kit.paging import Page
from shared.kit.web import WriteModel

router = APIRouter(prefix="/rest/channels/{row_id}/lead-forms", tags=["channels"])

FormId = Annotated[str, Path(pattern=r"^[0-9]{1,32}$")]


class Question(WriteModel):
    """A question by its key, and what its answer tells; null keeps it as an answer, whatever its key suggests."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    maps_to: Literal[TARGETS] | None  # type: ignore[valid-type]


def _distinct(questions: list[Question]) -> list[Question]:
    if len({question.name for question in questions}) < len(questions):
        raise ValueError("no two questions may have the same name")
    return questions


class LeadFormToPut(WriteModel):
    """A lead form. Questions that are not named are read by the platform's keys, such as `full_name` and `email`."""

    name: Name
    default_region: Region | None = None
    fields: Annotated[list[Question], Field(max_length=100), AfterValidator(_distinct)] = Field(default_factory=list)


class LeadFormView(BaseModel):
    """A lead form as it is."""

    model_config = ConfigDict(from_attributes=True)

    form_id: str
    name: str
    default_region: str | None
    fields: list[dict[str, Any]]
    version: int
    created_at: datetime
    updated_at: datetime


@router.get("")
async def list_all(backend: AnyBackend, _: Supervisor, row_id: RowId) -> Page[LeadFormView]:
    """The lead forms of a page that somebody described, all of them on one page of the list."""
    rows = await manage_lead_forms.list_lead_forms(backend.database, row_id)
    return Page(items=[LeadFormView.model_validate(row) for row in rows], next_cursor=None, total=len(rows))


@router.put("/{form_id}")
async def put(
    backend: AnyBackend,
    _: Admin,
    row_id: RowId,
    form_id: FormId,
    *,
    form: LeadFormToPut,
    response: Response,
    if_match: IfMatch = None,
) -> LeadFormView:
    """Describe a lead form, new or as a whole anew; 412 when `If-Match` names an older version."""
    values, now = form.model_dump(mode="json"), backend.clock.now()
    row = await manage_lead_forms.put_lead_form(backend.database, now, row_id, form_id, values, version_of(if_match))
    return _view(row, response)


@router.delete("/{form_id}", status_code=204)
async def delete(backend: AnyBackend, _: Admin, row_id: RowId, form_id: FormId, if_match: IfMatch = None) -> None:
    """Forget how a lead form is read; 412 when `If-Match` names an older version."""
    await manage_lead_forms.delete_lead_form(backend.database, row_id, form_id, version_of(if_match))


def _view(row: LeadForm, response: Response) -> LeadFormView:
    response.headers["ETag"] = f'"{row.version}"'
    return LeadFormView.model_validate(row)
