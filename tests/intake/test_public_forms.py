"""Web forms: four encodings, one effect, and refusals that name the field."""

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from services.intake.domain.forms import MOST_PAIRS, FieldRefused, join_pairs
from services.intake.domain.normalise import normalise
from services.intake.domain.outcomes import Inquiry
from services.intake.routes.bodies import LIMIT
from services.intake.routes.form_bodies import FORM_LIMIT
from services.intake.storage.receipts import list_waiting
from shared.contracts.words import Evidence, IdentityKind
from shared.kit.database import Database
from tests.support.clock import MovingClock

FIELDS = {"name": "Noor van Dijk", "email": "Noor@Example.com", "phone": "55 1234 5678", "message": "Two kayaks?"}


@pytest.fixture
async def form(inside: httpx2.AsyncClient) -> dict[str, Any]:
    """A form that any page may post to, for Mexico."""
    return await create(inside)


async def create(inside: httpx2.AsyncClient, **parts: Any) -> dict[str, Any]:
    """Create the form `summer`."""
    wanted = {"form_key": "summer", "name": "Summer trips", "default_region": "mx", "allowed_origins": []} | parts
    answer = await inside.post("/rest/forms", json=wanted)
    assert 201 == answer.status_code, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def inquiries(database: Database) -> list[Inquiry]:
    """What the form receipts say."""
    async with database.connection() as connection:
        outcomes = [normalise(receipt) for receipt in await list_waiting(connection, 1000)]
    return [outcome for outcome in outcomes if isinstance(outcome, Inquiry)]


async def count(database: Database) -> int:
    """How many receipts there are."""
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM receipts"))


MULTIPART = b"".join(
    f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, value in FIELDS.items()
)
FILE = b'--B\r\nContent-Disposition: form-data; name="cv"; filename="a.pdf"\r\n\r\n%PDF\x00\xff\r\n--B--\r\n'


@pytest.mark.parametrize(
    "sent",
    [
        {"json": FIELDS},
        {"data": FIELDS},
        {"content": MULTIPART + FILE, "headers": {"Content-Type": "multipart/form-data; boundary=B"}},
        {"content": "\r\n".join(f"{k}={v}" for k, v in FIELDS.items()), "headers": {"Content-Type": "text/plain"}},
        {"content": b"\n" + json.dumps(FIELDS).encode(), "headers": {"Content-Type": "text/plain;charset=UTF-8"}},
    ],
    ids=["json", "urlencoded", "multipart", "plain", "beacon"],
)
async def test_all_encodings_say_the_same(
    outside: httpx2.AsyncClient, database: Database, form: dict[str, Any], sent: dict[str, Any]
) -> None:
    """JSON, urlencoded, multipart with files and plain text give the same inquiry."""
    answer = await outside.post("/forms/summer", **sent)
    assert answer.status_code in (200, 201), answer.text
    (inquiry,) = await inquiries(database)
    sender = inquiry.sender
    assert ("Noor", "van Dijk", "Two kayaks?") == (sender.first_name, sender.last_name, inquiry.text)
    assert ("55 1234 5678", "Noor@Example.com") == (sender.phone, sender.email)
    expected = [(IdentityKind.PHONE, "525512345678"), (IdentityKind.EMAIL, "noor@example.com")]
    assert expected == [(identity.kind, identity.match_key) for identity in sender.identities]
    assert {Evidence.STATED} == {identity.evidence for identity in sender.identities}


async def test_json_gets_the_uuid_of_the_lead(outside: httpx2.AsyncClient, database: Database, form: Any) -> None:
    """A script gets 201 with the uuid that is in the receipt."""
    answer = await outside.post("/forms/summer", json=FIELDS)
    assert 201 == answer.status_code
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT lead_uuid::text, channel, account FROM receipts")
    assert row is not None
    assert ({"lead_uuid": row["lead_uuid"]}, "form", "summer") == (answer.json(), row["channel"], row["account"])


