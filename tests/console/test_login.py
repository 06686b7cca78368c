"""Signing in and out: cookies, forms of other sites, limits, and sessions that end."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network

import httpx2
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from services.console.clients.login_limits import WINDOW, LoginLimits, Most
from services.console.domain.accounts import LimitsAway, TooManyAttempts
from services.console.domain.sessions import IDLE, LIFETIME
from services.console.routes.login import own_path
from services.console.use_cases.create_admin import create_admin
from shared.kit.addresses import client_address
from shared.kit.database import Database
from tests.console.conftest import EMAIL, PASSWORD, FakeServices, form_fields, member, sign_in
from tests.support.clock import MovingClock


async def test_sign_in_and_out(browser: httpx2.AsyncClient) -> None:
    """The right password opens a session that signing out ends, also for a copy of its cookie."""
    assert "/login" == (await browser.get("/")).headers["location"]
    answer = await sign_in(browser)
    assert (303, "/") == (answer.status_code, answer.headers["location"])
    page = await browser.get("/")
    assert 200 == page.status_code
    kept = dict(browser.cookies)
    left = await browser.post("/logout", data=form_fields(page))
    assert (303, "/login") == (left.status_code, left.headers["location"])
    browser.cookies.update(kept)
    assert 303 == (await browser.get("/")).status_code


async def test_session_cookie_is_out_of_reach(browser: httpx2.AsyncClient) -> None:
    """The cookie is for this host only, over TLS only, unreadable for scripts, and not sent with foreign forms."""
    answer = await sign_in(browser)
    (cookie,) = [line for line in answer.headers.get_list("set-cookie") if "session=" in line]
    assert cookie.startswith("__Host-leadline-session=")
    for attribute in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert attribute in cookie
    assert "domain" not in cookie.lower()


async def test_database_holds_no_secret(browser: httpx2.AsyncClient, database: Database) -> None:
    """Neither the password nor the session's token can be read from the database."""
    await sign_in(browser)
    token = browser.cookies["__Host-leadline-session"]
    async with database.connection() as connection:
        assert (await connection.fetchval("SELECT password_hash FROM accounts")).startswith("$argon2id$")
        assert token.encode() != await connection.fetchval("SELECT token_hash FROM sessions")


@pytest.mark.parametrize(
    ("email", "password"),
    [(EMAIL, "wrong password!"), ("nobody@shop.example", PASSWORD), ("", ""), ("no address", PASSWORD)],
)
async def test_wrong_credentials_tell_nothing(browser: httpx2.AsyncClient, email: str, password: str) -> None:
    """A wrong password and an unknown address get the same answer."""
    answer = await sign_in(browser, email, password)
    assert 401 == answer.status_code
    assert "The address or the password is not right." in answer.text
    assert "__Host-leadline-session" not in browser.cookies


