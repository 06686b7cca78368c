"""Lead Ads: deliveries that tell of a lead by its ids only, and what the Graph API then says about it."""

from typing import Any, Final

from deploy.demo.deliveries import JSON, MESSENGER_PATH, Channel, Delivery, Fate, Item, Signature
from deploy.demo.messenger import PAGE
from deploy.demo.people import Person
from deploy.demo.whatsapp import encode

FORM: Final = "700100200300450"


def answers_of(person: Person, words: str) -> dict[str, str]:
    """What somebody fills into the form: the platform's own questions, and one of ours."""
    return {
        "full_name": person.name,
        "email": person.email,
        "phone_number": person.phone_abroad.replace(" ", "").replace("-", ""),
        "what_would_you_like": words,
    }


def deliver(person: Person, leadgen_id: str, at: int, words: str, note: str = "") -> Delivery:
    """One delivery of the page, signed by the app that it was connected with; it names the lead twice, as happens."""
    value = {"leadgen_id": int(leadgen_id), "form_id": int(FORM), "page_id": int(PAGE), "created_time": at}
    change: dict[str, Any] = {"field": "leadgen", "value": value | {"ad_id": 120210000000000042}}
    body = encode({"object": "page", "entry": [{"id": PAGE, "time": at, "changes": [change, change]}]})
    items = tuple(Item(f"leadgen {leadgen_id}", Fate.INQUIRY, f"▣ {words}", person) for _ in range(2))
    return Delivery(Channel.LEAD_ADS, MESSENGER_PATH, body, items, Signature.CONNECTED, note=note, headers=JSON)
