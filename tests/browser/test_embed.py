"""The embed in a real browser, on a page of another origin: what it keeps, what it leaves alone."""

import json
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from playwright.async_api import BrowserContext, Page, Request, Route
from pytest_httpserver import HTTPServer
from werkzeug import Request as Asked
from werkzeug import Response

from tests.support.system import System
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("browser")

PAGE = """<!doctype html><meta charset="utf-8"><title>Shop</title>
<form id="booking" method="post" action="/book">
  <fieldset data-leadline-step="3"><input name="tour"><input name="first_name"></fieldset>
  <fieldset data-leadline-step="2"><input name="tel" type="tel"><textarea name="message"></textarea></fieldset>
  <fieldset data-leadline-step="1">
    <input name="secret" type="password"><input name="number" autocomplete="billing cc-number">
    <input name="note"><input name="csrf" type="hidden" value="hidden-value"><input name="cv" type="file">
  </fieldset>
  <button>Book</button>
</form>
<script>{script}</script>
<script src="{embed}" data-form-key="{key}" {more}></script>
"""
NOTE_EVENTS = """
var heard = [];
for (const one of ["saved", "submitted", "error"]) addEventListener(`leadline:${one}`, ({ type }) => heard.push(type));
"""


class Shop:
    """Somebody's site: one page with the embed, and what its form was sent to it."""

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        self.booked: list[dict[str, list[str]]] = []
        server.expect_request("/book").respond_with_handler(self._book)

    def _book(self, asked: Asked) -> Response:
        self.booked.append(parse_qs(asked.get_data(as_text=True)))
        return Response("<h1>Booked</h1>", content_type="text/html")

    def page(self, embed: str, key: str, *, more: str = "", script: str = "") -> str:
        """The address of the page with these tags."""
        html = PAGE.format(embed=embed, key=key, more=more, script=script)
        self._server.expect_request("/").respond_with_data(html, content_type="text/html")
        return self._server.url_for("/").replace("127.0.0.1", "localhost") + "?utm_source=ads&gclid=g1"


@pytest.fixture
def shop(httpserver: HTTPServer) -> Shop:
    """The site."""
    return Shop(httpserver)


@pytest.fixture
async def key(system: System) -> str:
    """A form for the site's page."""
    key = f"shop-{uuid4().hex[:12]}"
    fields = {"tour": "experience", "first_name": "first_name", "tel": "phone", "message": "message", "number": None}
    body = {
        "form_key": key,
        "name": "Shop",
        "default_region": "MX",
        "capture_before_submit": True,
        "fields": [{"name": name, "maps_to": to} for name, to in fields.items()],
    }
    answer = await system.ask("intake", "POST", "/rest/forms", json=body)
    assert 201 == answer.status_code, answer.text
    return key


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """A tab."""
    return await context.new_page()


def told_by(page: Page) -> list[str]:
    """The bodies that the page sends to our API from now on."""
    bodies: list[str] = []

    def note(request: Request) -> None:
        if "/api/v1/leads" in request.url and request.method != "OPTIONS":
            bodies.append(request.post_data or "")

    page.on("request", note)
    return bodies


def embed_of(system: System) -> str:
    """Where the script is."""
    return f"{system.url('intake')}/embed.js"


async def leads_named(system: System, name: str) -> list[dict[str, Any]]:
    """The leads of somebody."""
    page = await system.get("leads", "/rest/leads", q=name)
    items: list[dict[str, Any]] = page["items"]
    return items


async def one_lead(system: System, name: str, **expected: Any) -> dict[str, Any]:
    """The only lead of somebody, once it says what is expected."""

    async def says_so() -> dict[str, Any]:
        found = await leads_named(system, name)
        assert 1 == len(found)
        (lead,) = found
        assert expected == {field: lead[field] for field in expected}
        return lead

    return await eventually(says_so, within=20)


def new_name() -> str:
    """A name that no other test uses."""
    return f"Zoe{uuid4().hex[:10]}"


async def test_who_leaves_after_the_first_step_is_a_lead(system: System, shop: Shop, key: str, page: Page) -> None:
    """What was typed is there, also in the field that was never left; nobody can be reached, so it is not ready."""
    name = new_name()
    await page.goto(shop.page(embed_of(system), key))
    await page.wait_for_function("document.querySelector('form') && window.Leadline")
    await page.fill("[name=tour]", "Lagoon")
    async with page.expect_request("**/api/v1/leads"):
        await page.press("[name=tour]", "Tab")
    await page.type("[name=first_name]", name)
    await page.goto("about:blank")
    lead = await one_lead(system, name, is_ready=False, step=3)
    (experience,) = (await system.get("leads", f"/rest/leads/{lead['id']}/experiences"))["items"]
    assert "Lagoon" == experience["name"]


