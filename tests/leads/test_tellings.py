"""Owners who were not told: what leads remembers, and what it publishes again."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.leads.domain.hand_over import TELLING
from services.leads.use_cases.record_tellings import record_tellings
from services.leads.use_cases.tell_again import tell_again
from shared.contracts.notifications import AnyNotificationEvent, NotificationFailed, NotificationSent
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from tests.leads.makers import NOON, apply, decision, inquiry, phone, published, register, rows

DUE = NOON + TELLING.first


async def owned_lead(database: Database, name: str = "a", member_id: int = 7) -> int:
    """A lead whose first decision was applied at noon."""
    (answer,) = await register(database, inquiry(name, phone(str(len(name)))))
    assert answer.lead_id is not None
    await apply(database, decision(answer.lead_id, 1, member_id))
    return answer.lead_id


def about(lead_id: int, number: int | None = 1, member_id: int = 7, at: datetime = NOON) -> dict[str, Any]:
    """The facts of a notification's event."""
    return {
        "event_id": new_id(),
        "occurred_at": at,
        "correlation_id": new_id(),
        "notification_id": new_id(),
        "kind": "lead_assigned",
        "lead_id": lead_id,
        "member_id": member_id,
        "decision_number": number,
    }


async def told(database: Database, *events: AnyNotificationEvent) -> None:
    """Hear from notifier."""
    async with database.transaction() as connection:
        await record_tellings(connection, events)


async def sweep(database: Database, now: datetime) -> int:
    """Run the sweep once; how many assignments were published again."""
    before = len(await assignments(database))
    async with database.transaction() as connection:
        await tell_again(connection, now, TELLING)
    return len(await assignments(database)) - before


async def assignments(database: Database) -> list[dict[str, Any]]:
    """What was published about owners."""
    return [one for one in await published(database, "leads.events.v1") if one["type"] == "lead.assigned.v1"]


async def remembered(database: Database) -> list[tuple[int, str | None]]:
    """How the telling about each decision ended."""
    found = await rows(database, "SELECT decision_number, telling FROM assignment_answers ORDER BY 1")
    return [(row["decision_number"], row["telling"]) for row in found]


async def test_an_owner_who_stays_untold_is_announced_again_and_again_more_slowly(database: Database) -> None:
    """The same event, id and time included, after a minute, two more, and so on up to half an hour apart."""
    await owned_lead(database)
    assert 0 == await sweep(database, DUE - timedelta(seconds=1))
    at, waits = DUE, []
    for _ in range(8):
        assert 1 == await sweep(database, at)
        assert 0 == await sweep(database, at)
        (row,) = await rows(database, "SELECT tell_at FROM assignment_answers")
        waits.append((row["tell_at"] - at) // timedelta(minutes=1))
        at = row["tell_at"]
    assert [2, 4, 8, 16, 30, 30, 30, 30] == waits
    first, *again = await assignments(database)
    same = first.keys() - {"correlation_id"}
    assert [{name: first[name] for name in same}] * 8 == [{name: one[name] for name in same} for one in again]


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [
        ({}, "failed"),
        ({"is_ambiguous": True}, "ambiguous"),
        ({"is_withdrawn": True}, "withdrawn"),
        (None, "sent"),
    ],
)
async def test_whatever_became_of_it_ends_the_asking(
    database: Database, ended: dict[str, bool] | None, outcome: str
) -> None:
    """Once notifier is through with a notification, sent or not, the assignment is not published again."""
    facts = about(await owned_lead(database))
    event = NotificationSent(**facts) if ended is None else NotificationFailed(**facts, reason="why", **ended)
    await told(database, event)
    await told(database, event)
    assert [(1, outcome)] == await remembered(database)
    assert 0 == await sweep(database, NOON + timedelta(days=1))


async def test_the_last_news_of_a_notification_counts(database: Database) -> None:
    """What was ambiguous and was sent after all is sent, in one batch or several, and after a replay too."""
    facts = about(await owned_lead(database))
    later = {**facts, "occurred_at": NOON + timedelta(seconds=1)}
    unsure, sent = NotificationFailed(**facts, reason="why", is_ambiguous=True), NotificationSent(**later)
    await told(database, unsure)
    await told(database, unsure, sent)
    await told(database, unsure)
    assert [(1, "sent")] == await remembered(database)


async def test_news_of_other_things_is_not_taken_for_it(database: Database) -> None:
    """Another decision, another member, and a notification without a decision leave the owner untold."""
    lead_id = await owned_lead(database)
    for facts in (about(lead_id, 2), about(lead_id, 1, 8), about(lead_id, None), about(lead_id + 1)):
        await told(database, NotificationSent(**facts))
    assert [(1, None)] == await remembered(database)
    assert 1 == await sweep(database, DUE)


async def test_only_the_present_owner_of_an_open_lead_is_announced(database: Database) -> None:
    """An owner who was replaced, and that of a lead that closed or was deleted, need not be told any more."""
    replaced, gone, shut = [await owned_lead(database, name) for name in ("a", "bb", "ccc")]
    await apply(database, decision(replaced, 2, 8), decision(replaced, 1, 9, decision_id=5))
    await rows(database, "UPDATE leads SET deleted_at = now() WHERE id = $1", gone)
    await rows(database, "UPDATE leads SET status = 3, outcome = 'lost', closed_at = now() WHERE id = $1", shut)
    assert 1 == await sweep(database, DUE)
    last = (await assignments(database))[-1]
    assert (replaced, 2, 8) == (last["lead_id"], last["decision_number"], last["member_id"])
    waiting = await rows(database, "SELECT lead_id, decision_number FROM assignment_answers WHERE tell_at IS NOT NULL")
    assert [{"lead_id": replaced, "decision_number": 2}] == waiting


async def test_a_lead_in_other_hands_is_left_for_the_next_time(database: Database) -> None:
    """The sweep waits for nobody, so that the order of a lead's events is kept."""
    lead_id = await owned_lead(database)
    async with database.transaction() as holder:
        await holder.execute("SELECT 1 FROM leads WHERE id = $1 FOR NO KEY UPDATE", lead_id)
        assert 0 == await sweep(database, DUE)
    assert 1 == await sweep(database, DUE)
