"""`/rest/channels`: the connected accounts of the platforms. Secrets go in and never come out."""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from services.intake.domain.accounts import AccountState, callback_url, state_of
from services.intake.domain.connecting import Step, StepReport, StepState
from services.intake.routes.backend import Admin, AnyBackend, Backend, Limit, Supervisor
from services.intake.routes.form_models import Flag, Name, Region
from services.intake.routes.preconditions import IfMatch, version_of
from services.intake.storage.reading import list_accounts
from services.intake.storage.tables import ChannelAccount
from shared.contracts.words import Channel
from shared.kit.paging import Page, decode_cursor, encode_cursor
from shared.kit.problems import invalid_field
from shared.kit.web import WriteModel

router = APIRouter(prefix="/rest/channels", tags=["channels"])


class Platform(StrEnum):
    """What an account can be."""

    WHATSAPP = Channel.WHATSAPP
    MESSENGER = Channel.MESSENGER
    INSTAGRAM = Channel.INSTAGRAM


def _printable(value: SecretStr) -> SecretStr:
    # They are sent in headers and compared as bytes.
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("this must be printable ASCII without blanks")
    return value


PlatformId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,32}$")]
Secret = Annotated[SecretStr, Field(min_length=8, max_length=4096), AfterValidator(_printable)]
RowId = Annotated[int, Path(ge=1, lt=2**63)]


class AccountToCreate(WriteModel):
    """A new account.

    `account_id` is the phone number id of a WhatsApp number, the id of a page, or that of an Instagram account.
    `parent_id` is the WhatsApp business account of a number, or the page that an Instagram account belongs to.
    With `app_id` connecting also enters the callback address into the app.
    """

    channel: Platform
    account_id: PlatformId
    name: Name
    parent_id: PlatformId | None = None
    app_id: PlatformId | None = None
    default_region: Region | None = None
    app_secret: Secret | None = None
    access_token: Secret | None = None
    is_active: Flag = True


class AccountChange(WriteModel):
    """What of an account changes; what is left out stays, and null empties."""

    name: Name | None = None
    parent_id: PlatformId | None = None
    app_id: PlatformId | None = None
    default_region: Region | None = None
    app_secret: Secret | None = None
    access_token: Secret | None = None
    is_active: Flag | None = None

    @model_validator(mode="after")
    def _no_nulls(self) -> "AccountChange":
        nulls = [name for name in sorted(self.model_fields_set & {"name", "is_active"}) if getattr(self, name) is None]
        if nulls:
            raise ValueError(f"{', '.join(nulls)} must not be null; leave out what does not change")
        return self


class AccountView(BaseModel):
    """An account as it is; of its secrets only whether they are set.

    `callback_url` is what the platform must be told, or null while LEADLINE_PUBLIC_URL is not set.
    """

    id: int
    channel: Platform
    account_id: str
    name: str
    parent_id: str | None
    app_id: str | None
    default_region: str | None
    has_app_secret: bool
    has_access_token: bool
    is_active: bool
    state: AccountState
    callback_url: str | None
    subscribed_at: datetime | None
    last_delivery_at: datetime | None
    failed_step: str | None
    last_error: str | None
    last_error_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class StepView(BaseModel):
    """One step of connecting: how it went, and what a person should do, if anything."""

    model_config = ConfigDict(from_attributes=True)

    step: Step
    state: StepState
    advice: str | None


class Connection(BaseModel):
    """An account, and how far each step of connecting it is."""

    account: AccountView
    steps: list[StepView]


class NewAccountView(AccountView):
    """An account with its verify token, which is shown this once."""

    verify_token: str


@router.post("", status_code=201)
async def create(backend: AnyBackend, _: Admin, account: AccountToCreate, response: Response) -> NewAccountView:
    """Add an account; 409 when it is there already. The answer holds its verify token, once."""
    created, token = await backend.accounts.create(backend.clock.now(), _values(account, exclude_unset=False))
    response.headers["Location"] = f"/rest/channels/{created.id}"
    return _with_token(backend, created, token, response)


