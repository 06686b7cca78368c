"""(s) How fast deliveries are split and their items normalised, per channel, as pure functions in one process."""

import json
from time import perf_counter, process_time
from typing import Any, Final

from services.intake.domain.normalise import to_body, to_event
from services.intake.domain.outcomes import Inquiry
from services.intake.domain.splitting import SPLITTERS
from shared.contracts.words import Channel
from tests.bench.rows import Row, at_most, figure
from tests.intake.deliveries import contact, event, message, messenger, whatsapp_messages
from tests.intake.reading import outcome_of, waiting

UPDATES: Final = 1000
"""The most that Meta puts into one delivery."""
_ROUNDS: Final = 5
_STALL_MS: Final = 100.0


def deliveries() -> dict[str, tuple[Channel, bytes]]:
    """One delivery of 1,000 messages for each channel, with the webhook that takes it."""
    texts = [message(f"wamid.{number}", f"49170{number:07d}") for number in range(UPDATES)]
    people = [contact(text["from"]) for text in texts]
    events = [event(str(number), message={"mid": f"m_{number}", "text": "Prices?"}) for number in range(UPDATES)]
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


async def measure_channels(_: object) -> list[Row]:
    """The rows, for which no stand is needed."""
    return measure()
