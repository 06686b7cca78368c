"""The Maildir in which a developer's mails are caught."""

import asyncio
import mailbox
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

SHOWN = 100
_ARRIVED = re.compile(r"(\d{1,12})\.M(\d{1,6})")
_KEY = re.compile(r"[\w.,=:-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """A mail as it is shown; `text` is its plain part, never its HTML."""

    key: str
    arrived_at: datetime
    subject: str
    sender: str
    recipients: str
    text: str


class MailFolder:
    """Reads the folder anew at each call, in a thread; a folder that is not there yet holds nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def list_latest(self) -> Sequence[CaughtMail]:
        """The latest mails, the last first."""
        return await asyncio.to_thread(self._list_latest)

    async def find(self, key: str) -> CaughtMail | None:
        """One mail."""
        return await asyncio.to_thread(self._find, key) if _KEY.fullmatch(key) else None

    def _list_latest(self) -> Sequence[CaughtMail]:
        if (box := self._open()) is None:
            return []
        keys = sorted(box.keys(), key=_arrival, reverse=True)[:SHOWN]
        return [mail for key in keys if (mail := _read(box, key)) is not None]

    def _find(self, key: str) -> CaughtMail | None:
        box = self._open()
        return None if box is None else _read(box, key)

    def _open(self) -> mailbox.Maildir | None:
        return mailbox.Maildir(self._folder, create=False) if (self._folder / "new").is_dir() else None


def _arrival(key: str) -> tuple[int, int]:
    """Seconds and microseconds since 1970, which a Maildir's file names begin with."""
    found = _ARRIVED.match(key)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _read(box: mailbox.Maildir, key: str) -> CaughtMail | None:
    try:
        message = message_from_bytes(box.get_bytes(key), policy=policy.default)
    except (KeyError, OSError):
        return None
    seconds, microseconds = _arrival(key)
    return CaughtMail(
        key=key,
        arrived_at=datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds % 1_000_000),
        subject=str(message.get("Subject", "")),
        sender=str(message.get("From", "")),
        recipients=str(message.get("To", "")),
        text=_text(message),
    )


def _text(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    if part is None:
        return "This mail has no plain text."
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        return "This mail's text cannot be read."
