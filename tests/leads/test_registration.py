"""What a registration leaves behind."""

from services.leads.domain.people import Reason
from shared.contracts.inquiries import InquiryReceived
from shared.contracts.words import Channel, Evidence, SettlementOutcome
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from tests.leads.makers import (
    NOON,
    assert_sound,
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

NEW, REPEAT = SettlementOutcome.NEW, SettlementOutcome.REPEAT


async def test_first_inquiry_opens_a_numbered_lead(database: Database) -> None:
    """Somebody unknown gets a lead with the day's first number, what they told, and the events in order."""
    asked = inquiry("a", phone("5215512345678"), first_name="Ada", last_name="Soler", language="es")
    (answer,) = await register(database, asked)
    lead = await lead_of(database, answer.lead_id)
    assert NEW == answer.outcome
    assert ("LEAD-20260302-001", "Ada", "Soler", "+5215512345678", "5215512345678", "form", 1, 1, True, False) == tuple(
        lead[name]
        for name in (
            "number", "first_name", "last_name", "phone", "phone_key", "source", "status", "version", "is_ready",
            "is_repeat",
        )
    )  # fmt: skip
    events = await published(database, "leads.events.v1")
    assert ["lead.created.v1", "lead.ready.v1"] == [event["type"] for event in events]
    assert {"LEAD-20260302-001"} == {
        event["lead_number"] for event in await published(database, "leads.settlements.v1")
    }
    await assert_sound(database, [asked])


async def test_further_inquiry_joins_the_open_lead_and_fills_it(database: Database) -> None:
    """A second inquiry of the same person adds what was unknown and changes nothing that was known."""
    first = inquiry("a", phone("341"), first_name="Ada")
    second = inquiry("b", phone("341"), mail("Ada@example.com"), first_name="ada", last_name="Soler", language="es")
    (opened,) = await register(database, first)
    (answer,) = await register(database, second)
    lead = await lead_of(database, opened.lead_id)
    assert (REPEAT, opened.lead_id) == (answer.outcome, answer.lead_id)
    assert (
        "Ada",
        "Soler",
        "Ada@example.com",
        "es",
        2,
        True,
    ) == tuple(lead[name] for name in ("first_name", "last_name", "email", "language", "version", "is_repeat"))
    events = await published(database, "leads.events.v1")
    assert ["lead.inquiry_added.v1", "lead.changed.v1"] == [event["type"] for event in events[2:]]
    await assert_sound(database, [first, second])


async def test_repeated_inquiry_changes_nothing_and_is_answered_again(database: Database) -> None:
    """The same inquiry in the same batch, in a later one, and under another receipt has one effect."""
    asked = inquiry("a", phone("341"))
    await register(database, asked, asked)
    before = await state(database)
    restored = asked.model_copy(update={"receipt_id": new_id()})
    (again,) = await register(database, restored)
    assert before == await state(database)
    assert NEW == again.outcome
    settled = await published(database, "leads.settlements.v1")
    receipts = [asked.receipt_id, asked.receipt_id, restored.receipt_id]
    assert [str(receipt) for receipt in receipts] == [event["receipt_id"] for event in settled]
    assert {("new", "LEAD-20260302-001")} == {(event["outcome"], event["lead_number"]) for event in settled}
    assert 2 == len(await published(database, "leads.events.v1"))


async def test_batch_of_many_days_and_people(database: Database) -> None:
    """One batch may hold several days, several inquiries of one person, and people without any identity."""
    batch = [
        inquiry("a", phone("1")),
        inquiry("b", phone("1"), mail("a@example.com")),
        inquiry("c", mail("a@example.com"), day=DAYS[1]),
        inquiry("d", phone("2"), day=DAYS[1]),
        inquiry("e"),
        inquiry("f"),
    ]
    answers = await register(database, *batch)
    assert [NEW, REPEAT, REPEAT, NEW, NEW, NEW] == [answer.outcome for answer in answers]
    await assert_sound(database, batch)


DAYS = (NOON.date(), NOON.date().replace(day=3))


async def test_contradicting_name_opens_another_lead_and_flags_both(database: Database) -> None:
    """A stated phone of somebody with another name makes a new person; both leads show it, the owner is preferred."""
    (ada,) = await register(database, inquiry("a", phone("341"), first_name="Ada", last_name="Soler"))
    await rows(database, "UPDATE leads SET assigned_id = 7")
    (bo,) = await register(database, inquiry("b", phone("341"), first_name="Bo"))
    (bo_again,) = await register(database, inquiry("c", phone("341"), first_name="Bo", last_name="Lind"))
    first, second = await lead_of(database, ada.lead_id), await lead_of(database, bo.lead_id)
    assert first["person_id"] != second["person_id"]
    assert (True, bo.lead_id) == (first["is_repeat"], first["repeat_of_id"])
    assert (True, ada.lead_id, 7) == (second["is_repeat"], second["repeat_of_id"], second["preferred_owner_id"])
    assert (REPEAT, bo.lead_id) == (bo_again.outcome, bo_again.lead_id)
    assert [Reason.NAME_CONFLICT] == [row["reason"] for row in await rows(database, "SELECT * FROM person_candidates")]


async def test_profile_name_never_contradicts_and_yields_to_a_stated_one(database: Database) -> None:
    """A channel profile's name stands in on the lead until the person states theirs."""
    chat = inquiry(
        "a", phone("341", Evidence.VERIFIED), channel=Channel.WHATSAPP, profile_name="sunny days", thread="t"
    )
    (opened,) = await register(database, chat)
    lead = await lead_of(database, opened.lead_id)
    assert ("sunny", "days") == (lead["first_name"], lead["last_name"])
    (answer,) = await register(database, inquiry("b", phone("341"), first_name="Ada"))
    lead = await lead_of(database, opened.lead_id)
    assert (opened.lead_id, "Ada", None) == (answer.lead_id, lead["first_name"], lead["last_name"])


async def test_further_message_of_the_thread_is_no_repeat(database: Database) -> None:
    """Chatting on does not mark a lead as repeat; writing on another channel does."""
    user = phone("341", Evidence.VERIFIED)
    (opened,) = await register(database, inquiry("a", user, channel=Channel.WHATSAPP, thread="t"))
    await register(database, inquiry("b", user, channel=Channel.WHATSAPP, thread="t"))
    assert not (await lead_of(database, opened.lead_id))["is_repeat"]
    await register(database, inquiry("c", user, channel=Channel.FORM))
    assert (await lead_of(database, opened.lead_id))["is_repeat"]


async def test_chat_goes_on_under_another_key(database: Database) -> None:
    """A thread whose key changes stays one chat; of a second chat only the first message is a repeat."""
    user, number = whatsapp_user("MX.1"), phone("52", Evidence.VERIFIED)
    chat, second = Channel.WHATSAPP, Channel.MESSENGER
    (opened,) = await register(database, inquiry("a", number, thread="phone", channel=chat))
    await register(database, inquiry("b", number, user, thread="user", channel=chat))
    await register(database, inquiry("c", user, thread="user", channel=chat))
    assert not (await lead_of(database, opened.lead_id))["is_repeat"]
    await register(database, inquiry("d", number, thread="page", channel=second))
    assert (await lead_of(database, opened.lead_id))["is_repeat"]
    last = inquiry("f", user, thread="user", channel=chat)
    await register(database, inquiry("e", number, thread="page", channel=second), last)
    lines = [row["text"].split(" on ")[0] for row in await rows(database, "SELECT text FROM history ORDER BY id")]
    opening, further, repeat = "Opened by an inquiry", "Further message", "Repeat inquiry"
    assert [opening, further, further, repeat, further, further] == lines


async def test_another_ad_in_the_same_chat_is_a_repeat(database: Database) -> None:
    """Coming back by another ad counts, by the same one it does not."""

    def from_ad(name: str, ad: str | None) -> InquiryReceived:
        chat = inquiry(name, phone("52", Evidence.VERIFIED), channel=Channel.WHATSAPP, thread="t")
        return chat.model_copy(update={"attribution": {"referral": {"source_id": ad}} if ad else {}})

    repeats = []
    for name, ad in (("a", "1"), ("b", None), ("c", "1"), ("d", "2")):
        (answer,) = await register(database, from_ad(name, ad))
        repeats.append((await lead_of(database, answer.lead_id))["is_repeat"])
    assert [False, False, False, True] == repeats


async def test_phone_that_nobody_can_read_gives_way(database: Database) -> None:
    """A later number that can be read takes the place of one that cannot; a good one stays; history tells both."""
    (opened,) = await register(database, inquiry("a", mail("a@example.com"), phone="ask at the desk"))
    await register(database, inquiry("b", mail("a@example.com"), phone("52"), phone="052"))
    await register(database, inquiry("c", mail("a@example.com"), phone("53")))
    lead = await lead_of(database, opened.lead_id)
    assert ("052", "52") == (lead["phone"], lead["phone_key"])
    changes = [row["changes"].get("phone") for row in await rows(database, "SELECT changes FROM history ORDER BY id")]
    assert [{"from": None, "to": "ask at the desk"}, {"from": "ask at the desk", "to": "052"}, None] == changes


async def test_phone_less_person_gains_a_phone(database: Database) -> None:
    """Somebody known by a platform's id alone keeps the lead when a phone comes along."""
    (opened,) = await register(database, inquiry("a", whatsapp_user("MX.1"), channel=Channel.WHATSAPP))
    (answer,) = await register(
        database, inquiry("b", whatsapp_user("MX.1"), phone("52", Evidence.VERIFIED), channel=Channel.WHATSAPP)
    )
    (form,) = await register(database, inquiry("c", phone("52"), first_name="Ada"))
    assert [opened.lead_id] * 3 == [opened.lead_id, answer.lead_id, form.lead_id]
    assert "+52" == (await lead_of(database, opened.lead_id))["phone"]


async def test_two_people_with_verified_identities_are_flagged(database: Database) -> None:
    """Two verified identities of two people in one message flag them and merge nothing."""
    await register(database, inquiry("a", whatsapp_user("MX.1")), inquiry("b", phone("52", Evidence.VERIFIED)))
    (answer,) = await register(database, inquiry("c", whatsapp_user("MX.1"), phone("52", Evidence.VERIFIED)))
    assert REPEAT == answer.outcome
    assert 2 == len(await rows(database, "SELECT * FROM people"))
    (candidate,) = await rows(database, "SELECT * FROM person_candidates")
    assert Reason.SHARED_VERIFIED == candidate["reason"]


async def test_stated_phone_takes_nobody_who_is_verified(database: Database) -> None:
    """Whoever has proved an id of theirs stays who they are, though somebody else has stated their phone before."""
    (bo,) = await register(database, inquiry("bo", whatsapp_user("MX.1"), channel=Channel.WHATSAPP))
    (ada,) = await register(database, inquiry("ada", phone("52"), first_name="Ada"))
    chat = inquiry("bo 2", phone("52", Evidence.VERIFIED), whatsapp_user("MX.1"), channel=Channel.WHATSAPP)
    (again,) = await register(database, chat)
    assert (bo.lead_id, True) == (again.lead_id, bo.lead_id != ada.lead_id)
    of_bo, of_ada = await lead_of(database, bo.lead_id), await lead_of(database, ada.lead_id)
    (candidate,) = await rows(database, "SELECT * FROM person_candidates")
    assert (of_bo["person_id"], of_ada["person_id"], Reason.STATED_ELSEWHERE) == (
        candidate["person_id"], candidate["other_person_id"], candidate["reason"]
    )  # fmt: skip
    (known,) = await rows(database, "SELECT * FROM identities WHERE kind = 'phone'")
    assert ("stated", of_ada["person_id"]) == (known["evidence"], known["person_id"])


async def test_evidence_rises_for_the_one_who_proves_it(database: Database) -> None:
    """A phone that its owner stated first and then wrote from is verified, as the platform spells it."""
    await register(database, inquiry("a", phone("52").model_copy(update={"value": "052"})))
    await register(database, inquiry("b", phone("52", Evidence.VERIFIED)))
    (identity,) = await rows(database, "SELECT * FROM identities")
    assert ("verified", "+52") == (identity["evidence"], identity["value"])


async def test_claimed_address_is_a_candidate_at_most(database: Database) -> None:
    """Somebody else's contact card never joins its owner, whose lead stays apart."""
    (owner,) = await register(database, inquiry("a", phone("52", Evidence.VERIFIED)))
    (other,) = await register(database, inquiry("b", whatsapp_user("MX.1"), phone("52", Evidence.CLAIMED)))
    assert owner.lead_id != other.lead_id
    assert [Reason.CLAIMED] == [row["reason"] for row in await rows(database, "SELECT * FROM person_candidates")]
    assert (await lead_of(database, other.lead_id))["phone"] is None


async def test_inquiry_after_closing_opens_a_repeat_for_the_same_owner(database: Database) -> None:
    """A closed or deleted lead stays as it is; the next inquiry opens one that points back at it."""
    (first,) = await register(database, inquiry("a", phone("341")))
    await rows(database, "UPDATE leads SET status = 3, outcome = 'lost', closed_at = now(), assigned_id = 7")
    (second,) = await register(database, inquiry("b", phone("341")))
    lead = await lead_of(database, second.lead_id)
    assert (NEW, True, first.lead_id, 7) == (
        second.outcome, lead["is_repeat"], lead["repeat_of_id"], lead["preferred_owner_id"]
    )  # fmt: skip
    ready = (await published(database, "leads.events.v1"))[-1]
    assert ("lead.ready.v1", True, 7) == (ready["type"], ready["is_repeat"], ready["preferred_owner_id"])
    await rows(database, "UPDATE leads SET deleted_at = now(), assigned_id = 8 WHERE id = $1", second.lead_id)
    (third,) = await register(database, inquiry("c", phone("341")))
    lead = await lead_of(database, third.lead_id)
    assert (NEW, first.lead_id, 7) == (third.outcome, lead["repeat_of_id"], lead["preferred_owner_id"])


async def test_deleted_lead_is_pointed_at_when_there_is_no_other(database: Database) -> None:
    """Somebody whose only lead was deleted is known; a lead of who shares the phone is preferred to a deleted one."""
    (first,) = await register(database, inquiry("a", phone("341"), first_name="Ada"))
    await rows(database, "UPDATE leads SET deleted_at = now()")
    (again,) = await register(database, inquiry("b", phone("341"), first_name="Ada"))
    assert first.lead_id == (await lead_of(database, again.lead_id))["repeat_of_id"]
    (bo,) = await register(database, inquiry("c", phone("341"), first_name="Bo"))
    await rows(database, "UPDATE leads SET deleted_at = now() WHERE id = $1", bo.lead_id)
    (bo_again,) = await register(database, inquiry("d", phone("341"), first_name="Bo"))
    assert again.lead_id == (await lead_of(database, bo_again.lead_id))["repeat_of_id"]


async def test_both_leads_of_a_contradiction_point_at_each_other(database: Database) -> None:
    """In one batch or in two, and for one that was a repeat already, each lead has the other's id."""
    ada, bo = inquiry("a", phone("1"), first_name="Ada"), inquiry("b", phone("1"), first_name="Bo")
    eve, eve_again = inquiry("c", phone("2"), first_name="Eve"), inquiry("d", phone("2"), first_name="Eve")
    gus = inquiry("e", phone("2"), first_name="Gus")
    await register(database, ada, bo, eve, eve_again)
    await register(database, gus)
    pairs = await rows(database, "SELECT serial, is_repeat, repeat_of_id - id AS distance FROM leads ORDER BY id")
    assert [(1, True, 1), (2, True, -1), (3, True, 1), (4, True, -1)] == [tuple(row.values()) for row in pairs]
    created = [event for event in await published(database, "leads.events.v1") if event["type"] == "lead.created.v1"]
    assert [False, True, False, True] == [event["is_repeat"] for event in created]
    await assert_sound(database, [ada, bo, eve, eve_again, gus])


async def test_promised_uuid_is_the_lead_or_an_alias_of_it(database: Database) -> None:
    """The uuid that the edge returned leads to the lead, also when the person had one open already."""
    first, second = new_id(), new_id()
    (opened,) = await register(database, inquiry("a", phone("341"), lead_uuid=first))
    await register(database, inquiry("b", phone("341"), lead_uuid=second))
    assert first == (await lead_of(database, opened.lead_id))["lead_uuid"]
    (alias,) = await rows(database, "SELECT * FROM lead_aliases")
    assert (second, opened.lead_id) == (alias["lead_uuid"], alias["lead_id"])
    (other,) = await register(database, inquiry("c", phone("99"), lead_uuid=second))
    assert second != (await lead_of(database, other.lead_id))["lead_uuid"]


async def test_stated_never_overwrites_verified(database: Database) -> None:
    """A stated spelling of a verified phone changes neither its evidence nor the number that replies go to."""
    await register(database, inquiry("a", phone("52", Evidence.VERIFIED)))
    stated = phone("52").model_copy(update={"value": "052"})
    await register(database, inquiry("b", stated, phone="052"))
    (identity,) = await rows(database, "SELECT * FROM identities")
    (lead,) = await rows(database, "SELECT * FROM leads")
    assert ("verified", "+52", "+52") == (identity["evidence"], identity["value"], lead["phone"])


async def test_huge_numbers_in_content_are_kept(database: Database) -> None:
    """An integer beyond 64 bits in what somebody sent is no reason to lose it."""
    asked = inquiry("a").model_copy(update={"content": {"answer": 2**63 + 1}})
    await register(database, asked)
    (kept,) = await rows(database, "SELECT content->>'answer' AS answer FROM inquiries")
    assert str(2**63 + 1) == kept["answer"]