async def test_a_browser_gets_a_page(outside: httpx2.AsyncClient, form: Any) -> None:
    """A form without redirects thanks on a page of its own, which runs nothing."""
    answer = await outside.post("/forms/summer", data=FIELDS, headers={"Accept": "text/html,*/*"})
    assert (200, "default-src 'none'") == (answer.status_code, answer.headers["content-security-policy"])
    assert "Thank you" in answer.text
    scripted = await outside.post("/forms/summer", data=FIELDS, headers={"Accept": "application/json"})
    assert 201 == scripted.status_code


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        (None, "https://shop.example/thanks"),
        ("https://shop.example/danke", "https://shop.example/danke"),
        ("https://evil.example/", "https://shop.example/thanks"),
        ("//evil.example", "https://shop.example/thanks"),
    ],
)
async def test_a_browser_is_sent_on_to_listed_pages_only(
    inside: httpx2.AsyncClient, wanted: str | None, location: str
) -> None:
    """The post may choose among the form's redirects, and nothing else."""
    await create(inside, redirect_urls=["https://shop.example/thanks", "https://shop.example/danke"])
    answer = await inside.post("/forms/summer", data=FIELDS | ({"redirect_to": wanted} if wanted else {}))
    assert (303, location) == (answer.status_code, answer.headers["location"])


@pytest.mark.parametrize("key", ["winter", "SUMMER", "%00", "a%2Fb", "x" * 300, "%ED%A0%80"])
async def test_an_unknown_form_is_not_found(outside: httpx2.AsyncClient, form: Any, key: str) -> None:
    """A key that no active form has is 404, whatever it looks like."""
    assert 404 == (await outside.post(f"/forms/{key}", json=FIELDS)).status_code


async def test_an_inactive_form_is_not_found(inside: httpx2.AsyncClient, form: Any) -> None:
    """A form that was switched off looks as if it had never been."""
    await inside.put("/rest/forms/summer", json={"is_active": False})
    assert 404 == (await inside.post("/forms/summer", json=FIELDS)).status_code


