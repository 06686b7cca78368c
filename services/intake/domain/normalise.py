"""From a receipt to what is published about it."""

from services.intake.domain.adapters.forms import read_form
from services.intake.domain.adapters.messenger import read_messenger
from services.intake.domain.adapters.whatsapp import read_whatsapp
from services.intake.domain.items import BROKEN, WHOLE
from services.intake.domain.outcomes import Arrival, Inquiry, Outcome, Quarantined
from services.intake.domain.receipts import WaitingReceipt
from shared.contracts.inquiries import InquiryReceived
from shared.contracts.words import Channel
from shared.kit.logging import describe
from shared.kit.privacy import keyed_hash
from shared.kit.text import UnreadableJson, parse_json

LARGEST_EVENT = 900_000

_ADAPTERS = {
    Channel.WHATSAPP: read_whatsapp,
    Channel.MESSENGER: read_messenger,
    Channel.INSTAGRAM: read_messenger,
    Channel.FORM: read_form,
}


def normalise(receipt: WaitingReceipt) -> Outcome:
    """What a receipt says; an adapter that fails on it quarantines it, and it alone."""
    if receipt.kind in (BROKEN, WHOLE) and receipt.channel is not Channel.FORM:
        return Quarantined(receipt.reason or "broken")
    try:
        body = parse_json(receipt.body)
    except UnreadableJson as error:
        return Quarantined(str(error))
    adapter = _ADAPTERS.get(receipt.channel)
    if adapter is None or not isinstance(body, dict):
        return Quarantined("no adapter")
    arrival = Arrival(receipt.channel, receipt.account, receipt.received_at, receipt.lead_uuid)
    try:
        return adapter(body, arrival)
    except Exception as error:
        return Quarantined(f"adapter failed: {describe(error)}")


def to_event(receipt: WaitingReceipt, inquiry: Inquiry, privacy_key: str) -> InquiryReceived:
    """The event of a receipt: the same, id included, however often it is made."""
    return InquiryReceived(
        event_id=receipt.receipt_id,
        occurred_at=receipt.received_at,
        correlation_id=receipt.receipt_id,
        receipt_id=receipt.receipt_id,
        dedupe_key=receipt.dedupe_key,
        thread=keyed_hash(privacy_key, "thread", receipt.channel, receipt.account, inquiry.thread),
        channel=receipt.channel,
        account=receipt.account,
        kind=inquiry.kind[:64],
        business_date=receipt.business_date,
        received_at=receipt.received_at,
        sent_at=inquiry.sent_at,
        sender=inquiry.sender,
        text=inquiry.text,
        content=inquiry.content,
        attribution=inquiry.attribution,
        lead_uuid=receipt.lead_uuid,
    )


def to_body(event: InquiryReceived) -> bytes:
    """The event as bytes that a broker takes; what would be too much is left in the receipt.

    Text and sender are bounded by the adapters. A record that the broker refuses would stop the relay.
    """
    body = event.model_dump_json().encode()
    for part in ("content", "attribution"):
        if len(body) > LARGEST_EVENT:
            event = event.model_copy(update={part: {"left_out": True}})
            body = event.model_dump_json().encode()
    return body
