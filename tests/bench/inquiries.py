"""Inquiries of invented people as leads' consumer gets them: records whose bodies are what intake publishes."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import orjson

from shared.contracts.events import EVENT_TYPE_HEADER, PARTITION_KEY_HEADER
from shared.contracts.topics import INQUIRIES
from shared.kit.identifiers import new_id
from shared.kit.records import Record

DAY: Final = date(2026, 3, 2)
NOON: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
REPEATS: Final = 0.15
"""Which part of the inquiries comes from somebody who has an open lead already."""
_FORMS: Final = 0.4
_FIRST: Final = ("Ada", "Bo", "Carla", "Dag", "Elif", "Femi", "Gita", "Hugo", "Inés", "Jo", "Kei", "Lena")
_LAST: Final = ("Soler", "Moreau", "Okafor", "Lind", "Tanaka", "Silva", "Novák", "Haddad", "Weiss", "Quispe")
_TYPE: Final = "inquiry.received.v1"


@dataclass(slots=True)
class Source:
    """An endless stream of inquiries; one seed is one stream, so that everybody can be given the same.

    Four in ten come by a form, with a stated phone and mail address, the others over WhatsApp, which vouches for the
    phone. Everybody writes under one name, and comes back on the channel that they used first; each form is a thread.
    """

    seed: int = 1
    people: int = 0
    sent: int = 0

    def records(self, count: int) -> list[Record]:
        """The next inquiries, as they are fetched from the broker."""
        rng = random.Random(f"{self.seed} {self.sent}")
        return [self._record(rng) for _ in range(count)]

    def _record(self, rng: random.Random) -> Record:
        if self.people and rng.random() < REPEATS:
            person = rng.randrange(self.people)
        else:
            person = self.people
            self.people += 1
        self.sent += 1
        event = _event(f"{self.seed} {self.sent}", person)
        key = event["thread"].encode()
        return Record(
            topic=INQUIRIES.name,
            partition=int(key[:4], 16) % INQUIRIES.partitions,
            offset=self.sent,
            key=key,
            type=_TYPE,
            headers={EVENT_TYPE_HEADER: _TYPE, PARTITION_KEY_HEADER: event["thread"]},
            body=orjson.dumps(event, option=orjson.OPT_UTC_Z),
            produced_at=NOON,
        )


def batches(records: Sequence[Record], size: int) -> Iterator[Sequence[Record]]:
    """The records in batches of a size, the last with what is left."""
    for start in range(0, len(records), size):
        yield records[start : start + size]


def _event(name: str, person: int) -> dict[str, Any]:
    is_form = (person * 2654435761 % 2**32) / 2**32 < _FORMS
    first, last = _FIRST[person % len(_FIRST)], _LAST[person // len(_FIRST) % len(_LAST)]
    phone = f"52155{person:08d}"
    received_at = NOON + timedelta(milliseconds=person)
    receipt_id = new_id()
    email = f"{first}.{last}.{person}@example.com".lower()
    sender: dict[str, Any] = {
        "identities": [_identity("phone", f"+{phone}", phone, "stated" if is_form else "verified")],
        "first_name": first if is_form else None,
        "last_name": last if is_form else None,
        "profile_name": None if is_form else f"{first} {last}",
        "phone": f"+{phone}",
        "email": email if is_form else None,
        "language": "es" if person % 3 else "en",
    }
    if is_form:
        sender["identities"].append(_identity("email", email, email, "stated"))
    return {
        "event_id": new_id(),
        "occurred_at": received_at,
        "correlation_id": receipt_id,
        "type": _TYPE,
        "receipt_id": receipt_id,
        "dedupe_key": _hash(f"inquiry {name}"),
        "thread": _hash(f"form {name}" if is_form else f"chat {person}"),
        "channel": "form" if is_form else "whatsapp",
        "account": "summer" if is_form else "106540352242922",
        "kind": "form" if is_form else "text",
        "business_date": DAY,
        "received_at": received_at,
        "sent_at": received_at,
        "sender": sender,
        "text": "Two for the lagoon on Saturday, please. Is there a boat in the afternoon, too?",
        "content": {"extra": {"guests": "2", "trip": "lagoon"}} if is_form else {},
        "attribution": {"utm_source": "newsletter", "page_url": "https://example.com/trips"} if is_form else {},
        "lead_uuid": new_id() if is_form else None,
    }


def _identity(kind: str, value: str, match_key: str, evidence: str) -> dict[str, str]:
    return {"kind": kind, "value": value, "match_key": match_key, "scope": "", "evidence": evidence}


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
