"""Reads the journal, all databases and the mail, and names every breach of what must always hold.

Run it when nothing is in flight. Each check answers sentences; none means that it holds.
"""

import mailbox
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import orjson

from shared.kit.database import Connection
from tests.chaos.journal import Journal

DATABASES: Final = ("intake", "leads", "assignment", "notifier")
MESSAGE: Final = re.compile(rb"mid\.[a-p]{32}")


@dataclass
class Evidence:
    """What there is to look at: one connection for each database, the journal, and the folder of mails.

    `unsure` is how many mails may have been cut off in the middle of their sending.
    """

    journal: Journal
    databases: Mapping[str, Connection]
    mail_folder: str
    unsure: int


async def every_acknowledged_message_has_one_receipt(evidence: Evidence) -> list[str]:
    """Acknowledged means durable, and a message has one receipt however often it was delivered."""
    rows = await evidence.databases["intake"].fetch("SELECT body FROM receipt_bodies")
    found = Counter(message.decode() for row in rows for message in set(MESSAGE.findall(row["body"])))
    lost = evidence.journal.acknowledged - set(found)
    doubled = [message for message, count in found.items() if count > 1]
    return [f"acknowledged and lost: {message}" for message in lost] + [f"two receipts: {one}" for one in doubled]


async def every_receipt_has_one_outcome(evidence: Evidence) -> list[str]:
    """Every message that was sent is an inquiry here, so every receipt is settled."""
    rows = await evidence.databases["intake"].fetch("SELECT receipt_id, state FROM receipts WHERE state <> 'settled'")
    return [f"receipt {row['receipt_id']} is {row['state']}" for row in rows]


async def receipts_and_claims_agree(evidence: Evidence) -> list[str]:
    """intake's equation counts what leads counts."""
    query = "SELECT outcome, count(*) FROM {} WHERE outcome IS NOT NULL GROUP BY outcome ORDER BY outcome"
    receipts = dict(tuple(row) for row in await evidence.databases["intake"].fetch(query.format("receipts")))
    claims = dict(tuple(row) for row in await evidence.databases["leads"].fetch(query.format("claims")))
    return [] if receipts == claims else [f"receipts say {receipts}, claims say {claims}"]


async def every_message_is_kept_once_with_its_sender(evidence: Evidence) -> list[str]:
    """What a person said is with that person's one lead, once."""
    rows = await evidence.databases["leads"].fetch("SELECT lead_id, text FROM inquiries")
    said: dict[str, list[int]] = {}
    for row in rows:
        for message in MESSAGE.findall((row["text"] or "").encode()):
            said.setdefault(message.decode(), []).append(row["lead_id"])
    breaches = [f"{message} is kept {len(leads)} times" for message, leads in said.items() if len(leads) != 1]
    breaches += [f"{message} is nowhere" for message in evidence.journal.acknowledged if message not in said]
    leads_of: dict[str, set[int]] = {}
    for message, leads in said.items():
        leads_of.setdefault(evidence.journal.senders[message], set()).update(leads)
    breaches += [f"{sender} has leads {leads}" for sender, leads in leads_of.items() if len(leads) != 1]
    if len(set().union(*leads_of.values())) != len(leads_of):
        breaches.append("two senders share a lead")
    return breaches


async def numbers_have_no_gap(evidence: Evidence) -> list[str]:
    """A day's numbers are exactly 1..n, and the counter says n."""
    rows = await evidence.databases["leads"].fetch(
        """
        SELECT business_date, array_agg(serial ORDER BY serial) AS serials, max(last_serial) AS counted
        FROM leads LEFT JOIN day_counters USING (business_date) GROUP BY business_date
        """
    )
    return [
        f"{row['business_date']}: {row['serials']}, counted {row['counted']}"
        for row in rows
        if row["serials"] != list(range(1, len(row["serials"]) + 1)) or row["counted"] != len(row["serials"])
    ]


async def nothing_points_at_nothing(evidence: Evidence) -> list[str]:
    """What registration writes belongs to a lead or a person that is there: no foreign key sees to it."""
    leads = evidence.databases["leads"]
    breaches = []
    for table, column, target in (
        ("history", "lead_id", "leads"),
        ("inquiries", "lead_id", "leads"),
        ("claims", "lead_id", "leads"),
        ("identities", "person_id", "people"),
    ):
        query = (
            f"SELECT count(*) FROM {table} WHERE {column} IS NOT NULL"
            f" AND NOT EXISTS (SELECT FROM {target} WHERE {target}.id = {column})"
        )
        if count := await leads.fetchval(query):
            breaches.append(f"{count} rows of {table} have a {column} that is nowhere")
    return breaches


async def a_person_has_one_open_lead(evidence: Evidence) -> list[str]:
    """Whatever index there is: nobody has two leads that are open."""
    rows = await evidence.databases["leads"].fetch(
        "SELECT person_id FROM leads WHERE closed_at IS NULL AND deleted_at IS NULL"
        " GROUP BY person_id HAVING count(*) > 1"
    )
    return [f"person {row['person_id']} has several open leads" for row in rows]


