"""Forms in progress: folded in any order to the same lead, ready by the rule, and one lead for each person."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from services.leads.domain.form_drafts import FormDraft
from services.leads.use_cases.register_inquiries import Registered
from shared.contracts.inquiries import AnyIntakeEvent, Experience, FormProgress, FormProgressed, Identity, Sender
from shared.contracts.words import LeadStep
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from tests.leads.makers import (
    _NAMES,
    DAY,
    NOON,
    apply,
    decision,
    inquiry,
    lead_of,
    mail,
    phone,
    published,
    register,
    rows,
    state,
    whatsapp_user,
)

FORM = UUID("01930000-0000-7000-8000-00000000f000")
ANA = "4915112345678"


def progress(fields: dict[str, Any] | None = None, **told: Any) -> FormProgress:
    """What a request supplied."""
    return FormProgress(**{"sequence": 0, "fields": fields or {}, **told})


def sender_of(fields: dict[str, Any]) -> Sender:
    """What intake reads in these fields."""
    identities: list[Identity] = []
    if str(fields.get("phone", "")).isdecimal():
        identities.append(phone(fields["phone"]))
    if "@" in str(fields.get("email", "")):
        identities.append(mail(fields["email"]))
    contact = {name: fields.get(name) or None for name in ("first_name", "last_name", "phone", "email")}
    return Sender(identities=tuple(identities), **contact)


def begun(name: str = "begun", form: UUID = FORM, **told: Any) -> Any:
    """The beginning of a form."""
    made = progress(**told)
    sent = sender_of(made.fields)
    event = inquiry(name, lead_uuid=form)
    news = {"sender": sent, "progress": made, "text": made.fields.get("message"), "thread": str(form)}
    return event.model_copy(update=news)


def further(sequence: int, fields: dict[str, Any] | None = None, form: UUID = FORM, **told: Any) -> FormProgressed:
    """A later request of it, known by its form and sequence."""
    key = uuid5(_NAMES, f"{form} {sequence} {fields} {told}")
    return FormProgressed(
        event_id=new_id(),
        occurred_at=NOON,
        correlation_id=key,
        receipt_id=key,
        dedupe_key=key.hex,
        thread=str(form),
        channel="form",
        account="summer",
        business_date=DAY,
        received_at=NOON,
        sent_at=NOON,
        sender=sender_of(fields or {}),
        lead_uuid=form,
        progress=progress(fields, sequence=sequence, **told),
    )


async def go(database: Database, *events: AnyIntakeEvent) -> list[Registered]:
    """Register each event in a batch of its own."""
    return [answer for event in events for answer in await register(database, event)]


async def only_lead(database: Database) -> dict[str, Any]:
    """The one lead there is."""
    (lead,) = await rows(database, "SELECT * FROM leads")
    return lead


async def ready_events(database: Database) -> list[dict[str, Any]]:
    """What assignment was told to take."""
    return [event for event in await published(database, "leads.events.v1") if event["type"] == "lead.ready.v1"]


async def test_a_form_without_a_way_to_reach_is_not_ready(database: Database) -> None:
    """It has a number and what was typed, and waits; a phone makes it ready, once, and losing it changes nothing."""
    first, *_ = await go(database, begun(fields={"first_name": "Ana"}, step=3))
    assert "new" == first.outcome
    lead = await only_lead(database)
    assert (False, "Ana", 3, FORM) == (lead["is_ready"], lead["first_name"], lead["step"], lead["lead_uuid"])
    assert [] == await ready_events(database)
    answers = await go(
        database,
        further(1, {"last_name": "Oro"}),
        further(2, {"phone": ANA}, step=2),
        further(3, {"phone": ""}),
        further(4, {"email": "ana@example.com"}, step=3),
        further(5, is_submitted=True),
    )
    assert ["update"] * 5 == [answer.outcome for answer in answers]
    assert {first.lead_id} == {answer.lead_id for answer in answers}
    lead = await only_lead(database)
    assert (True, "Oro", None, "ana@example.com", 2) == tuple(
        lead[name] for name in ("is_ready", "last_name", "phone", "email", "step")
    )
    (ready,) = await ready_events(database)
    assert (first.lead_id, 3) == (ready["lead_id"], ready["version"])
    assert 6 == lead["version"]
    assert NOON < lead["hand_over_at"]


async def test_a_sent_form_is_ready_even_if_nobody_can_be_reached(database: Database) -> None:
    """Who sent a form expects an answer; somebody has to look."""
    await go(database, begun(fields={"first_name": "Ana", "phone": "call me"}))
    assert not (await only_lead(database))["is_ready"]
    await go(database, further(1, {}, is_submitted=True))
    assert (await only_lead(database))["is_ready"]
    await go(database, begun("sent", form=new_id(), fields={"first_name": "Bo"}, is_submitted=True))
    assert 2 == len(await ready_events(database))


async def test_what_was_typed_is_seen(database: Database) -> None:
    """The inquiry shows the form as it is now: sender, message and other fields, and whether it was sent."""
    await go(
        database,
        begun(fields={"first_name": "Ana", "hotel": "Sol"}),
        further(1, {"message": "Two, please", "hotel": "Mar"}),
        further(2, {"hotel": "", "guests": "2"}, is_submitted=True),
    )
    (shown,) = await rows(database, "SELECT sender, text, content FROM inquiries")
    assert ("Ana", "Two, please") == (shown["sender"]["first_name"], shown["text"])
    assert {"extra": {"guests": "2"}, "is_submitted": True} == shown["content"]


async def test_a_late_request_erases_nothing(database: Database) -> None:
    """A field has the value of the highest sequence; what a late one alone tells is added."""
    await go(
        database,
        begun(fields={"first_name": "A"}),
        further(5, {"first_name": "Ana", "email": ""}),
        further(2, {"first_name": "An", "last_name": "Oro", "email": "ana@example.com"}),
    )
    lead = await only_lead(database)
    assert ("Ana", "Oro", None) == (lead["first_name"], lead["last_name"], lead["email"])


async def test_after_the_submission_nothing_later_counts(database: Database) -> None:
    """The form is frozen; what was told before it and comes late is still taken."""
    await go(
        database,
        begun(fields={"first_name": "Ana"}),
        further(5, {"first_name": "Ana"}, is_submitted=True),
        further(6, {"first_name": "Eve"}, step=1),
        further(2, {"last_name": "Oro"}),
    )
    lead = await only_lead(database)
    assert ("Ana", "Oro", None) == (lead["first_name"], lead["last_name"], lead["step"])


async def test_a_request_that_overtakes_its_beginning_is_kept(database: Database) -> None:
    """It waits, is answered, and is part of the lead that the beginning opens; so it is within one batch."""
    (early,) = await go(database, further(1, {"phone": ANA}, step=2))
    assert ("update", None) == (early.outcome, early.lead_id)
    assert [] == await rows(database, "SELECT * FROM leads")
    await go(database, begun(fields={"first_name": "Ana"}))
    lead = await only_lead(database)
    assert ("Ana", ANA, True, 2) == (lead["first_name"], lead["phone"], lead["is_ready"], lead["step"])
    other = new_id()
    answers = await register(
        database, further(2, {"last_name": "Li"}, form=other), begun("other", other, fields={"first_name": "Bo"})
    )
    lead = await lead_of(database, answers[1].lead_id)
    assert ("Bo", "Li", 1, answers[0].lead_id) == (lead["first_name"], lead["last_name"], lead["version"], lead["id"])


async def test_the_same_request_has_one_effect(database: Database) -> None:
    """Records come again at any time, and change nothing."""
    events = [begun(fields={"first_name": "Ana"}), further(1, {"phone": ANA}), further(2, is_submitted=True)]
    answers = await go(database, *events)
    before = await state(database), await rows(database, "SELECT * FROM form_drafts")
    assert [answer.lead_id for answer in answers] == [answer.lead_id for answer in await go(database, *events)]
    assert [answer.lead_id for answer in answers] == [answer.lead_id for answer in await register(database, *events)]
    assert before == (await state(database), await rows(database, "SELECT * FROM form_drafts"))


async def test_colleagues_have_the_last_word(database: Database) -> None:
    """What somebody else wrote on the lead meanwhile is not overwritten by the form."""
    await go(database, begun(fields={"first_name": "Ana", "last_name": "Or"}))
    async with database.connection() as connection:
        await connection.execute("UPDATE leads SET first_name = 'Anastasia'")
    await go(database, further(1, {"first_name": "Anna", "last_name": "Oro"}))
    lead = await only_lead(database)
    assert ("Anastasia", "Oro") == (lead["first_name"], lead["last_name"])


class TestSomebodyKnown:
    """The visitor turns out to be a person whom we know."""

    async def test_with_an_open_lead_the_form_leads_on_to_it(self, database: Database) -> None:
        """Its own lead keeps its number and is merged, both histories say so, and the uuid leads to the other one."""
        (known,) = await go(database, inquiry("chat", phone(ANA), first_name="Ana"))
        (first,) = await go(database, begun(fields={"first_name": "Ana"}, step=3, experience={"name": "Lagoon"}))
        assert first.lead_id != known.lead_id
        (answer,) = await go(database, further(1, {"phone": ANA, "last_name": "Oro"}, step=2))
        assert ("update", known.lead_id) == (answer.outcome, answer.lead_id)
        merged, target = await lead_of(database, first.lead_id), await lead_of(database, known.lead_id)
        assert (known.lead_id, False, 1) == (merged["merged_into_id"], merged["is_ready"], merged["status"])
        assert ("Oro", 2, True, None) == tuple(
            target[name] for name in ("last_name", "step", "is_repeat", "merged_into_id")
        )
        lines = await rows(database, "SELECT lead_id, text FROM history ORDER BY id")
        assert [
            (first.lead_id, f"Merged into {target['number']}, an open lead of the same person"),
            (known.lead_id, f"The form of {merged['number']} is of the same person"),
        ] == [(line["lead_id"], line["text"]) for line in lines[-2:]]
        aliases = await rows(database, "SELECT * FROM lead_aliases")
        assert [(FORM, known.lead_id)] == [(alias["lead_uuid"], alias["lead_id"]) for alias in aliases]
        for table in ("inquiries", "experiences"):
            assert {known.lead_id} == {row["lead_id"] for row in await rows(database, f"SELECT lead_id FROM {table}")}
        told = [event for event in await published(database, "leads.events.v1") if event["type"] == "lead.merged.v1"]
        assert [(first.lead_id, known.lead_id)] == [(event["lead_id"], event["merged_into_id"]) for event in told]
        assert [known.lead_id] == [event["lead_id"] for event in await ready_events(database)]

    async def test_what_comes_later_reaches_the_right_lead(self, database: Database) -> None:
        """It completes that lead, and overwrites nothing of it."""
        addresses = phone(ANA), mail("ana@example.com")
        (known,) = await go(database, inquiry("chat", *addresses, first_name="Ana"))
        await go(database, begun(fields={"first_name": "Ana"}), further(1, {"phone": ANA}))
        answers = await go(
            database,
            further(2, {"email": "other@example.com", "last_name": "Oro", "message": "Two"}),
            further(3, {"last_name": ""}, is_submitted=True),
        )
        assert [known.lead_id] * 2 == [answer.lead_id for answer in answers]
        target = await lead_of(database, known.lead_id)
        assert ("ana@example.com", "Oro") == (target["email"], target["last_name"])
        shown = await rows(database, "SELECT text FROM inquiries ORDER BY id")
        assert ["I am chat", "Two"] == [row["text"] for row in shown]

    async def test_without_an_open_lead_the_form_is_theirs(self, database: Database) -> None:
        """It shows the earlier lead, whose owner is preferred."""
        (known,) = await go(database, inquiry("chat", phone(ANA), first_name="Ana"))
        await apply(database, decision(known.lead_id or 0, 1, member_id=9))
        async with database.connection() as connection:
            await connection.execute("UPDATE leads SET status = 3, outcome = 'lost', closed_at = now()")
        (first,) = await go(database, begun(fields={"first_name": "Ana"}))
        await go(database, further(1, {"phone": ANA}))
        lead, earlier = await lead_of(database, first.lead_id), await lead_of(database, known.lead_id)
        assert (earlier["person_id"], known.lead_id, 9, True, True) == tuple(
            lead[name] for name in ("person_id", "repeat_of_id", "preferred_owner_id", "is_repeat", "is_ready")
        )
        assert 9 == (await ready_events(database))[-1]["preferred_owner_id"]

    async def test_under_another_name_they_stay_two(self, database: Database) -> None:
        """The phone is known, and both leads show it; nobody is merged."""
        (known,) = await go(database, inquiry("chat", phone(ANA), first_name="Ana", last_name="Oro"))
        (first,) = await go(database, begun(fields={"first_name": "Bert"}))
        (answer,) = await go(database, further(1, {"phone": ANA}))
        assert first.lead_id == answer.lead_id
        lead, other = await lead_of(database, first.lead_id), await lead_of(database, known.lead_id)
        assert (known.lead_id, True, True) == (lead["repeat_of_id"], lead["is_repeat"], lead["is_ready"])
        assert first.lead_id == other["repeat_of_id"]
        assert [{"reason": "name_conflict"}] == await rows(database, "SELECT reason FROM person_candidates")

    async def test_who_has_an_address_is_not_taken_for_another(self, database: Database) -> None:
        """A visitor who gave a phone, and then somebody's mail address, is a candidate at most."""
        (known,) = await go(database, inquiry("chat", mail("ana@example.com"), first_name="Ana"))
        (first,) = await go(database, begun(fields={"first_name": "Ana", "phone": ANA}))
        (answer,) = await go(database, further(1, {"email": "ana@example.com"}))
        assert first.lead_id == answer.lead_id != known.lead_id
        assert [{"reason": "stated_elsewhere"}] == await rows(database, "SELECT reason FROM person_candidates")

    async def test_a_corrected_name_is_the_persons(self, database: Database) -> None:
        """Who mends their name in the form is found by the right one next time."""
        (first,) = await go(database, begun(fields={"first_name": "Jo", "phone": ANA}))
        await go(database, further(1, {"first_name": "John", "last_name": "Li"}))
        (again,) = await go(database, inquiry("chat", phone(ANA), first_name="John", last_name="Li"))
        assert ("repeat", first.lead_id) == (again.outcome, again.lead_id)

    async def test_a_form_that_begins_with_a_known_phone_is_a_repeat(self, database: Database) -> None:
        """No lead of its own is opened, and what follows goes to the open one."""
        (known,) = await go(database, inquiry("chat", phone(ANA), first_name="Ana"))
        answers = await go(
            database, begun(fields={"first_name": "Ana", "phone": ANA}, step=3), further(1, {"email": "a@example.com"})
        )
        assert [("repeat", known.lead_id), ("update", known.lead_id)] == [
            (answer.outcome, answer.lead_id) for answer in answers
        ]
        lead = await only_lead(database)
        assert (3, "a@example.com") == (lead["step"], lead["email"])


