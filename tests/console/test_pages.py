"""Pages: what they show, that they are quick when services are not, and that nothing in them runs."""

import dataclasses
import mailbox
import time
from email.message import EmailMessage
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from services.console.routes.rendering import STATIC, linked
from tests.console.conftest import FakeServices, lead, sign_in


@pytest.fixture
async def signed_in(browser: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """A browser of the admin."""
    assert 303 == (await sign_in(browser)).status_code
    return browser


async def test_status_shows_everything(signed_in: httpx2.AsyncClient) -> None:
    """The page tells health, the equation, leads with owners, team, queue with reasons, and notifications."""
    page = (await signed_in.get("/")).text
    for expected in (
        "Nothing in flight",
        "Further inquiries",
        "LEAD-20260424-001",
        "Ana Gómez",
        "WhatsApp",
        "Luz Vega",
        "nobody is on shift",
        "Sent",
        "intake",
        "notifier",
    ):
        assert expected in page
    assert 4 == page.count('class="dot good"></span>') - page.count('presence faint"><span class="dot good"')


async def test_what_is_lost_shows(signed_in: httpx2.AsyncClient, services: FakeServices) -> None:
    """An equation that does not balance says by how much."""
    services.answers["intake/rest/receipts/summary"]["received"] = 12
    assert "2 unaccounted for" in (await signed_in.get("/")).text


async def test_what_stays_in_flight_shows(signed_in: httpx2.AsyncClient, services: FakeServices) -> None:
    """What is in flight for a moment is told as such, and what stays so for more than a minute is an alarm."""
    services.answers["intake/rest/receipts/summary"] |= {"received": 13, "in_flight": 3}
    assert ">3 in flight</span>" in (await signed_in.get("/")).text
    services.answers["intake/rest/receipts"]["total"] = 1
    assert "2 in flight for more than a minute" in (await signed_in.get("/")).text
    services.statuses["intake/rest/receipts"] = 403
    page = (await signed_in.get("/")).text
    assert ">3 in flight</span>" in page
    assert "how long they have been in flight is not known here" in page


async def test_nothing_is_claimed_without_intake(signed_in: httpx2.AsyncClient, services: FakeServices) -> None:
    """While intake does not tell, the page says that and nothing about messages."""
    services.statuses["intake/rest/receipts/summary"] = 503
    page = (await signed_in.get("/")).text
    assert "intake answers 503" in page
    for claim in ("Nothing in flight", "accounted for", "in one of these states"):
        assert claim not in page


async def test_service_that_is_away_shows_as_away(signed_in: httpx2.AsyncClient, services: FakeServices) -> None:
    """One that refuses, one without its database and one that answers nonsense leave the others' parts as they are."""
    services.statuses |= {"intake/health/ready": 503, "intake/rest/receipts/summary": 503}
    services.answers["intake/health/ready"] = {"ready": False, "failures": {"database": "ConnectionError"}}
    services.answers["notifier/rest/notifications"] = {"items": [{"odd": True}]}
    services.statuses["assignment/rest/team"] = 403
    page = (await signed_in.get("/")).text
    assert "not ready: no database" in page
    assert "intake answers 503" in page
    assert "notifier answers in a shape" in page
    assert "assignment does not show this to your role" in page
    assert "LEAD-20260424-001" in page


async def test_slow_services_do_not_hold_up_the_page(signed_in: httpx2.AsyncClient, services: FakeServices) -> None:
    """With a service that hangs the page still comes in little more than a second."""
    services.slow.add("leads")
    started = time.perf_counter()
    page = (await signed_in.get("/")).text
    assert 2.0 > time.perf_counter() - started
    assert "leads gives no answer within 1 s" in page


async def test_nothing_there_yet(signed_in: httpx2.AsyncClient, services: FakeServices) -> None:
    """Empty lists have words of their own."""
    for place in (
        "leads/rest/leads",
        "assignment/rest/team",
        "assignment/rest/assignments",
        "notifier/rest/notifications",
    ):
        services.answers[place] = {"items": [], "total": 0}
    page = (await signed_in.get("/")).text
    assert "No leads yet." in page
    assert "Every ready lead has an owner." in page


async def test_lead_page(signed_in: httpx2.AsyncClient) -> None:
    """A lead's page has what they sent, its history, why its owner, and who was told."""
    page = (await signed_in.get("/leads/LEAD-20260424-001")).text
    for expected in ("Ana Gómez", "Hola", "Lead created", "Luz has room.", "Sent"):
        assert expected in page


@pytest.mark.parametrize(
    ("path", "status"),
    [("/leads/999", 404), ("/leads/a.b", 422), ("/nowhere", 404), ("/mail/none", 404)],
)
async def test_what_is_not_there(signed_in: httpx2.AsyncClient, path: str, status: int) -> None:
    """A page that is not there is a page for people, and a problem document for machines."""
    answer = await signed_in.get(path)
    assert status == answer.status_code
    assert "text/html" in answer.headers["content-type"]
    problem = await signed_in.get(path, headers={"Accept": "application/json"})
    assert "application/problem+json" == problem.headers["content-type"]


async def test_what_people_write_is_text(signed_in: httpx2.AsyncClient, services: FakeServices) -> None:
    """Markup in a name, a reason or a source stays text on every page."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    services.answers["leads/rest/leads"]["items"] = [lead(1, first_name=evil, source=evil)]
    services.answers["leads/rest/leads/LEAD-20260424-001"] = lead(1, first_name=evil, note=evil, phone=evil)
    services.answers["assignment/rest/assignments"]["items"][0]["reason"] = evil
    services.answers["assignment/rest/team"]["items"][0]["name"] = evil
    for path in ("/", "/leads/LEAD-20260424-001"):
        page = (await signed_in.get(path)).text
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page


async def test_policy_allows_nothing_inline(signed_in: httpx2.AsyncClient) -> None:
    """Each answer has the policy, and no page has an inline script, style or handler that would need more."""
    for path in ("/", "/leads/LEAD-20260424-001", "/mail", "/nowhere", "/login", "/static/console.css"):
        answer = await signed_in.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "nosniff" == answer.headers["x-content-type-options"]
        for inline in (" style=", "<style", " onclick=", " onload=", "javascript:", "http://", "https://"):
            assert inline not in answer.text, (path, inline)


async def test_files_are_there(browser: httpx2.AsyncClient) -> None:
    """All files that pages name are served, without signing in; nothing else is."""
    for file in STATIC.iterdir():
        assert 200 == (await browser.get(f"/static/{file.name}")).status_code
    assert 404 == (await browser.get("/static/../wiring.py")).status_code
    assert 404 == (await browser.get("/static/%2e%2e/backend.py")).status_code


async def test_caught_mails(signed_in: httpx2.AsyncClient, tmp_path: Path) -> None:
    """The mails of the Maildir are listed, the last first, and shown as their text with links."""
    assert "No mail yet." in (await signed_in.get("/mail")).text
    box = mailbox.Maildir(tmp_path / "mail")
    for number in (1, 2):
        message = EmailMessage()
        message["Subject"] = f"New lead {number} <b>"
        message["From"] = "leadline@shop.example"
        message["To"] = "luz@shop.example"
        message.set_content(f"Hola <script>{number}</script>\nOpen https://console.example/leads/{number}")
        message.add_alternative("<script>alert(1)</script>", subtype="html")
        box.add(message)
    page = (await signed_in.get("/mail")).text
    assert page.index("New lead 2 &lt;b&gt;") < page.index("New lead 1 &lt;b&gt;")
    key = min(box.keys())
    mail = (await signed_in.get(f"/mail/{key}")).text
    assert "&lt;script&gt;" in mail
    assert "<script>" not in mail
    assert 'href="https://console.example/leads/' in mail


@pytest.mark.parametrize("key", ["..%2F..%2Fetc%2Fpasswd", "%00", "x" * 300, "a%20b"])
async def test_mail_keys_lead_nowhere_else(signed_in: httpx2.AsyncClient, key: str) -> None:
    """A key that is none of the folder's finds nothing."""
    assert 404 == (await signed_in.get(f"/mail/{key}")).status_code


async def test_mails_are_for_admins(signed_in: httpx2.AsyncClient, app: FastAPI, services: FakeServices) -> None:
    """Nobody but an admin reads everybody's mail, and without a catcher there is no such page."""
    async with app.state.backend.sessions._database.connection() as connection:
        await connection.execute("UPDATE accounts SET member_id = 3")
    assert 403 == (await signed_in.get("/mail")).status_code
    app.state.backend = dataclasses.replace(app.state.backend, mails=None)
    assert 404 == (await signed_in.get("/mail")).status_code


def test_links_are_http_only() -> None:
    """Text keeps its markup as text; only http(s) addresses become links."""
    assert "javascript:alert(1) &lt;b&gt;" == linked("javascript:alert(1) <b>")
    assert '<a href="https://a.example/?x=1&amp;y" rel="noreferrer">https://a.example/?x=1&amp;y</a>&#34;' == linked(
        'https://a.example/?x=1&y"'
    )


async def test_health_needs_nobody(browser: httpx2.AsyncClient) -> None:
    """The console's own health pages answer without signing in."""
    for page in ("live", "ready", "status"):
        assert 200 == (await browser.get(f"/health/{page}")).status_code
