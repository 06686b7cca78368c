"""Inquiries of every channel become leads with a number, an owner and a mail, through public doors only."""

import asyncio
import email
import email.policy
import mailbox
import re
from typing import Any
from uuid import uuid4

import pytest

from tests.support.senders import PAGE, messenger, messenger_text, whatsapp, whatsapp_text
from tests.support.system import System
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("system")

NUMBER = re.compile(r"LEAD-\d{8}-\d{3,}")


def new_phone(prefix: str = "49176") -> str:
    """A German mobile number as WhatsApp writes it, that no other test uses."""
    return prefix + f"{uuid4().int % 10**8:08d}"


def new_id(prefix: str = "wamid.") -> str:
    """A message id of our own."""
    return prefix + uuid4().hex


async def one_lead(system: System, phone: str) -> dict[str, Any]:
    """The only lead of a phone, once it has an owner."""

    async def owned() -> dict[str, Any] | None:
        leads = await system.leads_of(phone)
        assert len(leads) == 1, f"{len(leads)} leads"
        return leads[0] if leads[0]["assigned_id"] else None

    lead: dict[str, Any] | None = await eventually(owned, within=20)
    assert lead is not None
    return lead


async def inquiries_of(system: System, lead: dict[str, Any]) -> list[dict[str, Any]]:
    """What the person said, the oldest first."""
    page = await system.get("leads", f"/rest/leads/{lead['id']}/inquiries")
    items: list[dict[str, Any]] = page["items"]
    return items


async def test_a_whatsapp_message_becomes_a_lead_with_owner_and_mail(system: System) -> None:
    """One message: a numbered lead, a decision with reasons, and one mail that names the lead."""
    phone = new_phone()
    answer = await system.deliver("whatsapp", whatsapp(whatsapp_text(phone, new_id(), "Two for the lagoon, please")))
    assert 200 == answer.status_code

    lead = await one_lead(system, phone)
    assert NUMBER.fullmatch(lead["number"])
    assert (1, True, "whatsapp") == (lead["status"], lead["is_ready"], lead["source"])
    assert ["Two for the lagoon, please"] == [inquiry["text"] for inquiry in await inquiries_of(system, lead)]

    (decision,) = (await system.get("assignment", "/rest/decisions", lead_id=lead["id"]))["items"]
    assert lead["assigned_id"] == decision["chosen_member_id"]
    assert "Noor" in decision["sentence"]

    mails = await eventually(lambda: mails_about(system, lead["number"]), within=20)
    assert 1 == len(mails)
    assert mails[0]["Message-ID"]


def mails_about(system: System, number: str) -> list[email.message.EmailMessage]:
    """The mails in the catcher's folder that name a lead in their subject."""
    folder = mailbox.Maildir(system.settings["CONSOLE_MAIL_FOLDER"], create=False)
    parsed = [email.message_from_bytes(folder.get_bytes(key), policy=email.policy.default) for key in folder.iterkeys()]
    return [mail for mail in parsed if number in str(mail["Subject"])]


async def test_a_messenger_message_becomes_a_lead(system: System) -> None:
    """A page's message opens a lead of a person without a phone."""
    text = f"Is Sunday free? {uuid4().hex[:8]}"
    answer = await system.deliver("messenger", messenger(messenger_text(new_id("7"), new_id("m_"), text)))
    assert 200 == answer.status_code

    async def found() -> dict[str, Any] | None:
        leads = [lead for lead in await system.all_leads() if lead["source"] == "messenger"]
        for lead in leads:
            if text in [inquiry["text"] for inquiry in await inquiries_of(system, lead)]:
                return lead
        return None

    lead = await eventually(found, within=20)
    assert lead is not None
    assert lead["phone"] is None


@pytest.fixture(scope="session")
async def form(system: System) -> str:
    """A form whose numbers are German unless they say otherwise."""
    body = {"form_key": "journeys", "name": "Journeys", "default_region": "DE", "allowed_origins": []}
    answer = await system.ask("intake", "POST", "/rest/forms", json=body)
    assert 201 == answer.status_code, answer.text
    return "journeys"


async def submit(system: System, form: str, **how: Any) -> Any:
    """Post a form as a page would."""
    return await system.client.post(f"{system.url('intake')}/forms/{form}", **how)


