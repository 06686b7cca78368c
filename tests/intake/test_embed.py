"""The embed as it is served: small, cached, loadable from any page; and what it is told about a form."""

import re
from typing import Any

import httpx2
import pytest

from services.intake.domain.withheld import is_withheld
from services.intake.routes.embed import Embed
from shared.kit.database import Database
from tests.intake.test_progressive_forms import BEGIN, Begin, begin, create, form_key, kept, path_of, right

__all__ = ["begin", "create", "form_key"]


async def test_the_script_is_small_and_cached(outside: httpx2.AsyncClient) -> None:
    """Any page may load it; who has it is told so, and it depends on nothing."""
    answer = await outside.get("/embed.js")
    assert (200, "*") == (answer.status_code, answer.headers["access-control-allow-origin"])
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "cross-origin" == answer.headers["cross-origin-resource-policy"]
    assert len(answer.content) <= 12 * 1024
    assert not re.search(r"\bimport\b|require\(|eval\(|innerHTML", answer.text)
    tag = answer.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = await outside.get("/embed.js", headers={"If-None-Match": known})
        assert (304, b"", tag) == (again.status_code, again.content, again.headers["etag"])
    assert 200 == (await outside.get("/embed.js", headers={"If-None-Match": '"other"'})).status_code


async def test_the_demo_is_there_in_development_only(outside: httpx2.AsyncClient) -> None:
    """The page runs under a policy that allows its own files alone; elsewhere there is no such page."""
    page = await outside.get("/demo/booking")
    assert (200, True) == (page.status_code, "default-src 'none'" in page.headers["content-security-policy"])
    for path in ("/demo/booking.js", "/demo/booking.css"):
        assert 200 == (await outside.get(path)).status_code
    assert ["/embed.js"] == [route.path for route in Embed().routes()]


async def test_a_form_is_described_without_its_secrets(
    create: Begin, outside: httpx2.AsyncClient, form_key: str
) -> None:
    """The script learns what to capture and what guards the form; pages of other origins learn nothing."""
    secrets: dict[str, Any] = {"turnstile_secret": "s3cret", "provider": "generic", "provider_secret": "s3cret"}
    fields = [{"name": "mail", "maps_to": "email"}, {"name": "hotel"}]
    await create(fields=fields, honeypot_field="website", allowed_origins=["https://shop.example"], **secrets)
    answer = await outside.get(f"/forms/{form_key}", headers={"Origin": "https://shop.example"})
    assert (200, "https://shop.example") == (answer.status_code, answer.headers["access-control-allow-origin"])
    told = answer.json()
    assert (["mail", "hotel"], True, True, True) == (
        told["fields"],
        told["is_exact"],
        told["turnstile"],
        told["capture_before_submit"],
    )
    assert ["website", "cf-turnstile-response"] == told["guards"]
    assert "s3cret" not in answer.text
    assert 403 == (await outside.get(f"/forms/{form_key}", headers={"Origin": "https://evil.example"})).status_code
    assert 404 == (await outside.get("/forms/winter")).status_code


@pytest.mark.parametrize("name", ["password", "cc-number", "cvv", "cardnumber", "opinion", "passengers", "email"])
async def test_script_and_server_withhold_the_same(
    create: Begin, outside: httpx2.AsyncClient, form_key: str, name: str
) -> None:
    """The script has its patterns from the server."""
    await create()
    told = (await outside.get(f"/forms/{form_key}")).json()
    assert is_withheld(name) == bool(re.search(told["withheld"]["names"], name))
    assert re.fullmatch(told["withheld"]["cards"], "4111111111111111")


async def test_a_visit_is_one_form(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, database: Database
) -> None:
    """A page that never heard the answer begins again, and goes on with the same lead; a short name is none."""
    await create()
    visit = "a-name-that-nobody-guesses"
    first = await begin(fields={"first_name": "Ana"}, visit=visit, sequence=1)
    again = await begin(fields={"first_name": "Ana"}, visit=visit, sequence=1)
    further = await begin(fields={"last_name": "Oro"}, visit=visit, sequence=2)
    assert first.content == again.content == further.content
    assert ["form", "form progress"] == [receipt["kind"] for receipt in await kept(database)]
    assert 200 == (await outside.put(path_of(first), json={"sequence": 3}, headers=right(further))).status_code
    await outside.put(path_of(first), json={"submitted": True}, headers=right(first))
    assert 409 == (await begin(fields={"last_name": "Li"}, visit=visit, sequence=4)).status_code
    short = [(await begin(fields={"first_name": "Ana"}, visit="short")).json()["lead_uuid"] for _ in range(2)]
    assert 2 == len(set(short))
    assert not any(visit in str(receipt) for receipt in await kept(database))
    assert BEGIN in path_of(first)
