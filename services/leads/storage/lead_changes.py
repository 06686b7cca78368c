"""A change of one lead by a person's command: the row, the line of history and the event, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.domain.errors import VersionConflict
from services.leads.storage.lead_journal import SYSTEM, add_line
from services.leads.storage.tables import HistoryEntry, Lead
from shared.contracts.leads import LeadEvent
from shared.contracts.topics import LEAD_EVENTS
from shared.kit import outbox
from shared.kit.database import driver
from shared.kit.identifiers import new_id


@dataclass(frozen=True, slots=True)
class Command:
    """Who asks for a change and when; `version` is the one that they saw, None when they do not care."""

    actor: str
    now: datetime
    request_id: UUID
    version: int | None = None

    def require_version(self, lead: Lead) -> None:
        """Raise `VersionConflict` when somebody else was faster."""
        if self.version is not None and self.version != lead.version:
            raise VersionConflict(lead.version)


@dataclass(frozen=True, slots=True)
class Remark:
    """What history says about a change: a sentence, and each field from what to what."""

    text: str
    changes: dict[str, Any] = field(default_factory=dict)
    type: int = SYSTEM


async def save_change(
    session: AsyncSession, lead: Lead, command: Command, remark: Remark, make_event: Callable[..., LeadEvent]
) -> HistoryEntry:
    """Write a locked lead that was changed, as its next version, with its line of history and its event.

    `make_event` gets the fields that all events of leads have.
    """
    assert lead.id is not None
    lead.version += 1
    lead.updated_at = command.now
    line = await add_line(
        session,
        lead.id,
        remark.text,
        actor=command.actor,
        now=command.now,
        changes=remark.changes,
        type=remark.type,
    )
    event = make_event(
        event_id=new_id(),
        occurred_at=command.now,
        correlation_id=command.request_id,
        lead_id=lead.id,
        version=lead.version,
    )
    await outbox.append(await driver(session), LEAD_EVENTS, [(lead.id, event)])
    return line