@pytest.mark.parametrize("encoding", ["json", "data", "files"])
async def test_a_form_becomes_a_lead_however_it_is_encoded(system: System, form: str, encoding: str) -> None:
    """JSON, urlencoded and multipart give the same lead; what the form has no field for is kept."""
    phone = new_phone()
    fields = {"first_name": "Ines", "last_name": "Oro", "phone": f"+{phone}", "message": "Prices?", "guests": "4"}
    if encoding == "files":
        fields_in_parts = {name: (None, value) for name, value in fields.items()}
        answer = await submit(system, form, files=fields_in_parts)
    else:
        answer = await submit(system, form, **{encoding: fields})
    assert answer.status_code in (200, 201, 303)

    lead = await one_lead(system, phone)
    assert ("Ines", "Oro", "form") == (lead["first_name"], lead["last_name"], lead["source"])
    (inquiry,) = await inquiries_of(system, lead)
    assert "Prices?" == inquiry["text"]
    if encoding == "json":
        by_uuid = await system.get("leads", f"/rest/leads/{answer.json()['lead_uuid']}")
        assert lead["id"] == by_uuid["id"]


@pytest.mark.parametrize(
    ("region", "wa_id", "typed"),
    [
        ("MX", "52155{}", "55 {:.4} {:.4}"),
        ("BR", "55418{}", "(41) 9 8{:.3}-{:.4}"),
        ("AR", "54911{}", "011 15 {:.4}-{:.4}"),
        ("DE", "49176{}", "0176 {:.4}{:.4}"),
    ],
)
async def test_one_person_on_two_channels_has_one_lead(system: System, region: str, wa_id: str, typed: str) -> None:
    """A WhatsApp number and the way its owner types it into a form are the same person, in any order."""
    digits = f"{uuid4().int % 10**8:08d}"
    # Brazil: eight digits that start with 8, which gained a 9 in front; Argentina: no zero in front.
    digits = digits[1:] if region == "BR" else "5" + digits[1:]
    head, tail = (digits[:3], digits[3:]) if region == "BR" else (digits[:4], digits[4:])
    key = f"region-{region.lower()}"
    body = {"form_key": key, "name": region, "default_region": region, "allowed_origins": []}
    assert 201 == (await system.ask("intake", "POST", "/rest/forms", json=body)).status_code

    sender = wa_id.format(digits)
    await system.deliver("whatsapp", whatsapp(whatsapp_text(sender, new_id(), "First")))
    first = await one_lead(system, f"+{sender}")
    answer = await submit(system, key, json={"name": "Marisol", "phone": typed.format(head, tail), "message": "Second"})
    assert 201 == answer.status_code

    async def both() -> bool:
        return ["First", "Second"] == [inquiry["text"] for inquiry in await inquiries_of(system, first)]

    await eventually(both, within=20)
    assert first["id"] == (await one_lead(system, f"+{sender}"))["id"]


async def test_a_repeated_delivery_has_one_effect(system: System) -> None:
    """The same delivery three times in a row and twenty times at once is one inquiry, and always answered 200."""
    phone, message_id = new_phone(), new_id()
    body = whatsapp(whatsapp_text(phone, message_id))
    answers = [await system.deliver("whatsapp", body) for _ in range(3)]
    answers += await asyncio.gather(*(system.deliver("whatsapp", body) for _ in range(20)))
    other_batch = whatsapp(whatsapp_text(phone, message_id), whatsapp_text(phone, new_id(), "Another"))
    answers.append(await system.deliver("whatsapp", other_batch))
    assert {200} == {answer.status_code for answer in answers}

    lead = await one_lead(system, phone)

    async def both() -> bool:
        return ["Another", "Hello"] == sorted(inquiry["text"] for inquiry in await inquiries_of(system, lead))

    await eventually(both, within=20)


async def test_the_same_id_under_two_accounts_stays_two(system: System) -> None:
    """Message ids are unique within an account only."""
    first, second, message_id = new_phone(), new_phone(), new_id()
    await system.deliver("whatsapp", whatsapp(whatsapp_text(first, message_id), number="20550001"))
    await system.deliver("whatsapp", whatsapp(whatsapp_text(second, message_id), number="20550002"))
    assert (await one_lead(system, first))["id"] != (await one_lead(system, second))["id"]