async def test_a_form_that_is_sent_after_its_lead_was_closed_opens_another(database: Database) -> None:
    """Whoever closed it could not know; the person is not lost. What is only typed opens nothing."""
    (first,) = await go(database, begun(fields={"first_name": "Ana", "phone": ANA}))
    async with database.connection() as connection:
        await connection.execute("UPDATE leads SET status = 3, outcome = 'lost', closed_at = now()")
    (typed,) = await go(database, further(1, {"message": "Hello?"}))
    assert first.lead_id == typed.lead_id
    (sent,) = await go(database, further(2, is_submitted=True))
    assert "new" == sent.outcome
    lead = await lead_of(database, sent.lead_id)
    assert (first.lead_id, "Ana", True, 1) == (
        lead["repeat_of_id"],
        lead["first_name"],
        lead["is_ready"],
        lead["status"],
    )
    shown = await rows(database, "SELECT text FROM inquiries WHERE lead_id = $1", sent.lead_id)
    assert [{"text": "Hello?"}] == shown


async def test_experiences_are_kept_as_the_form_tells_them(database: Database) -> None:
    """Single fields make one; a list takes its place; what is told anew replaces what was."""
    await go(
        database,
        begun(experience={"name": "Lagoon"}, fields={"first_name": "Ana"}),
        further(1, experience={"date": "2026-12-24", "passengers": [{"name": "Ana"}], "passenger_count": 1}),
    )
    query = "SELECT name, date::text, passengers, passenger_count, actor FROM experiences ORDER BY id"
    told = [{"name": "Ana"}]
    lagoon = {"name": "Lagoon", "date": "2026-12-24", "passengers": told, "passenger_count": 1, "actor": "visitor"}
    assert [lagoon] == await rows(database, query)
    both = (Experience(name="Reef", passenger_count=2), Experience(name="Dunes"))
    await go(database, further(2, experiences=both))
    assert ["Reef", "Dunes"] == [row["name"] for row in await rows(database, query)]
    await go(database, further(3, experiences=()))
    assert ["Lagoon"] == [row["name"] for row in await rows(database, query)]


