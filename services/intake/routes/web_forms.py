"""`/rest/forms`: which web forms there are, and what each of them allows."""

import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Header, Path, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.intake.routes.backend import Admin, AnyBackend, Limit, Supervisor
from services.intake.storage.reading import list_forms
from services.intake.storage.tables import WebForm
from services.intake.use_cases import manage_forms
from services.intake.use_cases.manage_forms import FORM_KEY, FormNotFound
from shared.kit.paging import Page, decode_cursor, encode_cursor
from shared.kit.phones import is_region
from shared.kit.problems import invalid_field
from shared.kit.web import WriteModel

router = APIRouter(prefix="/rest/forms", tags=["forms"])

_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]{1,255}")


def _origin(value: str) -> str:
    origin = value.lower().rstrip("/")
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("an origin is a scheme and a host, such as https://www.example.com")
    return origin


def _page(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or not value.isascii() or not value.isprintable():
        raise ValueError("this must be an absolute http or https address")
    return value


def _region(value: str) -> str:
    if not is_region(value.upper()):
        raise ValueError("this must be a region of two letters, such as MX")
    return value.upper()


Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Region = Annotated[str, AfterValidator(_region)]
Origins = Annotated[list[Annotated[str, AfterValidator(_origin)]], Field(max_length=50)]
Pages = Annotated[list[Annotated[str, StringConstraints(max_length=2000), AfterValidator(_page)]], Field(max_length=20)]
Flag = Annotated[bool, Field(strict=True)]


class FormToCreate(WriteModel):
    """A new form. Without allowed origins any page may post; without redirects a browser sees a page of ours."""

    form_key: Annotated[str, StringConstraints(pattern=f"^{FORM_KEY}$")]
    name: Name
    default_region: Region | None = None
    allowed_origins: Origins = Field(default_factory=list)
    redirect_urls: Pages = Field(default_factory=list)
    is_active: Flag = True


class FormChange(WriteModel):
    """What of a form changes; what is left out stays. Only the region may be emptied by null."""

    name: Name | None = None
    default_region: Region | None = None
    allowed_origins: Origins | None = None
    redirect_urls: Pages | None = None
    is_active: Flag | None = None

    @model_validator(mode="after")
    def _no_nulls(self) -> "FormChange":
        nulls = [name for name in self.model_fields_set if getattr(self, name) is None and name != "default_region"]
        if nulls:
            raise ValueError(f"{', '.join(sorted(nulls))} must not be null; leave out what does not change")
        return self


class FormView(BaseModel):
    """A form as it is."""

    model_config = ConfigDict(from_attributes=True)

    form_key: str
    name: str
    default_region: str | None
    allowed_origins: list[str]
    redirect_urls: list[str]
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


@router.post("", status_code=201)
async def create(backend: AnyBackend, _: Admin, form: FormToCreate, response: Response) -> FormView:
    """Add a form; 409 when its key is taken."""
    created = await manage_forms.create_form(backend.database, backend.clock.now(), form.model_dump())
    response.headers["Location"] = f"/rest/forms/{created.form_key}"
    return _view(created, response)


@router.get("")
async def list_all(backend: AnyBackend, _: Supervisor, limit: Limit = 50, cursor: str | None = None) -> Page[FormView]:
    """All forms, by key."""
    after = _position(cursor) if cursor else None
    async with backend.database.session() as session:
        rows, total = await list_forms(session, after=after, limit=limit)
    items = [FormView.model_validate(row) for row in rows[:limit]]
    following = encode_cursor(items[-1].form_key) if len(rows) > limit else None
    return Page(items=items, next_cursor=following, total=total)


Key = Annotated[str, Path(max_length=64)]
IfMatch = Annotated[str | None, Header()]


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
    changes = form.model_dump(exclude_unset=True)
    changed = await manage_forms.change_form(
        backend.database, backend.clock.now(), _known(form_key), changes, _version(if_match)
    )
    return _view(changed, response)


@router.delete("/{form_key}", status_code=204)
async def delete(backend: AnyBackend, _: Admin, form_key: Key, if_match: IfMatch = None) -> None:
    """Remove a form, and nothing that came through it; 412 when `If-Match` names an older version."""
    await manage_forms.delete_form(backend.database, _known(form_key), _version(if_match))


def _view(form: WebForm, response: Response) -> FormView:
    response.headers["ETag"] = f'"{form.version}"'
    return FormView.model_validate(form)


def _known(form_key: str) -> str:
    if not re.fullmatch(FORM_KEY, form_key):
        raise FormNotFound
    return form_key


def _position(cursor: str) -> str:
    values: list[Any] = decode_cursor(cursor, 1)
    if not isinstance(values[0], str) or not re.fullmatch(FORM_KEY, values[0]):
        raise invalid_field("cursor", "cursor", "take next_cursor of the page before, unchanged")
    return values[0]


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit()):
        raise invalid_field("If-Match", "version", 'the version of the form as it was read, such as "3"')
    return int(text)