async def test_steps_make_one_lead_that_becomes_ready(system: System, shop: Shop, key: str, page: Page) -> None:
    """Each step adds to it; the site's own submit arrives as ever, and the form is sent."""
    name = new_name()
    bodies = told_by(page)
    await page.goto(shop.page(embed_of(system), key))
    async with page.expect_response("**/api/v1/leads"):
        await page.fill("[name=first_name]", name)
        await page.press("[name=first_name]", "Tab")
    await page.fill("[name=tel]", "55 5123 4567")
    async with page.expect_response("**/api/v1/leads/*"):
        await page.press("[name=tel]", "Tab")
    await one_lead(system, name, is_ready=True, step=2, phone="55 5123 4567")
    await page.fill("[name=secret]", "hunter2-secret")
    await page.fill("[name=number]", "4111 1111 1111 1111")
    await page.fill("[name=note]", "card 5555 5555 5555 4444")
    await page.fill("[name=message]", "A window seat?")
    await page.click("button")
    await page.wait_for_url("**/book")
    lead = await one_lead(system, name, step=1)

    async def is_sent() -> dict[str, Any]:
        (inquiry,) = (await system.get("leads", f"/rest/leads/{lead['id']}/inquiries"))["items"]
        assert inquiry["content"]["is_submitted"]
        found: dict[str, Any] = inquiry
        return found

    inquiry = await eventually(is_sent, within=20)
    assert ("A window seat?", "ads") == (inquiry["text"], inquiry["attribution"]["utm_source"])
    assert ["hunter2-secret"] == shop.booked[0]["secret"]
    assert [name] == shop.booked[0]["first_name"]
    everything = "".join(bodies)
    assert "window seat" in everything
    for withheld in ("hunter2", "1111", "5555 4444", "hidden-value"):
        assert withheld not in everything
        assert withheld not in json.dumps(inquiry)


async def test_a_submit_overtakes_what_is_on_its_way(system: System, shop: Shop, key: str, page: Page) -> None:
    """The last field's change would be refused after it; the submit says it too, and the page hears of no error."""
    name, held = new_name(), list[Route]()
    await page.goto(shop.page(embed_of(system), key, script=NOTE_EVENTS))
    async with page.expect_response("**/api/v1/leads"):
        await page.fill("[name=first_name]", name)
        await page.press("[name=first_name]", "Tab")

    async def hold_changes(route: Route) -> None:
        if route.request.method == "PUT":
            held.append(route)
        else:
            await route.continue_()

    await page.route("**/api/v1/leads/*", hold_changes)
    await page.fill("[name=message]", "A window seat?")
    async with page.expect_request(lambda request: request.method == "PUT"):
        await page.press("[name=message]", "Tab")
    async with (
        page.expect_event("requestfailed", lambda request: request.method == "PUT", timeout=5000),
        page.expect_response(lambda response: response.request.method == "POST" and response.ok),
    ):
        await page.evaluate("void Leadline.submit(document.querySelector('form'))")
    await one_lead(system, name, step=2)
    assert (1, ["leadline:saved", "leadline:submitted"]) == (len(held), await page.evaluate("heard"))


async def test_a_submit_that_fails_leaves_the_form_open(system: System, shop: Shop, key: str, page: Page) -> None:
    """What is filled in after it is captured, and the next submit is one."""
    name = new_name()
    await page.goto(shop.page(embed_of(system), key))
    await page.route("**/api/v1/leads", lambda route: route.fulfill(status=503))
    await page.wait_for_function("document.querySelector('form') && window.Leadline")
    await page.fill("[name=first_name]", name)
    async with page.expect_response(lambda response: response.status == 503):
        await page.evaluate("void Leadline.submit(document.querySelector('form'))")
    await page.unroute("**/api/v1/leads")
    async with page.expect_response("**/api/v1/leads"):
        await page.fill("[name=tel]", "55 5123 4567")
        await page.press("[name=tel]", "Tab")
    await one_lead(system, name, phone="55 5123 4567")
    async with page.expect_response(lambda response: response.request.method == "POST" and response.ok):
        await page.evaluate("void Leadline.submit(document.querySelector('form'))")
    await one_lead(system, name, phone="55 5123 4567")


