"""Plays the stories: sends each delivery in its minute, as the platforms and browsers would."""

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Final, Protocol

import httpx2

from deploy.demo.accounts import APP_SECRET
from deploy.demo.deliveries import Delivery, Signature
from deploy.demo.errors import DemoFailed
from deploy.demo.journal import Answered, Journal
from deploy.demo.pace import Pace
from deploy.demo.people import Person
from deploy.demo.steps import CatchUp, Close, Send, Story
from deploy.demo.target import Target

_PATIENCE: Final = 60.0


class Floor(Protocol):
    """The sales floor, as far as stories depend on it."""

    async def catch_up(self, person: Person) -> None:
        """Return when all that the person sent is in their leads."""

    async def close(self, person: Person, reason: str) -> None:
        """Close the person's lead, once its owner was told."""


@dataclass(frozen=True)
class Sender:
    """Sends stories side by side; the steps of one story come one after the other."""

    target: Target
    client: httpx2.AsyncClient
    journal: Journal
    pace: Pace
    floor: Floor

    async def play(self, stories: tuple[Story, ...]) -> None:
        """Return when every step was taken.

        Raises the first failure as it is: `DemoFailed` for what a story waits for in vain, or `httpx2.HTTPError`.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for story in stories:
                    tasks.create_task(self._tell(story))
        except* (DemoFailed, httpx2.HTTPError) as failures:
            raise failures.exceptions[0] from None

    async def _tell(self, story: Story) -> None:
        for step in story:
            match step:
                case Send():
                    await self.pace.until(step.minute)
                    await self._send(step)
                case CatchUp():
                    await self.floor.catch_up(step.person)
                case Close():
                    await self.pace.until(step.minute)
                    await self.floor.close(step.person, step.reason)
                    self.journal.close(step.person)

    async def _send(self, send: Send) -> None:
        if send.at_once:
            await asyncio.gather(*(self._deliver(send.delivery) for _ in range(send.copies)))
            return
        for _ in range(send.copies):
            await self._deliver(send.delivery)

    async def _deliver(self, delivery: Delivery) -> None:
        """Deliver until there is an answer, as every platform does; the time is that of the last attempt."""
        self.journal.begin(delivery, time.time())
        headers = {**delivery.headers, **self._signature(delivery)}
        url = f"{self.target.urls['intake']}{delivery.path}"
        deadline = time.monotonic() + _PATIENCE
        attempts, pause = 0, 0.1
        while True:
            attempts += 1
            began = time.perf_counter()
            try:
                status = (await self.client.post(url, content=delivery.body, headers=headers)).status_code
            except httpx2.HTTPError:
                status = 0
            milliseconds = (time.perf_counter() - began) * 1000
            if 0 < status < 500 or time.monotonic() > deadline:
                self.journal.finish(Answered(delivery, status, milliseconds, attempts))
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _signature(self, delivery: Delivery) -> dict[str, str]:
        secrets = {
            Signature.WHATSAPP: self.target.whatsapp_secret,
            Signature.MESSENGER: self.target.messenger_secret,
            Signature.CONNECTED: APP_SECRET.encode(),
            Signature.WRONG: b"somebody else's secret",
        }
        if delivery.signature is Signature.NONE:
            return {}
        digest = hmac.new(secrets[delivery.signature], delivery.body, hashlib.sha256).hexdigest()
        return {"X-Hub-Signature-256": f"sha256={digest}"}
