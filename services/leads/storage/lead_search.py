"""Finding leads: filters, order and pages as one statement each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Text, and_, cast, func, literal, or_, tuple_
from sqlalchemy.types import TypeEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.storage.sight import visible_to
from services.leads.storage.tables import Lead, PersonIdentity
from shared.contracts.words import IdentityKind, LeadStatus, LeadStep
from shared.kit.security import Caller

_DIGITS_THAT_NAME_A_PHONE = 5


class PhoneQuery(NamedTuple):
    """A number that somebody looks for: the match keys of its readings, and its bare digits.

    `ending` is set for a national number that there is no region for: numbers that end so are meant.
    """

    keys: tuple[str, ...]
    digits: str
    ending: str | None = None


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """What a list is narrowed to; empty parts narrow nothing. `created_to` is exclusive, all `tags` must be there.

    `words` must each occur in a name, the mail address, the phone or the number.
    """

    phone: PhoneQuery | None = None
    words: Sequence[str] = ()
    statuses: Sequence[LeadStatus] = ()
    steps: Sequence[LeadStep] = ()
    sources: Sequence[str] = ()
    assigned_ids: Sequence[int] = ()
    is_unassigned: bool = False
    tags: Sequence[str] = ()
    is_ready: bool | None = None
    is_repeat: bool | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None


class SortField(NamedTuple):
    """A sortable field: its column, and what it is in a cursor. The id breaks ties."""

    column: Any
    type: type[Any]


SORT_FIELDS: Final[dict[str, tuple[SortField, ...]]] = {
    "created_at": (SortField(Lead.created_at, datetime),),
    "updated_at": (SortField(Lead.updated_at, datetime),),
    # Not the text: past 999 a number is longer, and would sort before.
    "number": (SortField(Lead.business_date, date), SortField(Lead.serial, int)),
    "status": (SortField(Lead.status, int), SortField(Lead.created_at, datetime)),
    "id": (),
}


@dataclass(frozen=True, slots=True)
class LeadOrder:
    """The order of a list, by a name of `SORT_FIELDS` and then by id."""

    field: str
    is_descending: bool

    @property
    def types(self) -> tuple[type[Any], ...]:
        """The types of the values that place a lead in this order."""
        return (*(field.type for field in SORT_FIELDS[self.field]), int)

    def place_of(self, lead: Lead) -> tuple[Any, ...]:
        """The values that place a lead in this order."""
        return (*(getattr(lead, field.column.key) for field in SORT_FIELDS[self.field]), lead.id)


async def list_leads(
    session: AsyncSession,
    caller: Caller,
    wanted: LeadFilter,
    order: LeadOrder,
    after: Sequence[Any] | None,
    limit: int,
) -> list[Lead]:
    """The next `limit` leads after the place of another one; no offset, so that new rows shift nothing."""
    columns = [*(field.column for field in SORT_FIELDS[order.field]), Lead.id]
    statement = select(Lead).where(*visible_to(caller), *_conditions(wanted)).limit(limit)
    if after is not None:
        here = tuple_(*columns)
        there = tuple_(*(literal(value, column_type(column)) for column, value in zip(columns, after, strict=True)))
        statement = statement.where(here < there if order.is_descending else here > there)
    ordered = [col(column).desc() if order.is_descending else col(column).asc() for column in columns]
    return list((await session.exec(statement.order_by(*ordered))).all())


async def count_leads(session: AsyncSession, caller: Caller, wanted: LeadFilter) -> int:
    """How many leads a filter finds."""
    statement = select(func.count()).select_from(Lead).where(*visible_to(caller), *_conditions(wanted))
    return (await session.exec(statement)).one()


def column_type(column: Any) -> TypeEngine[Any]:
    """The type of a mapped column, without which a driver takes an instant for one without a zone."""
    found: TypeEngine[Any] = column.type
    return found


def _conditions(wanted: LeadFilter) -> list[ColumnElement[bool]]:
    conditions = [col(Lead.merged_into_id).is_(None), *(_mentions(word) for word in wanted.words)]
    for column, values in (
        (Lead.status, [int(status) for status in wanted.statuses]),
        (Lead.step, [int(step) for step in wanted.steps]),
        (Lead.source, list(wanted.sources)),
    ):
        if values:
            conditions.append(col(column).in_(values))
    if wanted.assigned_ids or wanted.is_unassigned:
        conditions.append(_owned_by(wanted))
    if wanted.phone is not None:
        conditions.append(_has_phone(wanted.phone))
    if wanted.tags:
        # The second half repeats the condition of the index.
        conditions.append(and_(col(Lead.tags).op("@>")(list(wanted.tags)), col(Lead.tags) != []))
    if wanted.is_ready is not None:
        conditions.append(col(Lead.is_ready) == wanted.is_ready)
    if wanted.is_repeat is not None:
        conditions.append(col(Lead.is_repeat) == wanted.is_repeat)
    if wanted.created_from is not None:
        conditions.append(col(Lead.created_at) >= wanted.created_from)
    if wanted.created_to is not None:
        conditions.append(col(Lead.created_at) < wanted.created_to)
    return conditions


def _owned_by(wanted: LeadFilter) -> ColumnElement[bool]:
    owners: list[ColumnElement[bool]] = [col(Lead.assigned_id).in_(list(wanted.assigned_ids))]
    if wanted.is_unassigned:
        owners.append(col(Lead.assigned_id).is_(None))
    return or_(*owners)


def _mentions(word: str) -> ColumnElement[bool]:
    name = func.concat_ws(" ", Lead.first_name, Lead.last_name)
    places: list[ColumnElement[bool]] = [
        cast(text, Text).icontains(word, autoescape=True) for text in (name, Lead.email, Lead.number, Lead.phone)
    ]
    digits = "".join(character for character in word if character.isdecimal() and character.isascii())
    if len(digits) >= _DIGITS_THAT_NAME_A_PHONE and not any(character.isalpha() for character in word):
        places.append(col(Lead.phone_key).contains(digits))
    return or_(*places)


def _has_phone(phone: PhoneQuery) -> ColumnElement[bool]:
    """A number of the lead or of its person; what could not be read when it came is compared by its digits."""
    digits_of_lead = func.regexp_replace(Lead.phone, "[^0-9]", "", "g")
    unread = and_(col(Lead.phone_key).is_(None), digits_of_lead.in_([phone.digits, *phone.keys]))
    owners = select(PersonIdentity.person_id).where(
        col(PersonIdentity.kind) == str(IdentityKind.PHONE), col(PersonIdentity.match_key).in_(phone.keys)
    )
    found = [unread, col(Lead.phone_key).in_(phone.keys), col(Lead.person_id).in_(owners)]
    if phone.ending is not None:
        found.append(col(Lead.phone_key).endswith(phone.ending))
    return or_(*found)
