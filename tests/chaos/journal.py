"""The client's own journal: what was sent, and what was acknowledged. The checker believes nothing else."""

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx2

from tests.support.senders import messenger, messenger_text, whatsapp, whatsapp_text
from tests.support.system import System

FORM = "chaos"
# A run of digits may be the number of a payment card, which a form does not keep.
_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")


def new_message() -> str:
    """An id that the checker finds in bodies and texts, and nowhere else."""
    return f"mid.{uuid4().hex.translate(_LETTERS)}"


@dataclass
class Delivery:
    """One delivery: its bytes, the messages within, and whether it was ever acknowledged."""

    channel: str
    body: bytes
    messages: tuple[str, ...]
    is_acknowledged: bool = False


@dataclass
class Journal:
    """Everything that was sent. `senders` tells the sender of each message, by the platform's own id."""

    deliveries: list[Delivery] = field(default_factory=list)
    senders: dict[str, str] = field(default_factory=dict)

    @property
    def acknowledged(self) -> set[str]:
        """The messages of which a delivery was answered with 200."""
        return {message for one in self.deliveries if one.is_acknowledged for message in one.messages}


class Traffic:
    """People who write for as long as it runs; each delivery is repeated until it is acknowledged, as Meta does."""

    def __init__(self, system: System, people: int, seed: int) -> None:
        self.journal = Journal()
        self._system = system
        self._random = random.Random(seed)
        self._people = [(self._channel(position), f"{seed % 1000:03d}{position:06d}") for position in range(people)]

    def _channel(self, position: int) -> str:
        return "messenger" if position % 4 == 0 else "whatsapp"

    async def run(self, stop: asyncio.Event, writers: int = 12) -> None:
        """Send until told to stop."""
        await asyncio.gather(*(self._write(stop) for _ in range(writers)))

    async def _write(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            delivery = self._next()
            self.journal.deliveries.append(delivery)
            await self._send(delivery)
            if self._random.random() < 0.1:
                await self._send(delivery)

    def _next(self) -> Delivery:
        channel, person = self._random.choice(self._people)
        if channel == "whatsapp" and self._random.random() < 0.15:
            return self._form_post(person)
        same_channel = [person for person in self._people if person[0] == channel]
        writers = self._random.sample(same_channel, k=self._random.choice((1, 1, 1, 3)))
        items: list[dict[str, Any]] = []
        messages = []
        for _, person in writers:
            message = new_message()
            messages.append(message)
            self.journal.senders[message] = f"{channel}:{person}"
            if channel == "whatsapp":
                items.append(whatsapp_text(f"49176{person[-8:]}", message, f"About {message}"))
            else:
                items.append(messenger_text(f"88{person}", message, f"About {message}"))
        body = whatsapp(*items) if channel == "whatsapp" else messenger(*items)
        return Delivery(channel, body, tuple(messages))

    def _form_post(self, person: str) -> Delivery:
        """The same person on another channel, with the number as one types it at home."""
        message = new_message()
        self.journal.senders[message] = f"whatsapp:{person}"
        fields = {"phone": f"0176 {person[-8:]}", "message": f"About {message}"}
        return Delivery("form", json.dumps(fields).encode(), (message,))

    async def _post(self, delivery: Delivery) -> httpx2.Response:
        if delivery.channel != "form":
            return await self._system.deliver(delivery.channel, delivery.body)
        url, headers = f"{self._system.url('intake')}/forms/{FORM}", {"Content-Type": "application/json"}
        return await self._system.client.post(url, content=delivery.body, headers=headers)

    async def _send(self, delivery: Delivery) -> None:
        try:
            answer = await self._post(delivery)
        except httpx2.HTTPError:
            # Killed in between: nobody knows whether it was taken.
            await asyncio.sleep(0.05)
            return
        if answer.status_code in (200, 201):
            delivery.is_acknowledged = True
        else:
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.05)

    async def repeat_unacknowledged(self) -> None:
        """Deliver again what was never acknowledged, until it is."""
        for delivery in self.journal.deliveries:
            while not delivery.is_acknowledged:
                await self._send(delivery)
