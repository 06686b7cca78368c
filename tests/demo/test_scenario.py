"""The hour, held against intake's and leads' own rules, without any machinery."""

import json
from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

import pytest

from deploy.demo.deliveries import Channel, Delivery, Fate
from deploy.demo.forms import FORMS
from deploy.demo.journal import Answered, Journal
from deploy.demo.mint import Mint
from deploy.demo.people import PLANS
from deploy.demo.scenario import Scenario, write_scenario
from deploy.demo.steps import Close, Send
from services.intake.domain.adapters.forms import read_form
from services.intake.domain.adapters.lead_ads import read_lead_ads
from services.intake.domain.forms import (
    FieldRefused,
    check_fields,
    parse_json_form,
    parse_urlencoded_form,
)
from services.intake.domain.items import Item
from services.intake.domain.normalise import normalise
from services.intake.domain.outcomes import Arrival, Awaited, Ignored, Inquiry, Outcome, Quarantined
from services.intake.domain.receipts import WaitingReceipt
from services.intake.domain.splitting import SPLITTERS
from services.leads.domain.people import Directory, Introduction, StatedName
from shared.contracts import words
from shared.kit.phones import parse_phone, parse_wa_id

_AT = datetime(2026, 9, 21, 15, tzinfo=UTC)
_CHATS = (Channel.WHATSAPP, Channel.MESSENGER, Channel.INSTAGRAM, Channel.LEAD_ADS)
_DOORS = {Channel.WHATSAPP: words.Channel.WHATSAPP}


def _split(delivery: Delivery) -> list[Item]:
    return SPLITTERS[_DOORS.get(delivery.channel, words.Channel.MESSENGER)](delivery.body)


def _read(item: Item) -> Outcome:
    return normalise(
        WaitingReceipt(
            1, UUID(int=1), "key", item.channel, item.account, item.kind, item.error, item.body, _AT, _AT, None
        )
    )


def _fate(outcome: Outcome) -> Fate:
    if isinstance(outcome, (Awaited, Inquiry)):
        return Fate.INQUIRY
    if isinstance(outcome, (Ignored, Quarantined)):
        return Fate.IGNORED if isinstance(outcome, Ignored) else Fate.QUARANTINED
    return Fate.UPDATE


def _deliveries(scenario: Scenario, *channels: Channel) -> list[Delivery]:
    return [send.delivery for send in scenario.sends() if send.delivery.channel in channels]


def test_same_run_is_the_same_hour() -> None:
    """Seed and run decide everything."""
    one, other = (write_scenario(3, "same", 1_790_000_000.0, 60.0) for _ in range(2))
    assert one == other


def test_runs_share_nobody(scenario: Scenario) -> None:
    """Another run with the same seed has the same names and no id, number or address in common."""
    other = write_scenario(7, "another", 1_790_000_000.0, 75.0)
    assert [person.name for person in scenario.people] == [person.name for person in other.people]
    addresses, others = (
        {each for one in people for each in one.addresses} for people in (scenario.people, other.people)
    )
    assert set() == addresses & others
    keys, other_keys = ({item.key for send in one.sends() for item in send.delivery.items} for one in (scenario, other))
    assert set() == keys & other_keys


@pytest.mark.parametrize("region", PLANS)
def test_both_spellings_are_one_valid_number(region: str) -> None:
    """WhatsApp's id and the number as typed at home and abroad have one match key, and forms may compare it."""
    plan, mint = PLANS[region], Mint(region)
    for _ in range(300):
        digits = {"a": mint.digits(plan.lengths[0], head=plan.head), "b": mint.digits(plan.lengths[1])}
        at_home = parse_phone(plan.typed.format(**digits), region)
        abroad = parse_phone(plan.abroad.format(**digits))
        wa_id = parse_wa_id(plan.wa_id.format(**digits))
        assert at_home is not None and abroad is not None and wa_id is not None
        assert at_home.is_valid and abroad.is_valid, digits
        assert {wa_id.match_key} == {at_home.match_key, abroad.match_key}


def test_items_are_what_intake_makes_of_them(scenario: Scenario) -> None:
    """Each delivery splits into as many items as the journal counts, and each of them has the fate that it expects."""
    for delivery in _deliveries(scenario, *_CHATS):
        if delivery.items:
            fates = Counter(_fate(_read(item)) for item in _split(delivery))
            assert Counter(item.fate for item in delivery.items) == fates, delivery.note


