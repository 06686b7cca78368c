"""Single leads and their lives, read by REST."""

from datetime import timedelta
from uuid import UUID, uuid4

from shared.contracts.words import Evidence
from shared.kit.database import Database
from tests.leads.makers import NOON, inquiry, mail, opt_out, phone, readdress, register, rows
from tests.leads.rest.conftest import Person

FIELDS = {
    "id", "lead_uuid", "number", "first_name", "last_name", "phone", "email", "status", "step", "assigned_id", "source",
    "abandon_reason", "abadon_reason", "note", "is_ready", "tags", "is_repeat", "repeat_of_id", "merged_into_id",
    "outcome", "custom", "version", "created_at", "updated_at", "first_response_at", "closed_at",
}  # fmt: skip
DETAILS = {"opted_out", "first_touch", "last_touch", "touches", "identities", "candidates"}


async def test_lead_by_any_of_its_names(database: Database, supervisor: Person) -> None:
    """The integer id, the uuid, a uuid that became an alias, and the number all lead to the same lead."""
    first, second = uuid4(), uuid4()
    await register(database, inquiry("a", phone("341"), lead_uuid=first))
    (answer,) = await register(database, inquiry("b", phone("341"), lead_uuid=second))
    names = [str(answer.lead_id), str(first), second.hex, "LEAD-20260302-001", "lead-20260302-001"]
    found = [await supervisor.get(f"/{name}") for name in names]
    assert [answer.lead_id] * 5 == [lead["id"] for lead in found]
    assert str(first) == found[0]["lead_uuid"]


async def test_uuid_of_two_leads(database: Database, supervisor: Person) -> None:
    """A uuid that is a lead's own and an alias of another leads to the latter, for reading and for writing."""
    own = uuid4()
    await register(database, inquiry("a", phone("341"), lead_uuid=own))
    (other,) = await register(database, inquiry("b", phone("342")))
    await rows(database, "INSERT INTO lead_aliases VALUES ($1, $2, now())", own, other.lead_id)
    assert other.lead_id == (await supervisor.get(f"/{own}"))["id"]
    assert other.lead_id == (await supervisor.put(f"/{own}", {"note": "x"})).json()["id"]


async def test_lead_on_the_wire(database: Database, supervisor: Person) -> None:
    """A lead carries exactly the fields that were agreed, and its version as ETag."""
    (answer,) = await register(database, inquiry("a", mail("Ada@example.com"), first_name="Ada"))
    response = await supervisor.call("GET", f"/{answer.lead_id}")
    lead = response.json()
    assert FIELDS | DETAILS == set(lead)
    assert '"1"' == response.headers["ETag"]
    assert ("Ada", "Ada@example.com", 1, "form", True, {}, []) == tuple(
        lead[name] for name in ("first_name", "email", "status", "source", "is_ready", "custom", "tags")
    )


async def test_a_leads_person_and_touches(database: Database, supervisor: Person) -> None:
    """A lead tells how its person came, first by the time of sending, is known, wants to be left, and may also be."""
    own, other = phone("34600111222", Evidence.VERIFIED), phone("34600333444", Evidence.VERIFIED)
    late = {"referral": {"source_id": "late", "ctwa_clid": "c"}}
    early = {"referral": {"source_id": "early"}}
    (rival,) = await register(database, inquiry("rival", other))
    for name, minutes, ad in (("a", 9, late), ("b", 1, early), ("c", 5, {})):
        sent_at = NOON + timedelta(minutes=minutes)
        (answer,) = await register(database, inquiry(name, own, received_at=sent_at, fields={"attribution": ad}))
    await register(database, opt_out("stop", own, minutes=10), readdress("c1", own, other, minutes=11))
    lead = await supervisor.get(f"/{answer.lead_id}")
    assert ["early", "late"] == [touch["attribution"]["referral"]["source_id"] for touch in lead["touches"]]
    assert (early, late) == (lead["first_touch"]["attribution"], lead["last_touch"]["attribution"])
    assert ["whatsapp"] == lead["opted_out"]
    (identity,) = lead["identities"]
    assert ("+34600111222", "2026-03-02T12:11:00Z") == (identity["value"], identity["ended_at"])
    assert [("shared_verified", rival.lead_id)] == [(one["reason"], one["lead_id"]) for one in lead["candidates"]]
    assert [answer.lead_id] == [one["lead_id"] for one in (await supervisor.get(f"/{rival.lead_id}"))["candidates"]]