async def test_an_experience_that_is_told_twice_is_one(database: Database) -> None:
    """A script tells it, and the page's own post again: at once, later, or before anybody knows that they are one's."""
    reef = (Experience(name="Night at the reef", date="2026-12-24", passenger_count=2),)
    forms = [UUID(int=FORM.int + number) for number in range(4)]
    both = [begun(f"form {n}", form, fields={"phone": ANA}, experiences=reef) for n, form in enumerate(forms[:2])]
    await register(database, *both)
    await go(database, begun("form 2", forms[2], fields={"phone": ANA}, experiences=reef))
    await go(database, begun("form 3", forms[3], experiences=reef))
    await go(database, further(1, {"phone": ANA}, forms[3]))
    query = "SELECT name, leads.lead_uuid FROM experiences JOIN leads ON leads.id = lead_id"
    assert [{"name": "Night at the reef", "lead_uuid": forms[0]}] == await rows(database, query)


async def test_two_requests_at_once_both_count(database: Database) -> None:
    """Whoever commits first, neither is lost, nor a version or a line of history."""
    names = [f"field {number}" for number in range(20)]
    await go(database, begun(fields={"first_name": "Ana"}))
    await asyncio.gather(*(register(database, further(n + 1, {name: "x"})) for n, name in enumerate(names)))
    (shown,) = await rows(database, "SELECT content FROM inquiries")
    assert set(names) == set(shown["content"]["extra"])
    lead = await only_lead(database)
    (lines,) = await rows(database, "SELECT count(*) FROM history")
    assert 21 == lead["version"] == lines["count"]


