"""What a form's owner may decide by REST: fields, guards, consent, limits, and who else delivers."""

from typing import Any

import httpx2
import pytest

from shared.kit.database import Database

FULL = {
    "form_key": "lagoon",
    "name": "Lagoon",
    "default_region": "MX",
    "allowed_origins": ["https://shop.example"],
    "redirect_urls": ["https://shop.example/thanks"],
    "fields": [{"name": "your-mail", "maps_to": "email"}, {"name": "hotel", "maps_to": None}],
    "honeypot_field": "website",
    "minimum_seconds": 3,
    "turnstile_secret": "0x-turnstile",
    "consent_field": "agree",
    "consent_text": "We may write to you.",
    "consent_version": "2026-11",
    "rate_limit": 600,
    "rate_limit_per_address": 20,
    "capture_before_submit": True,
    "provider": "generic",
    "provider_secret": "what-they-know",
    "provider_header": "X-Shop-Secret",
    "is_active": True,
}
SECRETS = ("turnstile_secret", "provider_secret")


async def test_a_form_is_read_as_it_was_written(inside: httpx2.AsyncClient, database: Database) -> None:
    """Everything comes back but the secrets, which are only said to be there, and are sealed in the database."""
    created = await inside.post("/rest/forms", json=FULL)
    assert 201 == created.status_code, created.text
    read = (await inside.get("/rest/forms/lagoon")).json()
    expected = {name: value for name, value in FULL.items() if name not in SECRETS}
    assert expected == {name: read[name] for name in expected}
    assert [True, True] == [read[f"has_{name}"] for name in SECRETS]
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM web_forms")
    for secret in (str(FULL[name]) for name in SECRETS):
        assert secret not in created.text
        assert secret not in str(dict(row or {}))


async def test_what_a_form_need_not_have_is_taken_away_by_null(inside: httpx2.AsyncClient) -> None:
    """Null empties what is optional, secrets included, and leaves the rest alone."""
    await inside.post("/rest/forms", json=FULL)
    gone = dict.fromkeys(("turnstile_secret", "provider_header", "provider", "minimum_seconds", "rate_limit"))
    changed = (await inside.put("/rest/forms/lagoon", json=gone)).json()
    assert (False, None, None, None) == (
        changed["has_turnstile_secret"],
        changed["provider"],
        changed["minimum_seconds"],
        changed["rate_limit"],
    )
    assert (True, "website", 20) == (
        changed["has_provider_secret"],
        changed["honeypot_field"],
        changed["rate_limit_per_address"],
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fields": [{"name": "a", "maps_to": "salary"}]}, "fields.0.maps_to"),
        ({"fields": [{"name": "a"}, {"name": "a"}]}, "fields"),
        ({"fields": [{"name": "a", "maps_to": "email"}, {"name": "b", "maps_to": "email"}]}, "fields"),
        ({"fields": [{"name": ""}]}, "fields.0.name"),
        ({"fields": [{"title": "a"}]}, "fields.0.name"),
        ({"fields": [{"name": f"f{n}"} for n in range(101)]}, "fields"),
        ({"fields": None}, "fields"),
        ({"honeypot_field": "hotel"}, "honeypot_field"),
        ({"honeypot_field": "agree"}, "honeypot_field"),
        ({"honeypot_field": "comments"}, "honeypot_field"),
        ({"honeypot_field": "email"}, "honeypot_field"),
        ({"honeypot_field": "pin"}, "honeypot_field"),
        ({"consent_field": "Mail", "consent_text": "We write.", "consent_version": "9"}, "consent_field"),
        ({"minimum_seconds": 0}, "minimum_seconds"),
        ({"minimum_seconds": "3"}, "minimum_seconds"),
        ({"turnstile_secret": ""}, "turnstile_secret"),
        ({"consent_text": None}, "consent_text"),
        ({"consent_version": None}, "consent_version"),
        ({"consent_text": "We may call you at night."}, "consent_version"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit_per_address": 2**31}, "rate_limit_per_address"),
        ({"capture_before_submit": "yes"}, "capture_before_submit"),
        ({"capture_before_submit": None}, "capture_before_submit"),
        ({"provider": "wufoo"}, "provider"),
        ({"provider_secret": None}, "provider_secret"),
        ({"provider": "typeform"}, "provider_header"),
        ({"provider_header": "X Shop"}, "provider_header"),
        ({"has_turnstile_secret": True}, "has_turnstile_secret"),
    ],
)
async def test_a_mistake_is_named_and_changes_nothing(
    inside: httpx2.AsyncClient, change: dict[str, Any], field: str
) -> None:
    """The problem document names the field, and the form is as it was."""
    before = (await inside.post("/rest/forms", json=FULL)).json()
    answer = await inside.put("/rest/forms/lagoon", json=change)
    assert (422, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    errors = answer.json()["errors"]
    assert field in {error["field"] for error in errors} or field in errors[0]["message"]
    assert before == (await inside.get("/rest/forms/lagoon")).json()


async def test_a_new_consent_text_has_a_new_version(inside: httpx2.AsyncClient) -> None:
    """Text and version change together."""
    await inside.post("/rest/forms", json=FULL)
    both = {"consent_text": "We may write and call.", "consent_version": "2026-12"}
    assert 200 == (await inside.put("/rest/forms/lagoon", json=both)).status_code
