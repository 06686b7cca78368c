"""Pages from templates; everything that is put in is escaped."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from services.console.domain.overview import age

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
_LINK = re.compile(r"https?://[^\s<>\"']+")
_CHANNELS = {
    "whatsapp": "WhatsApp",
    "messenger": "Messenger",
    "instagram": "Instagram",
    "lead_ads": "Lead Ads",
    "form": "Web form",
    "rest": "REST",
}


class Pages:
    """The templates, with times in the zone of the business."""

    def __init__(self, zone: ZoneInfo, *, has_mail: bool) -> None:
        self._zone = zone
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"age": age, "when": self._when, "channel": channel, "linked": linked}
        self._environment.globals["has_mail"] = has_mail

    def render(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page."""
        return HTMLResponse(self._environment.get_template(template).render(values), status)

    def _when(self, instant: datetime) -> str:
        return instant.astimezone(self._zone).strftime("%d %b %Y, %H:%M:%S")


def channel(source: str) -> str:
    """A channel in the words that people read; other sources as they are."""
    return _CHANNELS.get(source, source)


def linked(text: str) -> Markup:
    """Text with its http(s) addresses as links, and everything else escaped."""
    parts, end = [], 0
    for found in _LINK.finditer(text):
        address = escape(found.group())
        parts += [escape(text[end : found.start()]), Markup('<a href="{0}" rel="noreferrer">{0}</a>').format(address)]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])