async def test_a_large_batch_is_taken_apart(system: System) -> None:
    """Twelve messages of four people with statuses and errors between them are four leads and twelve messages."""
    people = [new_phone() for _ in range(4)]
    values: list[dict[str, Any]] = []
    for change in range(4):
        messages = [whatsapp_text(people[(change + turn) % 4], new_id(), f"{change}-{turn}") for turn in range(3)]
        merged = {name: [item for message in messages for item in message[name]] for name in ("contacts", "messages")}
        values.append(merged)
    statuses = {"statuses": [{"id": new_id(), "status": "read", "timestamp": "1790000001", "recipient_id": people[0]}]}
    errors = {"errors": [{"code": 130429, "title": "Rate limit hit"}]}
    assert 200 == (await system.deliver("whatsapp", whatsapp(*values, statuses, errors))).status_code

    async def said() -> list[str]:
        texts: list[str] = []
        for phone in people:
            texts += [inquiry["text"] for inquiry in await inquiries_of(system, await one_lead(system, phone))]
        return sorted(texts)

    wanted = sorted(f"{change}-{turn}" for change in range(4) for turn in range(3))

    async def complete() -> bool:
        return wanted == await said()

    await eventually(complete, within=20)


async def test_a_person_without_a_phone_gains_one(system: System) -> None:
    """A business-scoped id first, then the id together with a phone: the lead that exists gains the phone."""
    user_id, phone = f"DE.{uuid4().hex}", new_phone()
    text = f"From a username {uuid4().hex[:8]}"
    alone = {
        "contacts": [{"user_id": user_id, "profile": {"name": "Pilar", "username": "pilar.rey"}}],
        "messages": [
            {"from_user_id": user_id, "id": new_id(), "timestamp": "1790000000", "type": "text", "text": {"body": text}}
        ],
    }
    assert 200 == (await system.deliver("whatsapp", whatsapp(alone))).status_code
    together = whatsapp_text(phone, new_id(), "Here is my number")
    together["contacts"][0]["user_id"] = user_id
    together["messages"][0]["from_user_id"] = user_id
    assert 200 == (await system.deliver("whatsapp", whatsapp(together))).status_code

    lead = await one_lead(system, phone)

    async def both() -> bool:
        return {text, "Here is my number"} == {inquiry["text"] for inquiry in await inquiries_of(system, lead)}

    await eventually(both, within=20)


async def test_a_closed_lead_is_followed_by_a_repeat(system: System) -> None:
    """After a lead was lost the person's next message opens a new one that points back and prefers its owner."""
    phone = new_phone()
    await system.deliver("whatsapp", whatsapp(whatsapp_text(phone, new_id())))
    lead = await one_lead(system, phone)
    path = f"/rest/leads/{lead['id']}/transitions"
    illegal = await system.ask("leads", "POST", path, json={"to": 4})
    assert 409 == illegal.status_code
    assert "2" in illegal.text, "the legal moves are named"
    lost = await system.ask("leads", "POST", path, json={"to": 3, "outcome": "lost", "reason": "too far"})
    assert 200 == lost.status_code, lost.text

    await system.deliver("whatsapp", whatsapp(whatsapp_text(phone, new_id(), "I am back")))

    async def opened() -> dict[str, Any] | None:
        leads = await system.leads_of(phone)
        return leads[1] if len(leads) == 2 and leads[1]["assigned_id"] else None

    again = await eventually(opened, within=20)
    assert again is not None
    assert (True, lead["id"], 1) == (again["is_repeat"], again["repeat_of_id"], again["status"])
    assert lead["assigned_id"] == again["assigned_id"]


async def test_the_equation_holds_and_is_published(system: System) -> None:
    """Received equals the sum of all outcomes, in REST and on the metrics page, and the numbers have no gap."""
    await system.deliver(
        "messenger", messenger({"sender": {"id": PAGE}, "message": {"is_echo": True, "mid": new_id()}})
    )
    await eventually(system.settled, within=30)
    summary = await system.summary()

    async def published() -> bool:
        page = (await system.client.get(f"{system.url('intake')}/metrics")).text
        figures = dict(re.findall(r'^leadline_receipts\{outcome="(\w+)"\} ([0-9.e+]+)$', page, re.MULTILINE))
        return {name: float(value) for name, value in figures.items()} == summary

    await eventually(published, within=20)
    assert summary["new"] == sum([await numbers_of(system, day) for day in await days_of(system)])


async def days_of(system: System) -> set[str]:
    """The business days that leads have numbers of."""
    return {lead["number"].split("-")[1] for lead in await system.all_leads()}


async def numbers_of(system: System, day: str) -> int:
    """How many numbers of a day lead to a lead, from 001 on without a gap; a merged one leads to where it went."""
    taken = 0
    while (await system.ask("leads", "GET", f"/rest/leads/LEAD-{day}-{taken + 1:03d}")).status_code == 200:
        taken += 1
    return taken
