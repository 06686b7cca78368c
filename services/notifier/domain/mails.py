"""Mails: from facts to a message whose headers nobody outside can add to."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.notifier.domain.delivery import PermanentFailure

# 7bit: the content reaches servers without 8BITMIME unchanged.
_POLICY = SMTP.clone(cte_type="7bit")
_TEMPLATES = Path(__file__).parent / "templates"
_LONGEST_LINE = 120
_LONGEST_TEXT = 2000
_CHANNELS = {
    "whatsapp": "WhatsApp",
    "messenger": "Messenger",
    "instagram": "Instagram",
    "lead_ads": "Lead Ads",
    "form": "web form",
    "rest": "REST",
}


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What the mail tells about a lead; everything in it came from outside."""

    number: str
    name: str
    channel: str
    first_words: str
    is_repeat: bool


class MailComposer:
    """Writes the mails of one installation; `sender` is an address with or without a name."""

    def __init__(self, *, sender: str, console_url: str) -> None:
        name, address = parseaddr(sender)
        self._from = Address(name, addr_spec=address)
        self._console_url = console_url.rstrip("/")
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=select_autoescape(["html"], default=False),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @property
    def envelope_sender(self) -> str:
        """The address that mail servers report failures to."""
        return self._from.addr_spec

    def lead_assigned(self, *, notification_id: UUID, recipient: str, lead: LeadFacts, now: datetime) -> EmailMessage:
        """The mail that tells a lead's new owner; raises `PermanentFailure` for an address that is none."""
        name = one_line(lead.name) or "somebody without a name"
        channel = _CHANNELS.get(lead.channel, one_line(lead.channel))
        facts = {
            "number": one_line(lead.number),
            "name": name,
            "channel": channel,
            "first_words": _shortened(lead.first_words, _LONGEST_TEXT),
            "is_repeat": lead.is_repeat,
            "link": f"{self._console_url}/leads/{one_line(lead.number)}",
        }
        message = EmailMessage(policy=_POLICY)
        message["Subject"] = f"New lead {facts['number']}: {name} ({channel})"
        message["From"] = self._from
        message["To"] = _address(recipient)
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{notification_id}@{self._from.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self._templates.get_template("lead_assigned.txt").render(facts))
        message.add_alternative(self._templates.get_template("lead_assigned.html").render(facts), subtype="html")
        return message


def one_line(text: str) -> str:
    """Text from outside for a header or a line: no line ends or control characters, and not long."""
    words = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in text).split()
    return _shortened(" ".join(words), _LONGEST_LINE)


def _shortened(text: str, longest: int) -> str:
    text = text.strip()
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _address(recipient: str) -> Address:
    try:
        address = Address(addr_spec=recipient)
    except (ValueError, IndexError, MessageError):
        raise PermanentFailure("the member's address is not a mail address") from None
    if not address.username or not address.domain:
        raise PermanentFailure("the member's address is not a mail address")
    return address
