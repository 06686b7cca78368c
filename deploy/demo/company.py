"""The company of the demo: its team and its web forms, made once."""

from dataclasses import dataclass
from typing import Any, Final

import httpx2

from deploy.demo.errors import DemoFailed
from deploy.demo.forms import FORMS
from deploy.demo.rest import Rest


def _office_hours(starts_at: str, ends_at: str) -> list[dict[str, Any]]:
    return [{"weekday": day, "starts_at": starts_at, "ends_at": ends_at} for day in range(5)]


def _member(name: str, capacity: int, time_zone: str, role: str = "salesperson", **more: Any) -> dict[str, Any]:
    email = f"{name.split(maxsplit=1)[0].lower()}@vereda.example"
    return {"name": name, "email": email, "role": role, "capacity": capacity, "time_zone": time_zone, **more}


# Two always on shift have room for several demos; one has hardly any, and one sleeps at times.
TEAM: Final = (
    _member("Paloma Arriaga", 240, "America/Mexico_City"),
    _member("Nuno Bettencourt", 180, "America/Sao_Paulo"),
    _member("Greta Hollander", 120, "Europe/Berlin"),
    _member("Ismael Duarte", 4, "America/Argentina/Buenos_Aires"),
    _member("Keiko Tanabe", 60, "Asia/Tokyo", working_hours=_office_hours("09:00", "18:00")),
    _member("Rosa Villalba", 10, "America/Mexico_City", role="supervisor"),
)


@dataclass(frozen=True, slots=True)
class Company:
    """Who works here, by id, and how many leads they could still take when the demo began."""

    names: dict[int, str]
    free_places: int
    was_there: bool


async def found_company(rest: Rest) -> Company:
    """Make what is missing of the team and the forms; raises `DemoFailed` when that is refused."""
    made = [await _add(rest, "assignment", "/rest/team", member) for member in TEAM]
    for form_key, (name, region) in FORMS.items():
        form = {"form_key": form_key, "name": name, "default_region": region, "allowed_origins": []}
        made.append(await _add(rest, "intake", "/rest/forms", form))
    members = [member async for member in rest.list("assignment", "/rest/team")]
    sellers = [member for member in members if member["active"] and member["role"] == "salesperson"]
    return Company(
        names={member["id"]: member["name"] for member in members},
        free_places=sum(max(0, each["capacity"] - each["open_leads"]) for each in sellers if each["on_shift"]),
        was_there=not any(made),
    )


async def _add(rest: Rest, service: str, path: str, document: dict[str, Any]) -> bool:
    """Add something; 409 says that an earlier demo did."""
    try:
        answer = await rest.post(service, path, document)
    except httpx2.HTTPError as error:
        raise DemoFailed(f"{service} did not answer to POST {path}: {type(error).__name__}.") from None
    if answer.status_code not in (201, 409):
        raise DemoFailed(f"{service} answered {answer.status_code} to POST {path}: {answer.text[:300]}")
    return answer.status_code == 201
