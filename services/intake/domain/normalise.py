"""From a receipt to what is published about it."""

from services.intake.domain.adapters.forms import read_form
from services.intake.domain.adapters.lead_ads import read_lead_ads
from services.intake.domain.adapters.messenger import read_messenger
from services.intake.domain.adapters.whatsapp import read_whatsapp
from services.intake.domain.items import BROKEN, WHOLE
from services.intake.domain.outcomes import (
    Arrival,
    Edit,
    Filling,
    IdentityChange,
    Inquiry,
    Key,
    OptOut,
    Outcome,
    Published,
    Quarantined,
    Response,
)
from services.intake.domain.receipts import WaitingReceipt
from services.intake.domain.wishes import DEFAULT_WISHES, Wishes
from shared.contracts.inquiries import (
    AnyIntakeEvent,
    FormProgressed,
    IdentityChanged,
    InquiryEdited,
    InquiryReceived,
    OptOutChanged,
    ResponseSent,
)
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
    Channel.LEAD_ADS: read_lead_ads,
}


def normalise(receipt: WaitingReceipt, wishes: Wishes = DEFAULT_WISHES) -> Outcome:
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
    arrival = Arrival(
        receipt.channel, receipt.account, receipt.received_at, receipt.lead_uuid, wishes, receipt.is_released
    )
    try:
        return adapter(body, arrival)
    except Exception as error:
        return Quarantined(f"adapter failed: {describe(error)}")


def receipt_key(privacy_key: str, channel: Channel, account: str, key: Key) -> str:
    """The permanent key under which an item is the same item: what leads calls its dedupe key."""
    return keyed_hash(privacy_key, "receipt", channel.value, account, *key)


def to_event(receipt: WaitingReceipt, told: Published, privacy_key: str) -> AnyIntakeEvent:
    """The event of a receipt: the same, id included, however often it is made."""

    def key_of(item: Key) -> str:
        return receipt_key(privacy_key, receipt.channel, receipt.account, item)

    envelope = {
        "event_id": receipt.receipt_id,
        "occurred_at": receipt.received_at,
        "correlation_id": receipt.receipt_id,
        "receipt_id": receipt.receipt_id,
        "dedupe_key": receipt.dedupe_key,
        "thread": keyed_hash(privacy_key, "thread", receipt.channel, receipt.account, told.thread),
        "channel": receipt.channel,
        "account": receipt.account,
        "business_date": receipt.business_date,
        "received_at": receipt.received_at,
        "sent_at": told.sent_at,
        "sender": told.sender,
    }
    match told:
        case Inquiry():
            return InquiryReceived(
                **envelope,
                kind=told.kind[:64],
                text=told.text,
                content=told.content,
                attribution=told.attribution,
                lead_uuid=receipt.lead_uuid,
                stands_for=key_of(told.stands_for) if told.stands_for else None,
                takes_back_opt_out=told.takes_back_opt_out,
                progress=told.progress,
            )
        case Filling():
            assert receipt.lead_uuid is not None
            return FormProgressed(
                **envelope,
                lead_uuid=receipt.lead_uuid,
                progress=told.progress,
                content=told.content,
                attribution=told.attribution,
            )
        case Edit():
            return InquiryEdited(
                **envelope,
                target_key=key_of(told.target),
                is_revoked=told.is_revoked,
                text=told.text,
                content=told.content,
            )
        case IdentityChange():
            return IdentityChanged(**envelope, previous=told.previous)
        case Response():
            return ResponseSent(**envelope)
        case OptOut():
            return OptOutChanged(**envelope, is_opted_out=told.is_opted_out, origin=told.origin)


def to_body(event: AnyIntakeEvent) -> bytes:
    """The event as bytes that a broker takes; what would be too much is left in the receipt.

    Text and sender are bounded by the adapters. A record that the broker refuses would stop the relay.
    """
    body = event.model_dump_json().encode()
    for part in ("content", "attribution"):
        if len(body) > LARGEST_EVENT and part in type(event).model_fields:
            event = event.model_copy(update={part: {"left_out": True}})
            body = event.model_dump_json().encode()
    return body
