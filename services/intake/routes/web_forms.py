"""`/rest/forms`: which web forms there are, and what each of them allows."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from services.intake.routes.backend import Admin, AnyBackend, Limit, Supervisor
from services.intake.routes.form_models import FormChange, FormToCreate, FormView, form_view
from services.intake.routes.preconditions import IfMatch, version_of
from services.intake.storage.reading import list_forms
from services.intake.storage.tables import WebForm
from services.intake.use_cases import manage_forms
from services.intake.use_cases.manage_forms import FORM_KEY, FormNotFound
from shared.kit.paging import Page, decode_cursor, encode_cursor
from shared.kit.problems import invalid_field

router = APIRouter(prefix="/rest/forms", tags=["forms"])


@router.post("", status_code=201)
async def create(backend: AnyBackend, _: Admin, form: FormToCreate, response: Response) -> FormView:
    """Add a form; 409 when its key is taken."""
    values = form.model_dump(mode="json")
    created = await manage_forms.create_form(backend.database, backend.seal, backend.clock.now(), values)
    response.headers["Location"] = f"/rest/forms/{created.form_key}"
    return _view(created, response)


@router.get("")
async def list_all(backend: AnyBackend, _: Supervisor, limit: Limit = 50, cursor: str | None = None) -> Page[FormView]:
    """All forms, by key."""
    after = _position(cursor) if cursor else None
    async with backend.database.session() as session:
        rows, total = await list_forms(session, after=after, limit=limit)
    items = [form_view(row) for row in rows[:limit]]
    following = encode_cursor(items[-1].form_key) if len(rows) > limit else None
    return Page(items=items, next_cursor=following, total=total)


Key = Annotated[str, Path(max_length=64)]


@router.get("/{form_key}")
async def read(backend: AnyBackend, _: Supervisor, form_key: Key, response: Response) -> FormView:
    """One form."""
    return _view(await manage_forms.find_form(backend.database, _known(form_key)), response)


@router.put("/{form_key}")
async def change(
    backend: AnyBackend,
    _: Admin,
    form_key: Key,
    form: FormChange,
    response: Response,
    if_match: IfMatch = None,
) -> FormView:
    """Change what is given; 412 when `If-Match` names an older version."""
    changes = form.model_dump(mode="json", exclude_unset=True)
    changed = await manage_forms.change_form(
        backend.database, backend.seal, backend.clock.now(), _known(form_key), changes, version_of(if_match)
    )
    return _view(changed, response)


@router.delete("/{form_key}", status_code=204)
async def delete(backend: AnyBackend, _: Admin, form_key: Key, if_match: IfMatch = None) -> None:
    """Remove a form, and nothing that came through it; 412 when `If-Match` names an older version."""
    await manage_forms.delete_form(backend.database, _known(form_key), version_of(if_match))


def _view(form: WebForm, response: Response) -> FormView:
    response.headers["ETag"] = f'"{form.version}"'
    return form_view(form)


def _known(form_key: str) -> str:
    if not re.fullmatch(FORM_KEY, form_key):
        raise FormNotFound
    return form_key


def _position(cursor: str) -> str:
    values: list[Any] = decode_cursor(cursor, 1)
    if not isinstance(values[0], str) or not re.fullmatch(FORM_KEY, values[0]):
        raise invalid_field("cursor", "cursor", "take next_cursor of the page before, unchanged")
    return values[0]
