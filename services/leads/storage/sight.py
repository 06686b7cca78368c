"""Which leads a caller can see, and how they are named in a path. Every statement for people has both in its WHERE."""

import re
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from services.leads.domain.errors import LeadNotFound
from services.leads.domain.numbers import lead_number, parse_lead_number
from services.leads.storage.tables import Lead, LeadAlias
from shared.contracts.words import Role
from shared.kit.security import Caller

LARGEST_ID = 2**63 - 1
_INTEGER = re.compile(r"[0-9]{1,19}", re.ASCII)


def visible_to(caller: Caller) -> list[ColumnElement[bool]]:
    """The conditions of the leads that exist for a caller: a salesperson's own, or all that are not deleted."""
    conditions: list[ColumnElement[bool]] = [col(Lead.deleted_at).is_(None)]
    if not caller.has(Role.SUPERVISOR):
        conditions.append(col(Lead.assigned_id) == caller.member_id)
    return conditions


def named(reference: str) -> ColumnElement[bool]:
    """The condition for a lead's integer id, its uuid or an alias of it, or its number; raises `LeadNotFound`.

    It holds for one lead at most: a uuid that is an alias leads on, even if a lead has it as its own.
    """
    if _INTEGER.fullmatch(reference) and int(reference) <= LARGEST_ID:
        return col(Lead.id) == int(reference)
    if parsed := parse_lead_number(reference):
        return col(Lead.number) == lead_number(*parsed)
    try:
        lead_uuid = UUID(reference)
    except ValueError:
        raise LeadNotFound from None
    target = select(LeadAlias.lead_id).where(col(LeadAlias.lead_uuid) == lead_uuid).scalar_subquery()
    own = aliased(Lead)
    of_its_own = select(own.id).where(col(own.lead_uuid) == lead_uuid).scalar_subquery()
    return col(Lead.id) == func.coalesce(target, of_its_own)