async def every_open_lead_is_owned_or_queued(evidence: Evidence) -> list[str]:
    """leads and assignment agree on the owner, and who has none is queued with a reason."""
    owners = {
        row["id"]: row["assigned_id"]
        for row in await evidence.databases["leads"].fetch(
            "SELECT id, assigned_id FROM leads WHERE is_ready AND closed_at IS NULL AND deleted_at IS NULL"
        )
    }
    known = {
        row["lead_id"]: row
        for row in await evidence.databases["assignment"].fetch(
            "SELECT lead_id, owner_id, queued_at, reason FROM leads"
        )
    }
    breaches = []
    for lead, owner in owners.items():
        row = known.get(lead)
        if row is None or row["owner_id"] != owner:
            breaches.append(f"lead {lead} is owned by {owner} in leads, by {row and row['owner_id']} in assignment")
        elif owner is None and not (row["queued_at"] and row["reason"]):
            breaches.append(f"lead {lead} is neither owned nor queued with a reason")
    return breaches


async def nobody_is_over_capacity(evidence: Evidence) -> list[str]:
    """The counted workload is what members own, and never above what they can take."""
    rows = await evidence.databases["assignment"].fetch(
        """
        SELECT member.id, member.capacity, workload.open_leads,
               (SELECT count(*) FROM leads WHERE member.id = ANY (leads.held_by)) AS held
        FROM members AS member JOIN workloads AS workload ON workload.member_id = member.id
        """
    )
    return [
        f"member {row['id']}: capacity {row['capacity']}, counted {row['open_leads']}, holds {row['held']}"
        for row in rows
        if row["open_leads"] != row["held"] or row["held"] > row["capacity"]
    ]


async def history_folds_to_the_present(evidence: Evidence) -> list[str]:
    """Applied in order, the changes in a lead's history give its status and its owner."""
    folded: dict[int, dict[str, Any]] = {}
    for row in await evidence.databases["leads"].fetch("SELECT lead_id, changes FROM history ORDER BY id"):
        state = folded.setdefault(row["lead_id"], {})
        state.update({name: change["to"] for name, change in orjson.loads(row["changes"]).items()})
    breaches = []
    for row in await evidence.databases["leads"].fetch("SELECT id, status, assigned_id FROM leads"):
        state = folded.get(row["id"], {})
        present = {"status": row["status"], "assigned_id": row["assigned_id"]}
        past = {"status": state.get("status"), "assigned_id": state.get("assigned_id")}
        if present != past:
            breaches.append(f"lead {row['id']} is {present}, its history says {past}")
    return breaches


async def every_assignment_is_told_at_most_once(evidence: Evidence) -> list[str]:
    """One notification for each applied decision, and no mail twice; what is unsure is marked as such."""
    applied = await evidence.databases["leads"].fetch(
        "SELECT lead_id, decision_number FROM assignment_answers WHERE is_applied"
    )
    told = await evidence.databases["notifier"].fetch("SELECT lead_id, decision_number, state FROM notifications")
    counts = Counter((row["lead_id"], row["decision_number"]) for row in told)
    breaches = [f"{key} is told {counts[key]} times" for key in map(tuple, applied) if counts[key] != 1]
    states = Counter(row["state"] for row in told)
    unsure = states.pop("ambiguous", 0)
    if unsure > evidence.unsure:
        breaches.append(f"{unsure} notifications are ambiguous, at most {evidence.unsure} can be")
    breaches += [f"{count} notifications are {state}" for state, count in states.items() if state != "sent"]
    folder = mailbox.Maildir(evidence.mail_folder, create=False)
    mails = Counter(folder.get_message(key)["Message-ID"] for key in folder.iterkeys())
    breaches += [f"mail {identity} came {count} times" for identity, count in mails.items() if count > 1]
    sent = sum(row["state"] == "sent" for row in told)
    if len(mails) < sent:
        breaches.append(f"{sent} mails are sent, {len(mails)} came")
    return breaches


async def nothing_is_left_over(evidence: Evidence) -> list[str]:
    """No dead letter, no stopped consumer, and nothing waits for the broker."""
    breaches = []
    for name, connection in evidence.databases.items():
        for what, query in (
            ("dead letters", "SELECT count(*) FROM dead_letters"),
            ("stopped consumers", "SELECT count(*) FROM consumer_stops"),
            ("unsent events", "SELECT count(*) FROM outbox WHERE published_at IS NULL"),
        ):
            if count := await connection.fetchval(query):
                breaches.append(f"{name} has {count} {what}")
    return breaches


CHECKS: Final[tuple[Callable[[Evidence], Awaitable[list[str]]], ...]] = (
    every_acknowledged_message_has_one_receipt,
    every_receipt_has_one_outcome,
    receipts_and_claims_agree,
    every_message_is_kept_once_with_its_sender,
    numbers_have_no_gap,
    nothing_points_at_nothing,
    a_person_has_one_open_lead,
    every_open_lead_is_owned_or_queued,
    nobody_is_over_capacity,
    history_folds_to_the_present,
    every_assignment_is_told_at_most_once,
    nothing_is_left_over,
)


async def breaches(evidence: Evidence) -> dict[str, list[str]]:
    """The breaches of each check that found any."""
    found = {check.__name__: await check(evidence) for check in CHECKS}
    return {name: sentences for name, sentences in found.items() if sentences}


async def connect(stack: AsyncExitStack, settings: Mapping[str, str]) -> dict[str, Connection]:
    """One connection to each service's database, closed with the stack."""
    connections: dict[str, Connection] = {}
    for name in DATABASES:
        connection: Connection = await asyncpg.connect(f"{settings['LEADLINE_DATABASE_URL']}/leadline_{name}")
        stack.push_async_callback(connection.close)
        connections[name] = connection
    return connections
