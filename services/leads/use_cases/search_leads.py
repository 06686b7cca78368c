"""Searching leads, page by page, in any of their orders."""

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.storage.lead_search import LeadFilter, LeadOrder, PhoneQuery, count_leads, list_leads
from services.leads.storage.sight import LARGEST_ID
from services.leads.storage.tables import Lead
from shared.kit.paging import Page, decode_cursor, encode_cursor
from shared.kit.phones import match_key, parse_wa_id
from shared.kit.problems import Problem, invalid_field
from shared.kit.security import Caller

_SHORTEST_ENDING = 7


async def search_leads(
    session: AsyncSession,
    caller: Caller,
    wanted: LeadFilter,
    order: LeadOrder,
    *,
    limit: int,
    cursor: str | None,
) -> Page[Lead]:
    """One page of the leads that the caller may see; `total` counts all pages.

    Raises a 422 `Problem` for a cursor that is not of this list in this order.
    """
    after = _place(order, cursor) if cursor is not None else None
    # One more than asked for tells whether there is a next page.
    leads = await list_leads(session, caller, wanted, order, after, limit + 1)
    next_cursor = encode_cursor(_name(order), *order.place_of(leads[limit - 1])) if len(leads) > limit else None
    # Not the generic's own constructor: rows of tables are not validated.
    return Page.model_construct(
        items=leads[:limit], next_cursor=next_cursor, total=await count_leads(session, caller, wanted)
    )


def read_phone(text: str, default_region: str | None) -> PhoneQuery:
    """All that a number in any spelling may mean: also one whose plus became a blank on its way in a URL."""
    digits = "".join(
        str(unicodedata.decimal(character))
        for character in unicodedata.normalize("NFKC", text)
        if unicodedata.category(character) == "Nd"
    )
    key = match_key(text, default_region)
    bare = parse_wa_id(digits)
    keys = tuple(dict.fromkeys(found for found in (key, bare.match_key if bare and bare.is_valid else None) if found))
    national = digits.lstrip("0")
    ending = national if key is None and len(national) >= _SHORTEST_ENDING else None
    return PhoneQuery(keys, digits, ending)


def _name(order: LeadOrder) -> str:
    return f"{'-' if order.is_descending else ''}{order.field}"


def _place(order: LeadOrder, cursor: str) -> Sequence[Any]:
    name, *values = decode_cursor(cursor, len(order.types) + 1)
    problem: Problem = invalid_field("cursor", "cursor", "take next_cursor of the page before, with the same sort")
    if name != _name(order):
        raise problem
    try:
        return [_value(kind, value) for kind, value in zip(order.types, values, strict=True)]
    except (TypeError, ValueError):
        raise problem from None


def _value(kind: type[Any], value: Any) -> Any:
    if kind is int:
        if type(value) is not int or abs(value) > LARGEST_ID:
            raise ValueError("no integer of 64 bits")
        return value
    if kind is datetime:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is None:
            raise ValueError("no zone")
        return parsed
    return date.fromisoformat(value)
