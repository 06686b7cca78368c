"""Posts of the company's web forms, in the encodings that browsers and scripts use."""

import json
from typing import Final
from urllib.parse import urlencode

from deploy.demo.deliveries import Channel, Delivery, Fate, Item
from deploy.demo.people import Person

FORMS: Final = {
    "demo-viajes": ("Viajes a medida", "MX"),
    "demo-viagens": ("Viagens sob medida", "BR"),
    "demo-escapadas": ("Escapadas", "AR"),
    "demo-trips": ("Trips and tours", "US"),
}
_BY_REGION: Final = {region: key for key, (_, region) in FORMS.items()}
_BROWSER: Final = {"Accept": "text/html,application/xhtml+xml", "Referer": "https://www.example.com/tours"}


def form_of(person: Person) -> str:
    """The form of the person's country, in which their number may be typed as at home; else the English one."""
    return _BY_REGION.get(person.region, "demo-trips")


def fields_of(person: Person, words: str, trip: str, *, phone: str | None = None) -> dict[str, str]:
    """A filled-in form. People from elsewhere write their number with the country code."""
    at_home = person.region in _BY_REGION
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "phone": phone or (person.phone_at_home if at_home else person.phone_abroad),
        "message": words,
        "trip": trip,
        "language": person.language,
        "utm_source": "newsletter",
    }


def urlencoded(person: Person, key: str, fields: dict[str, str], note: str = "") -> Delivery:
    """What a browser sends."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", **_BROWSER}
    return _post(person, _item(person, key, fields), urlencode(fields).encode(), headers, note=note)


def multipart(person: Person, key: str, fields: dict[str, str], note: str = "") -> Delivery:
    """What a browser sends for a form with a file, which is ignored."""
    boundary = f"----form{key}"
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts.append(
        'Content-Disposition: form-data; name="passport"; filename="scan.txt"\r\n'
        "Content-Type: text/plain\r\n\r\nnot for us"
    )
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", **_BROWSER}
    return _post(person, _item(person, key, fields), body.encode(), headers, note=note)


def scripted(person: Person, key: str, fields: dict[str, str], note: str = "") -> Delivery:
    """What a script sends: JSON, with a key that makes repeating it safe; it gets the lead's uuid."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return _post(person, _item(person, key, fields), json.dumps(fields).encode(), headers, status=201, note=note)


def _item(person: Person, key: str, fields: dict[str, str]) -> Item:
    return Item(f"form {key}", Fate.INQUIRY, fields["message"], person)


def _post(
    person: Person, item: Item, body: bytes, headers: dict[str, str], *, status: int = 200, note: str = ""
) -> Delivery:
    path = f"/forms/{form_of(person)}"
    return Delivery(Channel.FORM, path, body, (item,), status=status, note=note, headers=headers)