async def test_a_race_of_forms_and_messages_of_one_person(database: Database) -> None:
    """However beginnings, phones and chats meet, the person has one open lead, and every form reaches it."""
    chance = random.Random(5)
    forms = [new_id() for _ in range(6)]
    events: list[AnyIntakeEvent] = [
        *(begun(f"begun {form}", form, fields={"first_name": "Ana"}) for form in forms),
        *(further(1, {"phone": ANA}, form=form) for form in forms),
        *(further(2, {"last_name": "Oro"}, form=form, is_submitted=True) for form in forms),
        *(inquiry(f"chat {n}", phone(ANA), whatsapp_user(str(n)), first_name="Ana") for n in range(3)),
    ]
    chance.shuffle(events)
    parts = [events[start : start + 4] for start in range(0, len(events), 4)]
    await asyncio.gather(*(register(database, *part) for part in parts))
    leads = await rows(database, "SELECT * FROM leads WHERE merged_into_id IS NULL")
    assert {True} == {lead["is_ready"] for lead in leads}
    assert [("Ana", "Oro")] == [(lead["first_name"], lead["last_name"]) for lead in leads]
    (serials,) = await rows(database, "SELECT count(*), max(serial) FROM leads")
    assert serials["count"] == serials["max"]
    reached = await rows(
        database,
        """
        SELECT DISTINCT coalesce(lead_aliases.lead_id, leads.id) AS id FROM form_drafts
        LEFT JOIN lead_aliases USING (lead_uuid) LEFT JOIN leads USING (lead_uuid)
        """,
    )
    assert [leads[0]["id"]] == [row["id"] for row in reached]
    assert len(forms) + 3 == len(await rows(database, "SELECT id FROM inquiries WHERE lead_id = $1", leads[0]["id"]))