@router.get("")
async def list_all(
    backend: AnyBackend, _: Supervisor, limit: Limit = 50, cursor: str | None = None
) -> Page[AccountView]:
    """All accounts, in the order in which they were added."""
    after = _position(cursor) if cursor else None
    async with backend.database.session() as session:
        rows, total = await list_accounts(session, after=after, limit=limit)
    following = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
    return Page(items=[to_view(backend, row) for row in rows[:limit]], next_cursor=following, total=total)


@router.get("/{row_id}")
async def read(backend: AnyBackend, _: Supervisor, row_id: RowId, response: Response) -> AccountView:
    """One account."""
    return tagged(backend, await backend.accounts.find(row_id), response)


@router.put("/{row_id}")
async def change(
    backend: AnyBackend, _: Admin, row_id: RowId, account: AccountChange, response: Response, if_match: IfMatch = None
) -> AccountView:
    """Change what is given; 412 when `If-Match` names an older version."""
    values = _values(account, exclude_unset=True)
    changed = await backend.accounts.change(backend.clock.now(), row_id, values, version_of(if_match))
    return tagged(backend, changed, response)


@router.post("/{row_id}/verify-token")
async def renew_verify_token(
    backend: AnyBackend, _: Admin, row_id: RowId, response: Response, if_match: IfMatch = None
) -> NewAccountView:
    """Make another verify token, shown this once; the platform must be told it before its next handshake."""
    renewed, token = await backend.accounts.renew_verify_token(backend.clock.now(), row_id, version_of(if_match))
    return _with_token(backend, renewed, token, response)


@router.post("/{row_id}/connect")
async def connect(backend: AnyBackend, _: Admin, row_id: RowId) -> Connection:
    """Do all steps of connecting an account; repeatable. The last one waits for a message that really arrives."""
    steps = await backend.connecting.connect(row_id)
    return await _connection(backend, row_id, steps)


@router.post("/{row_id}/check")
async def check(backend: AnyBackend, _: Admin, row_id: RowId) -> Connection:
    """See whether token and subscription are still good, changing nothing on the platform."""
    steps = await backend.connecting.check(row_id)
    return await _connection(backend, row_id, steps)


@router.delete("/{row_id}", status_code=204)
async def delete(backend: AnyBackend, _: Admin, row_id: RowId, if_match: IfMatch = None) -> None:
    """Forget an account with its secrets, and nothing that it delivered; 412 when `If-Match` is an older version."""
    await backend.accounts.delete(row_id, version_of(if_match))


def to_view(backend: Backend, row: ChannelAccount) -> AccountView:
    """An account as anybody may see it."""
    return AccountView(
        **row.model_dump(include=set(AccountView.model_fields) & set(ChannelAccount.model_fields)),
        has_app_secret=row.app_secret is not None,
        has_access_token=row.access_token is not None,
        state=state_of(row),
        callback_url=callback_url(backend.public_url, Channel(row.channel)),
    )


async def _connection(backend: Backend, row_id: int, steps: Sequence[StepReport]) -> Connection:
    account = to_view(backend, await backend.accounts.find(row_id))
    return Connection(account=account, steps=[StepView.model_validate(step) for step in steps])


def tagged(backend: Backend, row: ChannelAccount, response: Response) -> AccountView:
    """The view, with its version as ETag."""
    response.headers["ETag"] = f'"{row.version}"'
    return to_view(backend, row)


def _with_token(backend: Backend, row: ChannelAccount, token: str, response: Response) -> NewAccountView:
    response.headers["Cache-Control"] = "no-store"
    return NewAccountView(**tagged(backend, row, response).model_dump(), verify_token=token)


def _values(account: AccountToCreate | AccountChange, *, exclude_unset: bool) -> dict[str, Any]:
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in account.model_dump(exclude_unset=exclude_unset).items()
    }


def _position(cursor: str) -> int:
    (after,) = decode_cursor(cursor, 1)
    if not isinstance(after, int) or isinstance(after, bool) or not 0 < after < 2**63:
        raise invalid_field("cursor", "cursor", "take next_cursor of the page before, unchanged")
    return after
