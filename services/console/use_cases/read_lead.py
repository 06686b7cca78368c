"""Read one lead's page."""

import asyncio

from services.console.clients.services import ServicesClient
from services.console.domain.accounts import Person
from services.console.domain.overview import (
    Decision,
    HistoryLine,
    Inquiry,
    Items,
    Lead,
    LeadPage,
    Member,
    Notification,
    Panel,
)
from services.console.use_cases.read_overview import panel
from shared.kit.clock import Clock


async def read_lead(
    services: ServicesClient, clock: Clock, person: Person | None, reference: str
) -> LeadPage | Panel[Lead]:
    """A lead by id, uuid or number with all that belongs to it; a panel with the problem when it cannot be read.

    The panel of a lead that does not exist, or is not this person's, has no problem either.
    """
    found = await services.ask(person, "leads", f"/rest/leads/{reference}", Lead)
    if found.value is None:
        return Panel(problem=None if found.status == 404 else f"leads {found.problem}")
    ask, lead = services.ask, found.value
    of_lead = {"lead_id": str(lead.id), "limit": "50"}
    inquiries, history, decisions, notifications, team = await asyncio.gather(
        ask(person, "leads", f"/rest/leads/{lead.id}/inquiries", Items[Inquiry], {"limit": "50"}),
        ask(person, "leads", f"/rest/leads/{lead.id}/history", Items[HistoryLine], {"limit": "100"}),
        ask(person, "assignment", "/rest/decisions", Items[Decision], of_lead),
        ask(person, "notifier", "/rest/notifications", Items[Notification], of_lead),
        ask(person, "assignment", "/rest/team", Items[Member], {"limit": "200"}),
    )
    return LeadPage(
        now=clock.now(),
        lead=lead,
        inquiries=panel(inquiries),
        history=panel(history),
        decisions=panel(decisions),
        notifications=panel(notifications),
        team=panel(team),
    )