requests = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.dictionaries(st.sampled_from(["first_name", "email", "phone", "x"]), st.sampled_from(["", "a", "b@c.de"])),
        st.none() | st.sampled_from(list(LeadStep)),
        st.none() | st.sampled_from([(), (Experience(name="a"),), (Experience(name="b"),)]),
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


def folded(events: Sequence[AnyIntakeEvent]) -> dict[str, Any]:
    """What a draft says after these."""
    draft = FormDraft(FORM)
    for event in events:
        assert isinstance(event, FormProgressed)
        draft.take(event)
    written = draft.to_json()
    again = FormDraft(FORM)
    again.load(written)
    assert written == again.to_json()
    assert draft.sender == again.sender
    return written | {"fields": sorted(written["fields"].items()), "parts": None, "attribution": None}


@given(requests, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_the_order_of_requests_does_not_matter(told: list[Any], chance: random.Random) -> None:
    """Any order gives the same form, written and read again at any point; repeating a request changes nothing."""
    events = [
        further(sequence, fields, step=step, experiences=experiences) for sequence, fields, step, experiences in told
    ]
    shuffled = [*events, *chance.sample(events, len(events) // 2)]
    chance.shuffle(shuffled)
    assert folded(events) == folded(shuffled)


async def test_a_form_that_is_forgotten_leaves_its_lead(database: Database) -> None:
    """Drafts that nothing was added to for long are deleted; nothing else is."""
    from services.leads.storage.form_drafts import prune_drafts

    await go(database, begun(fields={"first_name": "Ana"}))
    async with database.transaction() as connection:
        assert 0 == await prune_drafts(connection, NOON - timedelta(days=1))
        assert 1 == await prune_drafts(connection, NOON + timedelta(days=1))
    assert "Ana" == (await only_lead(database))["first_name"]
