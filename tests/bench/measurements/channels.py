"""(s) How fast deliveries are split and their items normalised, per channel, and what others feel of a large one."""

import asyncio
import json
from collections.abc import Mapping
from time import perf_counter, process_time
from typing import Any, Final

import httpx2

from deploy.local.development_secrets import development_secrets
from services.intake.domain.normalise import to_body, to_event
from services.intake.domain.outcomes import Inquiry
from services.intake.domain.splitting import SPLITTERS
from shared.contracts.words import Channel
from tests.bench.load import Requests, Webhooks, open_loop
from tests.bench.rows import Row, at_most, figure
from tests.bench.sites import Ours
from tests.bench.stand import Stand
from tests.intake.deliveries import contact, event, message, messenger, whatsapp_messages
from tests.intake.reading import outcome_of, waiting
from tests.support.senders import signed

UPDATES: Final = 1000
"""The most that Meta puts into one delivery."""
_ROUNDS: Final = 5
_STALL_MS: Final = 100.0
_STEADY_RATE: Final = 100
_STALL_SECONDS: Final = 2.5


def deliveries(run: str = "") -> dict[str, tuple[Channel, bytes]]:
    """One delivery of 1,000 messages for each channel, with the webhook that takes it; each run has ids of its own."""
    texts = [message(f"wamid.{run}{number}", f"49170{number:07d}") for number in range(UPDATES)]
    people = [contact(text["from"]) for text in texts]
    events = [event(str(number), message={"mid": f"m_{run}{number}", "text": "Prices?"}) for number in range(UPDATES)]
    bodies: dict[str, tuple[Channel, dict[str, Any]]] = {
        "whatsapp": (Channel.WHATSAPP, whatsapp_messages(*texts, contacts=people)),
        "messenger": (Channel.MESSENGER, messenger(*events)),
        "instagram": (Channel.MESSENGER, messenger(*events, name="instagram")),
    }
    return {name: (webhook, json.dumps(body).encode()) for name, (webhook, body) in bodies.items()}


def items_per_second(webhook: Channel, raw: bytes) -> tuple[float, float]:
    """Items a second of CPU from a delivery to the bytes of its events, and the milliseconds that splitting took."""
    begun, at = process_time(), perf_counter()
    items = SPLITTERS[webhook](raw)
    split = perf_counter() - at
    for item in items:
        outcome = outcome_of(item)
        if not isinstance(outcome, Inquiry):
            raise TypeError(f"a message became {outcome}")
        to_body(to_event(waiting(item), outcome, "key"))
    return len(items) / (process_time() - begun), split * 1000


def measure() -> list[Row]:
    """Two rows for each channel: the rate, and how long splitting a delivery of 1,000 takes without a pause."""
    rows = []
    for name, (webhook, raw) in deliveries().items():
        samples = [items_per_second(webhook, raw) for _ in range(_ROUNDS)]
        rate, split = zip(*samples, strict=True)
        rows.append(figure(f"s.ours {name}", f"items split and normalised, {name}", rate, "/s"))
        rows.append(figure(f"s.ours {name} split", f"splitting 1,000, {name}", split, "ms", at_most(_STALL_MS)))
    return rows


async def measure_channels(stand: Stand) -> list[Row]:
    """The rows of (s)."""
    return [*measure(), *await measure_stalls(stand)]


class _Probes:
    """Requests that need nothing but the loop."""

    def request(self, number: int) -> bytes:
        """The same for each number."""
        return b"GET /health/live HTTP/1.1\r\nHost: leadline.example\r\n\r\n"


async def measure_stalls(stand: Stand) -> list[Row]:
    """What others feel while large deliveries come: those who need the loop only, and small webhooks; and without them.

    Intake runs as `make run` starts it, where the API shares its loop with the worker that normalises all of them. A
    webhook also waits for the insert of a thousand receipts. The generator and the servers are on the same cores.
    """
    secrets = development_secrets(stand.folder)
    small = Webhooks(secrets["INTAKE_WHATSAPP_APP_SECRET"])
    stalls: list[float] = []
    waits: list[float] = []
    calm: list[float] = []
    async with Ours.made(stand, ["intake"]) as site, site.serving("intake.service"):
        port = site.ports["intake.service"]
        await open_loop(port, small, rate=_STEADY_RATE, seconds=1)
        for number in range(stand.sizes.pairs):
            calm.append(await _longest(port, _Probes()))
            for others, requests, found in (("loop", _Probes(), stalls), ("webhooks", small, waits)):
                large = asyncio.create_task(_deliver(port, secrets, f"{number}-{others}-"))
                found.append(await _longest(port, requests, first=(number + 1) * 1000))
                await large
    during = f"at {_STEADY_RATE}/s while 3 deliveries of 1,000 updates come"
    return [
        figure("s.stall", f"longest answer of intake's loop {during}", stalls, "ms", at_most(_STALL_MS)),
        figure("s.stall.webhook", f"longest answer to other webhooks {during}", waits, "ms"),
        figure("s.calm", "longest answer of its loop without them", calm, "ms"),
    ]


async def _longest(port: int, requests: Requests, first: int = 0) -> float:
    outcome = await open_loop(port, requests, rate=_STEADY_RATE, seconds=_STALL_SECONDS, first=first)
    outcome.require_all_taken()
    return outcome.percentile(1)


async def _deliver(port: int, secrets: Mapping[str, str], run: str) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        for webhook, raw in deliveries(run).values():
            await asyncio.sleep(0.3)
            headers = signed(raw, secrets[f"INTAKE_{webhook.upper()}_APP_SECRET"])
            answer = await client.post(f"/webhooks/{webhook}", content=raw, headers=headers)
            answer.raise_for_status()
