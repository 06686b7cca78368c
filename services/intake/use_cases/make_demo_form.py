"""In development there is a form at once, for the page that shows the embed."""

from datetime import datetime
from typing import Any

from services.intake.use_cases.manage_forms import FormExists, create_form
from shared.kit.database import Database
from shared.kit.sealing import Seal

DEMO_FORM = "demo-booking"
_MAPPING = {
    "tour": "experience",
    "day": "experience_date",
    "passengers": "passengers",
    "name": "name",
    "phone": "phone",
    "email": "email",
    "message": "message",
}


async def make_demo_form(database: Database, seal: Seal, now: datetime) -> None:
    """Add the form of the demo page; one that is there stays as somebody may have changed it."""
    values: dict[str, Any] = {
        "form_key": DEMO_FORM,
        "name": "Demo booking",
        "default_region": "MX",
        "fields": [{"name": name, "maps_to": to} for name, to in _MAPPING.items()],
        "honeypot_field": "website",
        "capture_before_submit": True,
    }
    try:
        await create_form(database, seal, now, values)
    except FormExists:
        return
