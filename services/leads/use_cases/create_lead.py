"""Creating a lead by hand or by an API: an inquiry like any other, registered by the same rules."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.leads.domain.hand_over import HandOverPolicy
from services.leads.domain.openings import Extras
from services.leads.domain.statements import stated_identities
from services.leads.use_cases.register_inquiries import Registered, register_inquiries
from shared.contracts.inquiries import InquiryReceived, Sender
from shared.contracts.words import Channel
from shared.kit.clock import business_date
from shared.kit.database import Connection
from shared.kit.identifiers import new_id


@dataclass(frozen=True, slots=True)
class NewLead:
    """What somebody writes down about a person; phone and mail are as they came, and are stated evidence.

    `region` reads national phone numbers (two letters, such as `MX`). A phone that cannot be read is kept. `extras`
    are for a new lead only.
    """

    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    email: str | None = None
    language: str | None = None
    message: str | None = None
    region: str | None = None
    attribution: dict[str, Any] = field(default_factory=dict)
    extras: Extras = field(default_factory=Extras)


async def create_lead(
    connection: Connection,
    new: NewLead,
    *,
    actor: str,
    request_id: UUID,
    now: datetime,
    zone: ZoneInfo,
    policy: HandOverPolicy,
) -> Registered:
    """Register a person's inquiry on channel `rest`; the outcome is `repeat` when they had an open lead already.

    Takes the number as its last statement: commit soon, everybody else's leads of the day wait. A request that is
    sent again with the same `request_id` changes nothing and is answered with the same lead.
    """
    inquiry = InquiryReceived(
        event_id=new_id(),
        occurred_at=now,
        correlation_id=request_id,
        receipt_id=request_id,
        dedupe_key=f"rest-{request_id.hex}",
        thread=f"rest-{request_id.hex}",
        channel=Channel.REST,
        account=actor,
        kind="rest",
        business_date=business_date(now, zone),
        received_at=now,
        sent_at=now,
        sender=Sender(
            identities=stated_identities(new.phone, new.email, new.region),
            first_name=new.first_name,
            last_name=new.last_name,
            phone=new.phone,
            email=new.email,
            language=new.language,
        ),
        text=new.message,
        attribution=new.attribution,
    )
    extras = {inquiry.dedupe_key: new.extras}
    answers = await register_inquiries(connection, [inquiry], now, policy, actor, extras)
    return answers[inquiry.dedupe_key]