def test_items_repeat_when_intake_says_so(scenario: Scenario) -> None:
    """Two items have the same key for the journal if and only if they have it for intake."""
    ours, theirs = set(), set()
    for delivery in _deliveries(scenario, *_CHATS):
        if delivery.items:
            ours |= {item.key for item in delivery.items}
            theirs |= {(item.channel, item.account, item.key) for item in _split(delivery)}
    assert len(ours) == len(theirs)


def test_forms_are_read(scenario: Scenario) -> None:
    """Every form post that is to be taken has a person, a valid phone and a mail address for intake."""
    read = 0
    for delivery in _deliveries(scenario, Channel.FORM):
        parse = {"application/json": parse_json_form, "application/x-www-form-urlencoded": parse_urlencoded_form}.get(
            delivery.headers["Content-Type"]
        )
        if parse is None or not delivery.items:
            continue
        inquiry = _read_form(delivery, check_fields(parse(delivery.body)))
        assert {words.IdentityKind.PHONE, words.IdentityKind.EMAIL} == {each.kind for each in inquiry.sender.identities}
        read += 1
    assert read > 5


def test_too_long_field_is_refused(scenario: Scenario) -> None:
    """The form that must get 422 breaks a limit, and nothing else about it is wrong."""
    refused = [delivery for delivery in _deliveries(scenario, Channel.FORM) if delivery.status == 422]
    assert 1 == len(refused)
    with pytest.raises(FieldRefused, match="64 characters"):
        check_fields(parse_json_form(refused[0].body))


def test_journal_counts_people_as_leads_does(scenario: Scenario) -> None:
    """Stories told one after the other give as many people by the table of evidence as the journal expects leads."""
    journal, directory, met = Journal(), Directory(), set[int]()
    spare = 0
    for delivery in (send.delivery for send in scenario.sends()):
        journal.begin(delivery, 0.0)
        journal.finish(Answered(delivery, delivery.status, 1.0, 1))
        for inquiry in _inquiries(delivery, scenario):
            spare += 1
            name = StatedName(inquiry.sender.first_name, inquiry.sender.last_name)
            met.add(directory.meet(Introduction(inquiry.sender.identities, name, spare)).person_id)
    assert len(+journal.leads) == len(met)
    assert len(met) == journal.total("new")


def test_who_comes_back_opens_another_lead(scenario: Scenario) -> None:
    """Closing a lead makes the next inquiry of its person a new one."""
    closed = {step.person.key for story in scenario.stories for step in story if isinstance(step, Close)}
    journal = Journal()
    for story in scenario.stories:
        for step in story:
            if isinstance(step, Close):
                journal.close(step.person)
            elif isinstance(step, Send):
                journal.begin(step.delivery, 0.0)
                journal.finish(Answered(step.delivery, step.delivery.status, 1.0, 1))
    assert {key for key, leads in journal.leads.items() if leads == 2} == closed
    assert len(journal.leads) + len(closed) == journal.total("new")


def _inquiries(delivery: Delivery, scenario: Scenario) -> list[Inquiry]:
    if not delivery.items:
        return []
    if delivery.channel is Channel.LEAD_ADS:
        return [_read_lead(item, dict(scenario.shelf.leads)) for item in _split(delivery)]
    if delivery.channel is not Channel.FORM:
        return [outcome for item in _split(delivery) if isinstance(outcome := _read(item), Inquiry)]
    content_type = delivery.headers["Content-Type"]
    if content_type.startswith("multipart"):
        return [_read_form(delivery, _parts(delivery.body))]
    parse = parse_json_form if content_type == "application/json" else parse_urlencoded_form
    return [_read_form(delivery, parse(delivery.body))]


def _read_lead(item: Item, leads: dict[str, dict[str, str]]) -> Inquiry:
    body = json.loads(item.body)
    answers = leads[str(body["change"]["value"]["leadgen_id"])]
    lead = {"field_data": [{"name": name, "values": [value]} for name, value in answers.items()]}
    outcome = read_lead_ads(body | {"lead": lead}, Arrival(item.channel, item.account, _AT))
    assert isinstance(outcome, Inquiry)
    return outcome


def _parts(body: bytes) -> dict[str, str]:
    fields = {}
    for part in body.decode().split('form-data; name="')[1:]:
        name, _, rest = part.partition('"\r\n\r\n')
        fields[name] = rest.partition("\r\n--")[0]
    return {name: value for name, value in fields.items() if "filename" not in name}


def _read_form(delivery: Delivery, fields: dict[str, str]) -> Inquiry:
    _, region = FORMS[delivery.path.removeprefix("/forms/")]
    arrival = Arrival(words.Channel.FORM, "demo", _AT, UUID(int=1))
    outcome = read_form({"fields": fields, "default_region": region}, arrival)
    assert isinstance(outcome, Inquiry)
    return outcome
