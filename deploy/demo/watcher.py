"""Follows the leads over REST, a few small questions at a time."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from deploy.demo.errors import DemoFailed
from deploy.demo.journal import Journal
from deploy.demo.journeys import CHANNELS, Board, Journey, unix
from deploy.demo.people import Person
from deploy.demo.rest import PAGE, Rest

_LOOK_EVERY: Final = 0.4
_PATIENCE: Final = 60.0


@dataclass
class Watcher:
    """Looks at what the system shows, and keeps it on the board; a service that is away for a while is waited for.

    `since_id` is the id of the last lead that was there before the demo.
    """

    rest: Rest
    journal: Journal
    people: Sequence[Person]
    since_id: int
    board: Board = field(default_factory=Board)
    news: Callable[[Journey], None] = lambda _: None
    _owners: dict[str, Person] = field(init=False)
    _told: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._owners = {address: person for person in self.people for address in person.addresses}

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            # A service may be restarting; whether everything arrived is decided at the end.
            with contextlib.suppress(httpx2.HTTPError):
                await self.look()
            await asyncio.sleep(_LOOK_EVERY)

    async def look(self) -> None:
        """Bring the board up to date; calls `news` once for each lead whose story has come to rest."""
        page = await self.rest.get("leads", "/rest/leads", sort="-id", limit=PAGE)
        await asyncio.gather(*(self._update(lead) for lead in page["items"] if lead["id"] > self.since_id))
        await asyncio.gather(self._read_notifications(), self._read_queue(), self._read_summary())
        for _, journey in sorted(self.board.journeys.items()):
            if journey.is_told and journey.lead_id not in self._told:
                self._told.add(journey.lead_id)
                self.news(journey)

    async def catch_up(self, person: Person) -> None:
        """Return when all that the person sent is in their leads; raises `DemoFailed` when that takes too long."""
        await self._until(
            lambda: self.board.inquiries_of(person) >= self.journal.inquiries_of(person),
            f"{person.name} sent something that did not reach their lead within {_PATIENCE:g} s.",
        )

    async def close(self, person: Person, reason: str) -> None:
        """Close the person's lead once its owner was told; raises `DemoFailed` when it cannot be closed."""

        def is_told() -> bool:
            journey = self.board.latest_of(person)
            return journey is not None and journey.is_told

        await self._until(is_told, f"The owner of {person.name}'s lead was not told within {_PATIENCE:g} s.")
        journey = self.board.latest_of(person)
        assert journey is not None
        move = {"to": 3, "outcome": "lost", "reason": reason}
        answer = await self.rest.insist("leads", f"/rest/leads/{journey.lead_id}/transitions", move, _PATIENCE)
        if answer is None:
            raise DemoFailed(f"{journey.number} could not be closed: leads gave no answer within {_PATIENCE:g} s.")
        if answer.status_code != 200:
            raise DemoFailed(f"{journey.number} could not be closed: {answer.status_code} {answer.text[:200]}")

    async def is_settled(self, leads: int, seconds: float = _PATIENCE) -> bool:
        """Wait until nothing is in flight and this many leads have come to rest; False when that takes too long."""

        def at_rest() -> bool:
            told = sum(journey.is_told for journey in self.board.journeys.values())
            return self.board.summary.get("in_flight") == 0 and told >= leads

        deadline = time.monotonic() + seconds
        while not at_rest():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.1)
        return True

    async def take_stock(self, seconds: float = 10.0) -> None:
        """Read every lead's assignments and notifications again, once none of them is on its way any more.

        What came after a lead's first mail is seen here only: a second mail, or one to another owner.
        """
        deadline = time.monotonic() + seconds
        while True:
            await self.look()
            await asyncio.gather(*(self._take_stock_of(journey) for journey in self.board.journeys.values()))
            if not any(journey.is_being_told for journey in self.board.journeys.values()):
                return
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(0.3)

    async def _take_stock_of(self, journey: Journey) -> None:
        history = await self.rest.get("leads", f"/rest/leads/{journey.lead_id}/history", limit=PAGE)
        journey.assignments = sum(1 for line in history["items"] if _gives_owner(line))
        journey.notifications = [
            each async for each in self.rest.list("notifier", "/rest/notifications", lead_id=journey.lead_id)
        ]

    async def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise DemoFailed(otherwise)
            await asyncio.sleep(0.1)

    async def _update(self, lead: dict[str, Any]) -> None:
        journey = self.board.journeys.get(lead["id"])
        if (journey is not None and journey.version == lead["version"]) or lead["number"] in self.board.strangers:
            return
        path = f"/rest/leads/{lead['id']}"
        inquiries = (await self.rest.get("leads", f"{path}/inquiries", limit=PAGE))["items"]
        if journey is None:
            person = self._find_person(inquiries)
            if person is None:
                self.board.strangers.add(lead["number"])
                return
            journey = Journey(lead["id"], lead["number"], person)
            self.board.add(journey)
        self._read_inquiries(journey, inquiries)
        if journey.owned_at is None:
            history = await self.rest.get("leads", f"{path}/history", limit=PAGE)
            _read_history(journey, history["items"])
        journey.owner_id, journey.status = lead["assigned_id"], lead["status"]
        journey.is_ready, journey.repeat_of_id = lead["is_ready"], lead["repeat_of_id"]
        journey.version = lead["version"]

    def _find_person(self, inquiries: Sequence[dict[str, Any]]) -> Person | None:
        values = [identity["value"] for inquiry in inquiries for identity in inquiry["sender"]["identities"]]
        return next((self._owners[value] for value in values if value in self._owners), None)

    def _read_inquiries(self, journey: Journey, inquiries: Sequence[dict[str, Any]]) -> None:
        journey.inquiries = len(inquiries)
        channels = dict.fromkeys(CHANNELS[inquiry["channel"]] for inquiry in inquiries)
        journey.channels = list(channels)
        received = min(unix(inquiry["received_at"]) or 0.0 for inquiry in inquiries)
        opening = self.journal.words_before(journey.person, received)
        if journey.received_at is None and opening is not None:
            journey.received_at, journey.said_at = received, opening.at
        if said := self.journal.said[journey.person.key]:
            journey.words = said[-1].words

    async def _read_summary(self) -> None:
        self.board.summary = await self.rest.get("intake", "/rest/receipts/summary")

    async def _read_notifications(self) -> None:
        if all(journey.mailed_at is not None for journey in self.board.journeys.values()):
            return
        page = await self.rest.get("notifier", "/rest/notifications", limit=PAGE)
        by_lead: dict[int, list[dict[str, Any]]] = {}
        for notification in page["items"]:
            by_lead.setdefault(notification["lead_id"], []).append(notification)
        for lead_id, notifications in by_lead.items():
            if (journey := self.board.journeys.get(lead_id)) is not None:
                journey.notifications = notifications
                sent = [unix(each["sent_at"]) for each in notifications if each["state"] == "sent"]
                journey.mailed_at = sent[-1] if sent else None

    async def _read_queue(self) -> None:
        if all(journey.owner_id is not None for journey in self.board.journeys.values()):
            return
        reasons = {
            each["lead_id"]: each["reason"]
            async for each in self.rest.list("assignment", "/rest/assignments", queued="true")
        }
        for journey in self.board.journeys.values():
            journey.queue_reason = reasons.get(journey.lead_id)


def _gives_owner(line: dict[str, Any]) -> bool:
    change = line["changes"].get("assigned_id")
    return change is not None and change["to"] is not None


def _read_history(journey: Journey, lines: Sequence[dict[str, Any]]) -> None:
    """When the lead was written, and when it got its owner."""
    if journey.numbered_at is None and lines:
        journey.numbered_at = unix(lines[0]["occurred_at"])
    owned = next((line for line in lines if "assigned_id" in line["changes"]), None)
    if owned is not None:
        journey.owned_at = unix(owned["occurred_at"])
