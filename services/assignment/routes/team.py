"""`/rest/team`: who there is, when they work and how much they may hold."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from fastapi import APIRouter, Header, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.assignment.domain.errors import MemberUnknown
from services.assignment.domain.members import Member
from services.assignment.routes.backend import Admin, AnyBackend, Backend, PathId, Reader, seen_by
from services.assignment.storage import reading
from services.assignment.use_cases.add_member import add_member
from services.assignment.use_cases.change_member import change_member
from shared.contracts.assignment import Shift
from shared.contracts.words import Role
from shared.kit.paging import Page, decode_cursor, encode_cursor
from shared.kit.problems import invalid_field
from shared.kit.security import Caller
from shared.kit.web import QueryText, WriteModel

router = APIRouter(prefix="/rest/team", tags=["team"])

_MOST_LEADS = 100_000
Sort = Literal["id", "-id", "name", "-name", "open_leads", "-open_leads"]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("not a time zone of the IANA database, such as Europe/Berlin")
    return name


def _wall_times(shifts: list[Shift]) -> list[Shift]:
    if any(time.tzinfo is not None for shift in shifts for time in (shift.starts_at, shift.ends_at)):
        raise ValueError("times are local to the member's time zone and carry no offset")
    return shifts


Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Email = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f<>,;]+@[^@\s\x00-\x1f\x7f<>,;]+$")
]
Capacity = Annotated[int, Field(ge=0, le=_MOST_LEADS, strict=True)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
WorkingHours = Annotated[list[Shift], Field(max_length=50), AfterValidator(_wall_times)]


class MemberToAdd(WriteModel):
    """A new member. No working hours mean always on shift; no time zone means that of the business."""

    name: Name
    email: Email
    role: Role
    capacity: Capacity = 30
    time_zone: TimeZone | None = None
    working_hours: WorkingHours = Field(default_factory=list)
    active: Annotated[bool, Field(strict=True)] = True


class MemberChange(WriteModel):
    """What of a member changes; what is left out stays, and nothing can be emptied by null."""

    name: Name | None = None
    email: Email | None = None
    role: Role | None = None
    capacity: Capacity | None = None
    time_zone: TimeZone | None = None
    working_hours: WorkingHours | None = None
    active: Annotated[bool, Field(strict=True)] | None = None

    @model_validator(mode="after")
    def _no_nulls(self) -> Self:
        if nulls := [name for name in sorted(self.model_fields_set) if getattr(self, name) is None]:
            raise ValueError(f"{', '.join(nulls)} must not be null; leave out what does not change")
        return self


class MemberView(BaseModel):
    """A member with the present workload and results; a salesperson is not shown the results of colleagues."""

    id: int
    name: str
    email: str
    role: Role
    capacity: int
    time_zone: str
    working_hours: list[Shift]
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime
    open_leads: int
    won: int | None
    lost: int | None
    on_shift: bool
    off_shift_until: str | None


class TeamQuery(BaseModel):
    """How a list of members is narrowed, sorted and cut into pages."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    active: bool | None = None
    email: Annotated[QueryText | None, Field(max_length=254)] = None
    q: Annotated[QueryText | None, Field(max_length=200)] = None
    sort: Sort = "id"
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


@router.get("")
async def list_team(backend: AnyBackend, caller: Reader, query: Annotated[TeamQuery, Query()]) -> Page[MemberView]:
    """The team, page by page."""
    narrowed = reading.TeamFilter(query.role, query.active, query.email, query.q)
    sort, limit = query.sort, query.limit
    after = _position(query.cursor, sort) if query.cursor else None
    async with backend.database.session() as session:
        rows, total = await reading.list_team(session, narrowed, sort=sort, after=after, limit=limit)
    items = [_view(row, backend, caller) for row in rows[:limit]]
    following = encode_cursor(getattr(items[-1], sort.lstrip("-")), items[-1].id) if len(rows) > limit else None
    return Page(items=items, next_cursor=following, total=total)


@router.post("", status_code=201)
async def add(backend: AnyBackend, caller: Admin, member: MemberToAdd, response: Response) -> MemberView:
    """Add a member; 409 when the mail address is another's."""
    values = _values(member) | {"time_zone": member.time_zone or backend.time_zone}
    member_id = await add_member(backend.database, backend.clock.now(), values)
    response.headers["Location"] = f"/rest/team/{member_id}"
    return await _show(backend, caller, member_id, response)


@router.get("/{member_id}")
async def read(backend: AnyBackend, caller: Reader, member_id: PathId, response: Response) -> MemberView:
    """One member."""
    return await _show(backend, caller, member_id, response)


@router.put("/{member_id}")
async def change(
    backend: AnyBackend,
    caller: Admin,
    member_id: PathId,
    member: MemberChange,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> MemberView:
    """Change what is given; 412 when `If-Match` names an older version."""
    changes = {name: value for name, value in _values(member).items() if value is not None}
    await change_member(backend.database, backend.clock.now(), member_id, changes, _version(if_match))
    return await _show(backend, caller, member_id, response)


async def _show(backend: Backend, caller: Caller, member_id: int, response: Response) -> MemberView:
    async with backend.database.session() as session:
        row = await reading.find_member(session, member_id)
    if row is None:
        raise MemberUnknown(member_id)
    view = _view(row, backend, caller)
    response.headers["ETag"] = f'"{view.version}"'
    return view


def _view(row: reading.MemberWithWorkload, backend: Backend, caller: Caller) -> MemberView:
    member, workload = row
    assert member.id is not None
    has_results = seen_by(caller) in (None, member.id)
    shifts = [Shift.model_validate(shift) for shift in member.working_hours]
    role = Role(member.role)
    known = Member(member.id, member.name, role, member.capacity, member.time_zone, tuple(shifts), member.is_active)
    off_shift_until = known.off_shift_until(backend.clock.now())
    return MemberView(
        id=member.id,
        name=member.name,
        email=member.email,
        role=role,
        capacity=member.capacity,
        time_zone=member.time_zone,
        working_hours=shifts,
        active=member.is_active,
        version=member.version,
        created_at=member.created_at,
        updated_at=member.updated_at,
        open_leads=workload.open_leads,
        won=workload.won if has_results else None,
        lost=workload.lost if has_results else None,
        on_shift=off_shift_until is None,
        off_shift_until=off_shift_until,
    )


def _values(member: MemberToAdd | MemberChange) -> dict[str, Any]:
    """The model in the words and types of the table."""
    values = member.model_dump(mode="json")
    values["is_active"] = values.pop("active")
    return values


def _position(cursor: str, sort: str) -> list[Any]:
    values = decode_cursor(cursor, 2)
    types = (str if sort.endswith("name") else int, int)
    if not all(type(value) is kind for value, kind in zip(values, types, strict=True)):
        raise invalid_field("cursor", "cursor", "it belongs to another sort order")
    return values


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit()):
        raise invalid_field("If-Match", "version", 'the version of the member as it was read, such as "3"')
    return int(text)