async def test_two_submits_at_once_are_one(system: System, shop: Shop, key: str, page: Page) -> None:
    """A page that submits twice hears of one form that was sent, and of no error."""
    name, answers = new_name(), list[int]()
    page.on("response", lambda answer: answers.append(answer.status) if answer.request.method == "POST" else None)
    await page.goto(shop.page(embed_of(system), key, script=NOTE_EVENTS))
    await page.wait_for_function("document.querySelector('form') && window.Leadline")
    await page.fill("[name=first_name]", name)
    await page.evaluate("for (const _ of '12') Leadline.submit(document.querySelector('form'))")
    await eventually(lambda: len(answers) == 2, within=20)
    # The page takes an answer in a moment after it came.
    await page.evaluate("new Promise((done) => setTimeout(done, 500))")
    assert ([201, 409], ["leadline:submitted"]) == (sorted(answers), await page.evaluate("heard"))
    await one_lead(system, name)


async def test_a_submit_whose_right_has_ended_begins_anew(system: System, shop: Shop, key: str, page: Page) -> None:
    """A tab that was kept for days submits a form, whatever became of the one that it began."""
    name, stale = new_name(), {"lead_uuid": str(uuid4()), "token": "ended", "sequence": 3}
    await page.goto(shop.page(embed_of(system), key))
    await page.evaluate(
        "([key, lead]) => sessionStorage.setItem(`leadline:${key}`, JSON.stringify(lead))", [key, stale]
    )
    await page.reload()
    await page.wait_for_function("document.querySelector('form') && window.Leadline")
    await page.fill("[name=first_name]", name)
    async with page.expect_response(lambda response: response.request.method == "POST" and response.ok):
        await page.evaluate("void Leadline.submit(document.querySelector('form'))")
    await one_lead(system, name)


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/embed.js", "refused"])
async def test_the_page_works_while_we_are_away(system: System, shop: Shop, key: str, page: Page, place: str) -> None:
    """Whether the script never loads or our API answers nothing: the form is sent to its own site."""
    await page.route("**/api/v1/**", lambda route: route.abort())
    await page.goto(shop.page(embed_of(system) if place == "refused" else place, key))
    await page.fill("[name=first_name]", "Anybody")
    await page.fill("[name=message]", "Hello")
    await page.click("button")
    await page.wait_for_url("**/book")
    assert ["Anybody"] == shop.booked[0]["first_name"]


async def test_nothing_is_captured_before_consent(system: System, shop: Shop, key: str, page: Page) -> None:
    """A page that waits for consent tells nothing before it, and then what is there."""
    name = new_name()
    bodies = told_by(page)
    await page.goto(shop.page(embed_of(system), key, more='data-consent="wait"'))
    await page.wait_for_load_state("networkidle")
    await page.fill("[name=first_name]", name)
    await page.press("[name=first_name]", "Tab")
    await page.wait_for_load_state("networkidle")
    assert [] == bodies
    async with page.expect_response("**/api/v1/leads"):
        await page.evaluate("Leadline.grant()")
    await one_lead(system, name, is_ready=False)


async def test_the_demo_page_shows_it(system: System, page: Page) -> None:
    """Three steps on our own page, under its strict policy, end in a lead that was sent."""
    name = new_name()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    await page.goto(f"{system.url('intake')}/demo/booking")
    await page.wait_for_selector("[name=website]", state="attached")
    await page.select_option("[name=tour]", "Night at the reef")
    await page.fill("[name=day]", "2026-12-24")
    await page.fill("[name=name]", name)
    await page.click("fieldset:not([hidden]) [data-next]")
    await page.fill("[name=passengers]", "Ana, Ben")
    await page.fill("[name=phone]", "55 5987 6543")
    await page.click("fieldset:not([hidden]) [data-next]")
    await page.fill("[name=message]", "Two, please")
    await page.click("text=Book >> nth=-1")
    lead = await one_lead(system, name, is_ready=True, step=1)

    async def told() -> dict[str, Any]:
        (one,) = (await system.get("leads", f"/rest/leads/{lead['id']}/experiences"))["items"]
        assert one["passenger_count"] == 2
        found: dict[str, Any] = one
        return found

    experience = await eventually(told, within=20)
    assert ("Night at the reef", "2026-12-24") == (experience["name"], experience["date"])
    assert [] == errors