@pytest.mark.parametrize(
    ("fields", "field", "rule"),
    [
        (FIELDS | {"name": "n" * 401}, "name", "too_long"),
        (FIELDS | {"phone": "5" * 65}, "phone", "too_long"),
        (FIELDS | {"Tel": "5" * 65, "phone": None}, "Tel", "too_long"),
        (FIELDS | {"message": "m" * 10_001}, "message", "too_long"),
        (FIELDS | {"hotel": "h" * 4001}, "hotel", "too_long"),
        (FIELDS | {"hotel": {"a": "h" * 4001}}, "hotel", "too_long"),
        (FIELDS | {"email": {"a": 1}}, "email", "text_type"),
        (FIELDS | {"k" * 101: "v"}, "k" * 100, "name_too_long"),
        ({f"f{n}": "v" for n in range(101)}, "body", "too_many_fields"),
        ({f"f{n}": "v" * 3000 for n in range(50)}, "body", "too_long"),
    ],
)
async def test_a_field_over_its_limit_is_named(
    outside: httpx2.AsyncClient, database: Database, form: Any, fields: dict[str, Any], field: str, rule: str
) -> None:
    """A refusal says which field broke which rule, and nothing is written."""
    answer = await outside.post("/forms/summer", json=fields)
    assert (422, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    (error,) = answer.json()["errors"]
    assert (field, rule) == (error["field"], error["rule"])
    assert 0 == await count(database)


@pytest.mark.parametrize("encoding", ["data", "files"])
async def test_too_many_fields_are_refused_in_every_encoding(
    outside: httpx2.AsyncClient, form: Any, encoding: str
) -> None:
    """A thousand fields are refused before they are looked at."""
    many: Any = {f"f{n}": "v" for n in range(1000)}
    if encoding == "files":
        many = {name: (None, value) for name, value in many.items()}
    answer = await outside.post("/forms/summer", **{encoding: many})
    assert (422, "too_many_fields") == (answer.status_code, answer.json()["errors"][0]["rule"])


BAD: list[tuple[bytes, str, int]] = [
    (b"{", "application/json", 400),
    (b"", "application/json", 400),
    (b"[]", "application/json", 400),
    (b'{"a":' * 60_000, "application/json", 400),
    (b'{"name": NaN}', "application/json", 400),
    (b"\xff", "application/json", 400),
    (b"no boundary", "multipart/form-data", 400),
    (b"garbage", "multipart/form-data; boundary=B", 400),
    (b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--", "multipart/form-data; boundary=B", 400),
    (b"<a/>", "application/xml", 415),
    (b'{"name": "a\\u0000b\\ud800"}', "application/json", 201),
    (b'{"name": 123456789012345678901234567890}', "application/problem+json", 201),
    (b'{"\\u0000": "x", "list": [1, "two", null], "deep": {"a": {"b": 1}}}', "application/json", 201),
    (b"name=%00%ED%A0%80&name=%FF&=x&&&", "application/x-www-form-urlencoded", 200),
    (b"\x00\xff\xfe=\xed\xa0\x80", "text/plain", 200),
    (b"", "text/plain", 200),
]


@pytest.mark.parametrize(("raw", "media", "status"), BAD, ids=range(len(BAD)))
async def test_odd_bodies_are_read_or_refused(
    outside: httpx2.AsyncClient, database: Database, form: Any, raw: bytes, media: str, status: int
) -> None:
    """Whatever is posted is taken and can be read again, or is refused with a reason: never a 5xx."""
    answer = await outside.post("/forms/summer", content=raw, headers={"Content-Type": media})
    assert status == answer.status_code, answer.text
    assert (1 if status < 300 else 0) == await count(database)
    await inquiries(database)


async def test_a_compressed_form_is_refused(outside: httpx2.AsyncClient, form: Any) -> None:
    """A body that would have to be blown up first is 415."""
    assert 415 == (await outside.post("/forms/summer", json=FIELDS, headers={"Content-Encoding": "gzip"})).status_code


@pytest.mark.parametrize(
    ("media", "limit"),
    [("text/plain", FORM_LIMIT), ("application/json", FORM_LIMIT), ("multipart/form-data; boundary=B", LIMIT)],
)
async def test_too_much_is_refused(outside: httpx2.AsyncClient, form: Any, media: str, limit: int) -> None:
    """A body above the limit is 413, and only one that may carry files may be large."""
    answers = [
        await outside.post("/forms/summer", content=b"x" * size, headers={"Content-Type": media})
        for size in (limit + 1, limit)
    ]
    assert (True, False) == tuple(answer.status_code == 413 for answer in answers)


async def test_a_photo_does_not_lose_the_form(outside: httpx2.AsyncClient, database: Database, form: Any) -> None:
    """A post with megabytes of files is taken without them."""
    raw = MULTIPART + FILE.replace(b"%PDF", b"%PDF" + b"\r\n-" * 800_000)
    headers = {"Content-Type": 'multipart/form-data; charset=punycode; boundary="B"'}
    assert 200 == (await outside.post("/forms/summer", content=raw, headers=headers)).status_code
    (inquiry,) = await inquiries(database)
    assert ("Two kayaks?", {}) == (inquiry.text, inquiry.content)


PUNY = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a-" + b"b" * 1_500_000 + b"\r\n--B--\r\n"


@pytest.mark.parametrize(
    ("raw", "media"),
    [
        (b"a=1\n" * (FORM_LIMIT // 4), "text/plain"),
        (b"a=1\n" * 16_000, "text/plain"),
        (b"a=1&" * (FORM_LIMIT // 4), "application/x-www-form-urlencoded"),
        (b'{"a":[' + b"[]," * (FORM_LIMIT // 3 - 4) + b"[]]}", "application/json"),
        (PUNY, "multipart/form-data; boundary=B; charset=punycode"),
    ],
    ids=["plain", "small", "urlencoded", "json", "multipart"],
)
async def test_no_body_makes_others_wait(outside: httpx2.AsyncClient, form: Any, raw: bytes, media: str) -> None:
    """While the worst body is read, the loop goes on; and reading it takes no time to speak of."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            # Of this thread, so that a busy machine does not count.
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    before = time.process_time()
    answer = await outside.post("/forms/summer", content=raw, headers={"Content-Type": media})
    took = time.process_time() - before
    watching.cancel()
    assert 422 == answer.status_code
    # Generous: the quadratic readers took many seconds.
    assert longest < 0.5
    assert took < 3


def test_a_name_that_comes_again_joins_what_it_says() -> None:
    """Values of one name become one text, the empty ones left out, up to a number of pairs."""
    assert {"a": "1, 2", "b": ""} == join_pairs([("a", "1"), ("b", ""), ("a", ""), ("a", "2"), ("b", "")])
    with pytest.raises(FieldRefused):
        join_pairs(("a", "1") for _ in range(MOST_PAIRS + 1))


async def test_a_bad_phone_never_loses_the_lead(
    outside: httpx2.AsyncClient, database: Database, form: dict[str, Any]
) -> None:
    """What is no number or address stays as it came, and is compared with nobody's."""
    await outside.post("/forms/summer", json={"first_name": "Noor", "phone": "call me", "email": "at noor's"})
    (inquiry,) = await inquiries(database)
    assert ("call me", "at noor's", ()) == (inquiry.sender.phone, inquiry.sender.email, inquiry.sender.identities)


async def test_what_has_no_field_of_its_own_is_kept(outside: httpx2.AsyncClient, database: Database, form: Any) -> None:
    """Other fields are extra, campaign and click ids are attribution, and the page is taken from the header."""
    fields = [("tour", "whales"), ("day", "Sat"), ("day", "Sun"), ("utm_source", "mail"), ("gclid", "g1"), ("Tel", "1")]
    encoded = "&".join(f"{name}={value}" for name, value in fields)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": "https://shop.example/tours",
        "Accept-Language": "es-MX,es;q=0.9",
    }
    await outside.post("/forms/summer", content=encoded, headers=headers)
    (inquiry,) = await inquiries(database)
    assert {"tour": "whales", "day": "Sat, Sun"} == inquiry.content["extra"]
    assert {"utm_source": "mail", "gclid": "g1", "page_url": "https://shop.example/tours"} == inquiry.attribution
    assert ("1", "es-MX") == (inquiry.sender.phone, inquiry.sender.language)


async def test_two_names_for_the_same_thing_are_both_kept(
    outside: httpx2.AsyncClient, database: Database, form: Any
) -> None:
    """A second field that means the same loses nothing."""
    await outside.post("/forms/summer", json={"tel": "1", "mobile": "2", "name": "A B", "first_name": "C"})
    (inquiry,) = await inquiries(database)
    assert ("1", "C") == (inquiry.sender.phone, inquiry.sender.first_name)
    assert {"mobile": "2", "name": "A B"} == inquiry.content["extra"]


async def test_an_empty_form_is_ignored(outside: httpx2.AsyncClient, database: Database, form: Any) -> None:
    """A post with nothing in it is kept, and no inquiry."""
    assert 201 == (await outside.post("/forms/summer", json={"name": " "})).status_code
    assert (1, []) == (await count(database), await inquiries(database))


async def test_the_same_post_within_ten_minutes_is_one(
    outside: httpx2.AsyncClient, database: Database, form: Any, clock: MovingClock
) -> None:
    """A double click, also at once and in another encoding, answers the same uuid; later it is a new post."""
    answers = await asyncio.gather(*(outside.post("/forms/summer", json=FIELDS) for _ in range(10)))
    (lead_uuid,) = {answer.json()["lead_uuid"] for answer in answers}
    clock.advance(timedelta(minutes=9, seconds=59))
    again = await outside.post("/forms/summer", data=FIELDS, headers={"Accept": "application/json"})
    assert (lead_uuid, 1) == (again.json()["lead_uuid"], await count(database))
    other = await outside.post("/forms/summer", json=FIELDS | {"message": "Three kayaks?"})
    assert lead_uuid != other.json()["lead_uuid"]
    clock.advance(timedelta(seconds=1))
    later = await outside.post("/forms/summer", json=FIELDS)
    assert lead_uuid != later.json()["lead_uuid"]
    assert 3 == await count(database)


async def test_an_idempotency_key_is_kept_for_ever(
    outside: httpx2.AsyncClient, database: Database, form: Any, clock: MovingClock
) -> None:
    """The same key with the same body has one effect a year later too; with another body it is refused."""
    key = {"Idempotency-Key": "post-1"}
    answers = await asyncio.gather(*(outside.post("/forms/summer", json=FIELDS, headers=key) for _ in range(5)))
    clock.advance(timedelta(days=365))
    answers.append(await outside.post("/forms/summer", json=FIELDS, headers=key))
    assert 1 == len({answer.json()["lead_uuid"] for answer in answers})
    other = await outside.post("/forms/summer", json=FIELDS | {"message": "x"}, headers=key)
    assert (422, "Idempotency-Key") == (other.status_code, other.json()["errors"][0]["field"])
    assert 1 == await count(database)
    second = await outside.post("/forms/summer", json=FIELDS, headers={"Idempotency-Key": "post-2"})
    assert answers[0].json() != second.json()


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_an_absurd_idempotency_key_is_refused(outside: httpx2.AsyncClient, form: Any, key: str) -> None:
    """A key has 1 to 255 characters."""
    answer = await outside.post("/forms/summer", json=FIELDS, headers={"Idempotency-Key": key})
    assert (422, "Idempotency-Key") == (answer.status_code, answer.json()["errors"][0]["field"])


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://shop.example", 201),
        ("https://SHOP.example", 201),
        (None, 201),
        ("https://evil.example", 403),
        ("null", 403),
    ],
)
async def test_only_listed_pages_may_post(
    inside: httpx2.AsyncClient, database: Database, origin: str | None, status: int
) -> None:
    """With a list of origins, others are refused before anything is read or written."""
    await create(inside, allowed_origins=["https://shop.example/"])
    headers = {"Origin": origin} if origin else {}
    answer = await inside.post("/forms/summer", json=FIELDS, headers=headers)
    assert status == answer.status_code
    assert (1 if status == 201 else 0) == await count(database)
    if origin and status == 201:
        assert origin == answer.headers["access-control-allow-origin"]
    refused = await inside.post("/forms/summer", json={"phone": "5" * 99}, headers=headers)
    assert (origin is not None and status == 201) == ("access-control-allow-origin" in refused.headers)


async def test_the_preflight_allows_what_the_form_allows(inside: httpx2.AsyncClient) -> None:
    """A browser is told which headers its script may send, if its page is listed."""
    await create(inside, allowed_origins=["https://shop.example"])
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = await inside.options("/forms/summer", headers=asked)
    assert (204, "https://shop.example") == (answer.status_code, answer.headers["access-control-allow-origin"])
    assert "idempotency-key" in answer.headers["access-control-allow-headers"]
    assert (
        403 == (await inside.options("/forms/summer", headers=asked | {"Origin": "https://evil.example"})).status_code
    )
    assert 404 == (await inside.options("/forms/winter", headers=asked)).status_code


async def test_a_form_is_not_taken_while_the_database_is_away(
    outside: httpx2.AsyncClient, database: Database, form: Any
) -> None:
    """Without a durable receipt there is no success."""
    await database.close()
    assert 503 == (await outside.post("/forms/summer", json=FIELDS)).status_code
    await database.open()
    assert 201 == (await outside.post("/forms/summer", json=FIELDS)).status_code
