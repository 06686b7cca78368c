"""What a Lead Ads item says. Meta: Lead Ads, webhooks and retrieving leads; effects are this project's.

The webhook brings ids only. What the person filled in is fetched and then stands beside them in the item's body, as
`lead`, with the form's mapping of that moment as `fields` and `default_region`.
"""

from collections import defaultdict
from typing import Any

from services.intake.domain.adapters.stated import stated_identities
from services.intake.domain.field_names import guess_name, read_name
from services.intake.domain.forms import as_told
from services.intake.domain.outcomes import LONGEST_TEXT, Arrival, Awaited, Ignored, Inquiry, Outcome, Quarantined
from services.intake.domain.values import as_id, as_list, as_mapping, as_text, bounded, pick, read_instant
from shared.contracts.inquiries import Sender

TARGETS = ("first_name", "last_name", "name", "email", "phone", "message")
# The platform's keys for the questions that it fills in by itself; the first that is answered counts.
_DEFAULTS = {
    "full_name": "name",
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "email",
    "work_email": "email",
    "phone_number": "phone",
    "phone": "phone",
    "whatsapp_number": "phone",
    "work_phone_number": "phone",
}
# The dashboards' samples, and the testing tool's dummy answers.
_TEST_ACCOUNT, _SAMPLE_ID = "0", "444444444444"
_DUMMY = "test lead: dummy data"
_AD = (
    "ad_id",
    "ad_name",
    "adset_id",
    "adset_name",
    "adgroup_id",
    "campaign_id",
    "campaign_name",
    "form_id",
    "platform",
    "is_organic",
)


def read_lead_ads(body: dict[str, Any], arrival: Arrival) -> Outcome:
    """Normalise one lead, or ask for what its person filled in."""
    value = as_mapping(as_mapping(body.get("change")).get("value"))
    leadgen_id = as_id(value.get("leadgen_id"))
    if arrival.account == _TEST_ACCOUNT or leadgen_id == _SAMPLE_ID:
        return Ignored("dashboard_test")
    if leadgen_id is None or not leadgen_id.isdecimal():
        return Quarantined("leadgen without an id")
    if "lead" not in body:
        return Awaited(leadgen_id, as_id(value.get("form_id")))
    lead = as_mapping(body["lead"])
    answers = _answers(lead)
    if any(_DUMMY in answer.lower() for answer in answers.values()):
        return Ignored("test lead")
    if not answers:
        return Quarantined("lead without answers")
    return _inquiry(lead, value, answers, body, arrival)


def _inquiry(
    lead: dict[str, Any], value: dict[str, Any], answers: dict[str, str], body: dict[str, Any], arrival: Arrival
) -> Inquiry:
    told, others = _mapped(answers, as_list(body.get("fields")))
    name = read_name(told)
    phone, email, text = told.get("phone"), told.get("email"), told.get("message")
    content: dict[str, Any] = {"answers": others} if others else {}
    if disclaimers := as_list(lead.get("custom_disclaimer_responses")):
        content["disclaimers"] = disclaimers
    return Inquiry(
        kind="lead_ad",
        sent_at=read_instant(lead.get("created_time") or value.get("created_time"), arrival.received_at),
        sender=Sender(
            identities=stated_identities(phone, email, as_text(body.get("default_region"))),
            first_name=name.first,
            last_name=name.last,
            phone=phone,
            email=email,
        ),
        thread=str(as_id(value.get("leadgen_id"))),
        text=text[:LONGEST_TEXT] if text else None,
        content=bounded(content),
        attribution={"lead_ad": bounded(pick(value, *_AD) | pick(lead, *_AD))},
    )


def _answers(lead: dict[str, Any]) -> dict[str, str]:
    """What was answered to which question; several choices are joined."""
    found = {}
    for field in map(as_mapping, as_list(lead.get("field_data"))):
        name = as_text(field.get("name"))
        values = [text for text in (as_text(as_told(one)) for one in as_list(field.get("values"))) if text]
        if name and values:
            found[name[:200]] = ", ".join(values)[:LONGEST_TEXT]
    return found


def _usual(name: str) -> str | None:
    """What a question asks for by its name; what people write about a trip stays an answer."""
    target = _DEFAULTS.get(name.strip().lower()) or guess_name(name)
    return None if target == "message" else target


def _mapped(answers: dict[str, str], mapping: list[Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The answers that tell of the person, by what they tell, and all others by their question.

    A form's own mapping comes first, in which a question may also be mapped to nothing.
    """
    own = {as_text(as_mapping(one).get("name")): as_text(as_mapping(one).get("maps_to")) for one in mapping}
    wanted = {name: own[name] if name in own else _usual(name) for name in answers}
    asked: dict[str, list[str]] = defaultdict(list)
    others = {}
    for name in sorted(answers, key=lambda name: name not in own):
        target = wanted[name]
        if target in TARGETS and (target == "message" or not asked[target]):
            asked[target].append(name)
        else:
            others[name] = answers[name]
    told = {
        target: "\n".join(answers[name] for name in names)[: _LONGEST.get(target, 200)]
        for target, names in asked.items()
        if names
    }
    if read_name(told).spare:
        others |= {name: answers[name] for name in asked["name"]}
    return told, others


_LONGEST = {"message": LONGEST_TEXT, "email": 320, "phone": 64}