async def test_address_is_read_in_any_case(browser: httpx2.AsyncClient) -> None:
    """The address of an account may be typed in capitals."""
    assert 303 == (await sign_in(browser, EMAIL.upper())).status_code


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
async def test_form_of_another_site_is_refused(browser: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    """A form that says it comes from elsewhere is refused, even with the right token."""
    form = await browser.get("/login")
    data = {"email": EMAIL, "password": PASSWORD, **form_fields(form)}
    assert 403 == (await browser.post("/login", data=data, headers=headers)).status_code


@pytest.mark.parametrize("token", ["", "x", "é"])
async def test_form_without_its_token_is_refused(browser: httpx2.AsyncClient, token: str) -> None:
    """Login and logout need the token of their form; an empty one never fits."""
    assert 403 == (await sign_in(browser, form_token=token)).status_code
    browser.cookies.clear()
    assert 403 == (await browser.post("/login", data={"email": EMAIL, "password": PASSWORD})).status_code
    await sign_in(browser)
    assert 403 == (await browser.post("/logout", data={"form_token": token})).status_code
    assert 200 == (await browser.get("/")).status_code


async def test_attempts_are_limited(browser: httpx2.AsyncClient) -> None:
    """After five wrong passwords the right one does not help either, for a while."""
    for _ in range(5):
        assert 401 == (await sign_in(browser, password="wrong password!")).status_code
    answer = await sign_in(browser)
    assert 429 == answer.status_code
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert 401 == (await sign_in(browser, "other@shop.example")).status_code


async def test_success_forgets_failures(browser: httpx2.AsyncClient) -> None:
    """Somebody who got in begins anew."""
    for _ in range(3):
        for _ in range(4):
            await sign_in(browser, password="wrong password!")
        assert 303 == (await sign_in(browser)).status_code


async def test_one_computer_locks_nobody_out(app: FastAPI, redis_url: str, unique: Callable[[str], str]) -> None:
    """Attempts beyond an address's own limit do not count against the account, in all of one computer's addresses."""
    async with Redis.from_url(redis_url) as redis:
        limits = LoginLimits(redis, unique("key"), Most(pair=2, account=4, address=10))
        for number in range(8):
            with contextlib.suppress(TooManyAttempts):
                await limits.count_attempt(EMAIL, f"2001:db8::{number}")
        await limits.count_attempt(EMAIL, "192.0.2.1")
        await limits.count_attempt(EMAIL, "192.0.2.2")
        with pytest.raises(TooManyAttempts):
            await limits.count_attempt(EMAIL, "192.0.2.3")


async def test_success_is_no_attempt(redis_url: str, unique: Callable[[str], str]) -> None:
    """Signing in well counts against nobody, however many do it from one address and however often."""
    async with Redis.from_url(redis_url) as redis:
        limits = LoginLimits(redis, unique("key"), Most(pair=2, account=2, address=2))
        for _ in range(6):
            await limits.count_attempt(EMAIL, "192.0.2.1")
            await limits.give_back(EMAIL, "192.0.2.1")
        await limits.give_back("late@shop.example", "192.0.2.7")
        for name in await redis.keys("console:login:*"):
            assert 0 < await redis.ttl(name) <= WINDOW.total_seconds()


async def test_limits_are_the_clients_own_behind_a_proxy(app: FastAPI, browser: httpx2.AsyncClient) -> None:
    """Behind a trusted proxy each client has its own limits; what a client says about itself is not believed."""
    app.state.backend = dataclasses.replace(app.state.backend, trusted_proxies=(ip_network("127.0.0.0/8"),))
    for number in range(5):
        browser.headers["X-Forwarded-For"] = f"10.0.0.{number}, 192.0.2.1"
        assert 401 == (await sign_in(browser, password="wrong password!")).status_code
    assert 429 == (await sign_in(browser)).status_code
    browser.headers["X-Forwarded-For"] = "192.0.2.2"
    assert 303 == (await sign_in(browser)).status_code


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("", "198.51.100.1", ""),
    ],
)
def test_forwarded_addresses(peer: str, forwarded: str, expected: str) -> None:
    """The nearest address that no trusted proxy has is the client's."""
    assert expected == client_address(peer, forwarded, [ip_network("10.0.0.0/8")])


async def test_without_redis_nobody_signs_in(app: FastAPI, browser: httpx2.AsyncClient) -> None:
    """While attempts cannot be counted none is made; who is signed in stays so."""
    await sign_in(browser)
    limits = LoginLimits(Redis.from_url("redis://127.0.0.1:9/0", socket_connect_timeout=1), "key")
    with pytest.raises(LimitsAway):
        await limits.count_attempt(EMAIL, "127.0.0.1")
    app.state.backend.sessions._limits = limits
    assert 503 == (await sign_in(browser)).status_code
    assert 200 == (await browser.get("/")).status_code


async def test_sessions_end(browser: httpx2.AsyncClient, clock: MovingClock) -> None:
    """A session ends when it was idle too long, and after its lifetime however much it was used."""
    await sign_in(browser)
    clock.advance(IDLE + timedelta(seconds=1))
    assert 303 == (await browser.get("/")).status_code
    await sign_in(browser)
    began = clock.now()
    while clock.now() - began < LIFETIME - timedelta(hours=1):
        assert 200 == (await browser.get("/")).status_code
        clock.advance(timedelta(hours=1))
    clock.advance(timedelta(hours=1, seconds=1))
    assert 303 == (await browser.get("/")).status_code