async def test_unknown_lead(supervisor: Person) -> None:
    """Whatever a path names, what is not there is 404."""
    large, none = str(2**63), str(UUID(int=1))
    for name in ("0", "99", large, "9" * 4000, "nobody", "LEAD-20260302-999", none, "%00", "%ED%A0%80"):
        response = await supervisor.call("GET", f"/{name}")
        assert (404, "application/problem+json") == (response.status_code, response.headers["content-type"])


async def test_history_page_by_page(database: Database, supervisor: Person) -> None:
    """History is read in order or against it, narrowed to comments, and goes on behind its cursor."""
    (answer,) = await register(database, inquiry("a", phone("341"), first_name="Ada"))
    path = f"/{answer.lead_id}"
    await supervisor.post(f"{path}/comments", {"text": "  calls back on Monday "})
    await supervisor.put(path, {"note": "vip"})
    whole = await supervisor.get(f"{path}/history")
    assert [1, 2, 1] == [line["type"] for line in whole["items"]]
    assert {"id", "type", "text", "actor", "occurred_at", "changes"} == set(whole["items"][0])
    assert {"note": {"from": None, "to": "vip"}} == whole["items"][2]["changes"]
    page = await supervisor.get(f"{path}/history", limit=2, sort="-occurred_at")
    rest = await supervisor.get(f"{path}/history", limit=2, sort="-occurred_at", cursor=page["next_cursor"])
    assert whole["items"] == [*page["items"], *rest["items"]][::-1]
    assert (3, None) == (rest["total"], rest["next_cursor"])
    comments = await supervisor.get(f"{path}/comments")
    assert [("calls back on Monday", "member:1")] == [(line["text"], line["actor"]) for line in comments["items"]]
    assert comments["items"] == (await supervisor.get(f"{path}/history", type=2))["items"]


async def test_history_folds_to_the_lead(database: Database, supervisor: Person) -> None:
    """All changes of a history, folded in order, give the fields of the lead."""
    (answer,) = await register(database, inquiry("a", phone("341"), first_name="Ada"))
    path = f"/{answer.lead_id}"
    await register(database, inquiry("b", phone("341"), mail("ada@example.com"), first_name="Ada", last_name="Soler"))
    await supervisor.put(path, {"tags": ["hot"], "custom": {"pax": 2}, "status": 2, "phone": "55 1234 5678"})
    await supervisor.put(path, {"custom": {"pax": 3, "hotel": "sea"}, "abadon_reason": "unanswered", "step": 2})
    await supervisor.post(f"{path}/transitions", {"to": 3, "reason": "too dear"})
    folded: dict[str, object] = {}
    for line in (await supervisor.get(f"{path}/history"))["items"]:
        folded |= {name: change["to"] for name, change in line["changes"].items()}
    lead = await supervisor.get(path)
    assert {name: lead[name] for name in folded.keys() & lead.keys()} == {
        name: value for name, value in folded.items() if name in lead
    } | {name: lead[name] for name in ("closed_at", "first_response_at")}
    assert (3, "lost", {"pax": 3, "hotel": "sea"}, 2) == tuple(
        lead[name] for name in ("status", "outcome", "custom", "step")
    )
    assert [{"close_reason": "too dear"}] == await rows(database, "SELECT close_reason FROM leads")


async def test_inquiries_in_the_order_sent(database: Database, supervisor: Person) -> None:
    """What a person sent is read in the order of sending, page by page."""
    answer, *_ = await register(database, *(inquiry(name, phone("341")) for name in "abc"))
    path = f"/{answer.lead_id}/inquiries"
    page = await supervisor.get(path, limit=2)
    rest = await supervisor.get(path, limit=2, cursor=page["next_cursor"])
    assert ["I am a", "I am b", "I am c"] == [one["text"] for one in (*page["items"], *rest["items"])]
    assert (3, None) == (rest["total"], rest["next_cursor"])
    assert "+341" == page["items"][0]["sender"]["identities"][0]["value"]