async def test_open_page_does_not_keep_a_session(browser: httpx2.AsyncClient, clock: MovingClock) -> None:
    """A page that refreshes itself shows until the session was idle too long, and does not make it longer."""
    await sign_in(browser)
    page = await browser.get("/")
    assert 'content="10;url=/?refresh=1"' in page.text
    assert "?refresh=1" in (await browser.get("/static/refresh.js")).text
    for _ in range(int(IDLE / timedelta(minutes=30))):
        assert 200 == (await browser.get("/?refresh=1")).status_code
        clock.advance(timedelta(minutes=30))
    assert 303 == (await browser.get("/?refresh=1")).status_code


async def test_new_password_ends_sessions(browser: httpx2.AsyncClient, database: Database) -> None:
    """The same password again changes nothing; another one ends all sessions and replaces it."""
    await sign_in(browser)
    await create_admin(database, EMAIL, PASSWORD)
    assert 200 == (await browser.get("/")).status_code
    await create_admin(database, EMAIL.upper(), "another long password")
    assert 303 == (await browser.get("/")).status_code
    assert 401 == (await sign_in(browser)).status_code
    assert 303 == (await sign_in(browser, password="another long password")).status_code


@pytest.mark.parametrize(("email", "password"), [("x", PASSWORD), (EMAIL, "short"), (EMAIL, "x" * 1025)])
async def test_bad_admins_are_refused(database: Database, email: str, password: str) -> None:
    """No account without an address and a password that is worth something."""
    with pytest.raises(ValueError):
        await create_admin(database, email, password)


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb", "", "evil", "/\t/evil.example"]
)
def test_only_own_paths_are_gone_to(path: str) -> None:
    """After signing in nobody is sent to another site."""
    assert "/" == own_path(path)


async def test_goes_where_its_reader_wanted(browser: httpx2.AsyncClient) -> None:
    """Somebody who opened a link comes to that page after signing in."""
    asked = await browser.get("/leads/LEAD-20260424-001")
    assert "/login?next=/leads/LEAD-20260424-001" == asked.headers["location"]
    answer = await sign_in(browser, path="/leads/LEAD-20260424-001")
    assert "/leads/LEAD-20260424-001" == answer.headers["location"]


async def test_member_acts_with_the_role_of_now(
    browser: httpx2.AsyncClient, database: Database, services: FakeServices
) -> None:
    """A member's tokens carry the role that assignment tells; somebody deactivated is signed out within 2 s."""
    async with database.connection() as connection:
        await connection.execute("UPDATE accounts SET member_id = 3")
    await sign_in(browser)
    assert 200 == (await browser.get("/")).status_code
    assert {("3", "salesperson")} == {(claims["sub"], claims["role"]) for claims in services.claims}
    services.answers["assignment/rest/team/3"] = member(3, active=False)
    assert 200 == (await browser.get("/")).status_code
    await asyncio.sleep(2.05)
    assert 303 == (await browser.get("/")).status_code


async def test_no_token_without_a_role(browser: httpx2.AsyncClient, database: Database, services: FakeServices) -> None:
    """While assignment does not tell a member's role, no token is minted and the page says so."""
    async with database.connection() as connection:
        await connection.execute("UPDATE accounts SET member_id = 3")
    services.statuses["assignment/rest/team/3"] = 503
    await sign_in(browser)
    page = await browser.get("/")
    assert [] == services.claims
    assert "is not asked while your role cannot be checked" in page.text


async def test_admin_of_no_member_is_number_zero(browser: httpx2.AsyncClient, services: FakeServices) -> None:
    """An account of no member acts as admin under the id 0, with a token for each service that lives a minute."""
    await sign_in(browser)
    await browser.get("/")
    assert {("0", "admin")} == {(claims["sub"], claims["role"]) for claims in services.claims}
    assert {"intake", "leads", "assignment", "notifier"} == {claims["aud"] for claims in services.claims}
