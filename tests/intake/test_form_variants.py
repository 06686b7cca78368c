"""The ways in which pages, form providers and Lead Ads say the same thing, as pure functions."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from starlette.datastructures import Headers

from services.intake.domain.form_rules import Provider
from services.intake.domain.items import make_item
from services.intake.domain.outcomes import Ignored, Inquiry, Outcome
from services.intake.routes.form_bodies import read_fields
from shared.contracts.words import Channel
from tests.intake.reading import in_words, outcome_of


def post(fields: dict[str, Any], mapping: Mapping[str, str | None] | None = None, region: str | None = None) -> Outcome:
    """What becomes of a form that is posted as JSON."""
    return read_post(orjson.dumps(fields), "application/json", mapping, region)


def read_post(
    raw: bytes, media: str, mapping: Mapping[str, str | None] | None = None, region: str | None = None
) -> Outcome:
    """What becomes of a form's bytes."""
    fields = asyncio.run(read_fields(Headers({"content-type": media}), raw, mapping or {}))
    return outcome_of(make_item(Channel.FORM, "f", "form", ("k",), {"fields": fields, "default_region": region}))


def deliver(provider: Provider, payload: dict[str, Any], mapping: Mapping[str, str | None] | None = None) -> Outcome:
    """What becomes of a provider's delivery."""
    body = {"provider": provider, "payload": payload, "mapping": mapping or {}}
    return outcome_of(make_item(Channel.FORM, "f", "form", ("k",), body))


def lead_ad(*answers: tuple[str, Any], region: str | None = None) -> Outcome:
    """What becomes of a lead that was fetched."""
    field_data = [{"name": name, "values": value if isinstance(value, list) else [value]} for name, value in answers]
    change = {"field": "leadgen", "value": {"leadgen_id": "798522598540294"}}
    body = {"change": change, "lead": {"field_data": field_data}, "default_region": region}
    return outcome_of(make_item(Channel.LEAD_ADS, "5550001", "leadgen", ("k",), body))


def typeform(*questions: tuple[str, str, Any], hidden: dict[str, Any] | None = None) -> dict[str, Any]:
    """A delivery of answers to questions with these titles and types."""
    fields = [{"id": f"f{number}", "title": title} for number, (title, _, _) in enumerate(questions)]
    answers = [
        {"type": "value", "value": value, "field": {"id": f"f{number}", "type": kind, "ref": f"0{number}-uuid"}}
        for number, (_, kind, value) in enumerate(questions)
    ]
    told = {"definition": {"fields": fields}, "answers": answers, "hidden": hidden}
    return {"event_type": "form_response", "form_response": told}


def tally(*questions: tuple[str, str, Any]) -> dict[str, Any]:
    """A delivery of answers to questions with these labels and types."""
    fields = [
        {"key": f"question_{number}", "label": label, "type": kind, "value": value}
        for number, (label, kind, value) in enumerate(questions)
    ]
    return {"eventType": "FORM_RESPONSE", "data": {"fields": fields}}


def inquiry(outcome: Outcome) -> Inquiry:
    """The outcome, which must be an inquiry."""
    assert isinstance(outcome, Inquiry), outcome
    return outcome


def extra(outcome: Outcome) -> dict[str, Any]:
    """What an inquiry keeps beside the known fields."""
    return dict(inquiry(outcome).content.get("extra", {}))


@pytest.mark.parametrize(
    ("provider", "payload"),
    [
        (Provider.TYPEFORM, typeform(("Email", "email", "ana@x.mx"), ("A friend's", "email", "bea@x.mx"))),
        (Provider.TYPEFORM, typeform(("A friend's", "email", "bea@x.mx"), ("Email", "email", "ana@x.mx"))),
        (Provider.TALLY, tally(("Email", "INPUT_EMAIL", "ana@x.mx"), ("A friend's", "INPUT_EMAIL", "bea@x.mx"))),
    ],
)
def test_a_question_by_name_comes_before_its_type(provider: Provider, payload: dict[str, Any]) -> None:
    """Somebody else's address never becomes the visitor's, and is kept under its question."""
    outcome = deliver(provider, payload)
    assert "ana@x.mx" == inquiry(outcome).sender.email
    assert {"A friend's": "bea@x.mx"} == extra(outcome)


def test_a_question_asked_again_loses_no_answer() -> None:
    """It is kept under its key, and under a number where there is none."""
    asked = [("Passenger", "INPUT_TEXT", "Ana"), ("Passenger", "INPUT_TEXT", "Bea")]
    assert {"Passenger": "Ana", "question_1": "Bea"} == extra(deliver(Provider.TALLY, tally(*asked)))
    payload = tally(*asked)
    for field in payload["data"]["fields"]:
        del field["key"]
    assert {"Passenger": "Ana", "Passenger (2)": "Bea"} == extra(deliver(Provider.TALLY, payload))
    twice = tally(("Email", "INPUT_EMAIL", "ana@x.mx"), ("Email", "INPUT_EMAIL", "bea@x.mx"))
    mapped = deliver(Provider.TALLY, twice, {"Email": "email"})
    assert ("ana@x.mx", {"question_1": "bea@x.mx"}) == (inquiry(mapped).sender.email, extra(mapped))


@pytest.mark.parametrize(
    ("raw", "media"),
    [
        (orjson.dumps({"name": "Ana", "message": "one\ntwo\n\nfour"}), "application/json"),
        (urlencode({"name": "Ana", "message": "one\r\ntwo\r\n\r\nfour"}).encode(), "application/x-www-form-urlencoded"),
        (b"name=Ana\r\nmessage=one\r\ntwo\r\n\r\nfour\r\n", "text/plain"),
        (b"\xef\xbb\xbf" + orjson.dumps({"name": "Ana", "message": "one\rtwo\r\rfour"}), "text/plain"),
        (
            b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nAna\r\n--B\r\nContent-Disposition: form-data; '
            b'name="message"\r\n\r\none\r\ntwo\r\n\r\nfour\r\n--B--\r\n',
            "multipart/form-data; boundary=B",
        ),
    ],
    ids=["json", "urlencoded", "plain", "beacon", "multipart"],
)
def test_lines_are_the_same_in_every_encoding(raw: bytes, media: str) -> None:
    """A message of several lines is whole, whatever ends them."""
    found = inquiry(read_post(raw, media))
    assert ("Ana", "one\ntwo\n\nfour") == (found.sender.first_name, found.text)


def test_only_line_ends_end_a_line() -> None:
    """A separator that people paste is part of what they wrote."""
    assert "one\u2028two" == inquiry(read_post("message=one\u2028two".encode(), "text/plain")).text


@pytest.mark.parametrize(
    "answer",
    ["<test lead: dummy data for email>", " Test Lead: dummy data for email", ["a", "<TEST LEAD: DUMMY DATA>"]],
)
def test_dummy_answers_are_no_lead(answer: Any) -> None:
    """The testing tool is recognised wherever its words stand."""
    assert Ignored("test lead") == lead_ad(("q", answer))


@pytest.mark.parametrize(
    "outcome",
    [
        post({"utm_source": "mail", "gclid": "1", "referrer": "https://a.example", "page_url": "https://b.example"}),
        post({"language": "es", "locale": "es-MX", "redirect_to": "https://b.example", "name": " "}),
        deliver(Provider.TYPEFORM, typeform(hidden={"utm_source": "mail", "shop": "north"})),
        deliver(Provider.TALLY, tally(("shop", "HIDDEN_FIELDS", "north"), ("sum", "CALCULATED_FIELDS", 3))),
    ],
)
def test_what_a_page_knows_is_no_lead(outcome: Outcome) -> None:
    """A form in which nobody filled in anything is empty."""
    assert Ignored("empty form") == outcome


def test_a_hidden_address_is_a_lead() -> None:
    """Who follows a link from a mail may be known to the page."""
    outcome = deliver(Provider.TALLY, tally(("email", "HIDDEN_FIELDS", "ana@x.mx")))
    assert "ana@x.mx" == inquiry(outcome).sender.email


@pytest.mark.parametrize(
    ("fields", "name", "spare"),
    [
        ({"name": "Ana María", "surname": "López"}, ("Ana María", "López"), {}),
        ({"name": "Ana López", "last_name": "López"}, ("Ana", "López"), {}),
        ({"name": "López", "last_name": "López"}, (None, "López"), {}),
        ({"last_name": "López", "first_name": "", "name": "Ana"}, ("Ana", "López"), {}),
        ({"first_name": "Ana", "name": "Ana López"}, ("Ana", "López"), {}),
        ({"first_name": "Ana", "name": "Bea"}, ("Ana", None), {"name": "Bea"}),
        ({"name": "  Ana \t López  Prado "}, ("Ana", "López Prado"), {}),
        ({"name": "Ana\u00a0López"}, ("Ana", "López"), {}),
        ({"first_name": " Ana ", "last_name": "López "}, ("Ana", "López"), {}),
        ({"name": "López, Ana"}, ("Ana", "López"), {}),
        ({"name": "Ann Lee, Jr."}, ("Ann", "Lee, Jr."), {}),
        ({"name": True, "email": "ana@x.mx"}, (None, None), {"name (extra)": True}),
    ],
)
def test_names(fields: dict[str, Any], name: tuple[str | None, str | None], spare: dict[str, Any]) -> None:
    """Full names beside halves of them give both halves, and what is not used is kept."""
    found = inquiry(post(fields))
    assert (name, spare) == ((found.sender.first_name, found.sender.last_name), extra(found))


def test_the_owners_mapping_of_names() -> None:
    """A mapped surname makes the other field the first name."""
    sender = inquiry(post({"n": "Ana", "a": "López"}, {"n": "name", "a": "last_name"})).sender
    assert ("Ana", "López") == (sender.first_name, sender.last_name)


PHONE, OTHER_PHONE = "525512345678", "525587654321"


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ({"email": "ana@x.mx, bea@x.mx"}, [("ana@x.mx", "stated"), ("bea@x.mx", "claimed")]),
        ({"email": ["ana@x.mx", "Ana@X.mx"]}, [("ana@x.mx", "stated")]),
        ({"email": "none; ana@x.mx"}, [("ana@x.mx", "stated")]),
        ({"email": "Ana <ana@x.mx>"}, [("ana@x.mx", "stated")]),
        ({"email": "a/b@x.mx"}, [("a/b@x.mx", "stated")]),
        ({"phone": "55 1234 5678 / 55 8765 4321"}, [(PHONE, "stated"), (OTHER_PHONE, "claimed")]),
        ({"phone": 5512345678.0}, [(PHONE, "stated")]),
        ({"phone": "", "tel": "+52 55 1234 5678"}, [(PHONE, "stated")]),
        ({"tel": "+52 55 1234 5678", "phone": " "}, [(PHONE, "stated")]),
        ({"mobile": "", "tel": "+52 55 1234 5678"}, [(PHONE, "stated")]),
    ],
)
def test_several_in_one_field(fields: dict[str, Any], keys: list[tuple[str, str]]) -> None:
    """The first that can be read is stated, others are claims; an empty field is no reason to overlook another."""
    identities = inquiry(post(fields, region="MX")).sender.identities
    assert keys == [(one.match_key, one.evidence) for one in identities]


@pytest.mark.parametrize(
    ("fields", "attribution"),
    [
        ({"utm_campaign": 2026, "UTM_Source": "mail"}, {"utm_campaign": "2026", "utm_source": "mail"}),
        ({"attribution": {"utm_source": "mail", "utm_id": 5}}, {"utm_source": "mail", "utm_id": "5"}),
        (
            {"attribution": {"first_touch": {"utm_source": "a"}, "last_touch": {"utm_source": "b"}}},
            {"utm_source": "b", "first_touch": {"utm_source": "a"}},
        ),
        (
            {"attribution": {"first": {"utm_source": "a"}, "last": {"gclid": "b"}}},
            {"gclid": "b", "first_touch": {"utm_source": "a"}},
        ),
        (dict.fromkeys(("li_fat_id", "twclid", "ctwa_clid", "gad_source", "gad_campaignid"), "1"), None),
    ],
)
def test_attribution(fields: dict[str, Any], attribution: dict[str, Any] | None) -> None:
    """Numbers, other cases and each shape of touches are understood."""
    found = inquiry(post({"name": "Ana"} | fields))
    assert (fields if attribution is None else attribution, {}) == (found.attribution, extra(found))


def test_lead_ads_keep_what_is_not_used() -> None:
    """Numbers are answers, and a full name beside a half of another is one of them."""
    found = inquiry(lead_ad(("first_name", "Ana"), ("full_name", "Bea Prado"), ("phone number", [525512345678])))
    assert ("Ana", None, PHONE) == (found.sender.first_name, found.sender.last_name, found.sender.phone)
    assert {"full_name": "Bea Prado"} == found.content["answers"]
    both = inquiry(lead_ad(("last_name", "López"), ("full name", "Ana López")))
    assert ("Ana", "López", {}) == (both.sender.first_name, both.sender.last_name, both.content)


STATED = [(PHONE, "stated"), ("ana@x.mx", "stated")]


@pytest.mark.parametrize(
    ("name", "email", "phone"),
    [
        ("fullName", "emailAddress", "phoneNumber"),
        ("your-name", "your-email", "tel-123"),
        ("Name 2", "Email 2", "Phone 2"),
        ("customer name", "contact-email", "mobile_phone"),
        ("contact[name]", "fields[email]", "form_fields[tel-7]"),
        ("Nombre", "Correo electrónico:", "teléfono"),
        ("nombre_completo", "correo", "MÓVIL *"),
        ("Name", "E-Mail-Adresse", "Telefonnummer"),
        ("nome", "e-mail", "telemóvel"),
        ("nom", "courriel", "téléphone"),
    ],
)
def test_spellings(name: str, email: str, phone: str) -> None:
    """Fields are understood in several languages and in the ways of several page builders."""
    found = inquiry(post({name: "Ana", email: "ana@x.mx", phone: "+52 55 1234 5678"}))
    assert ("Ana", {}) == (found.sender.first_name, extra(found))
    assert STATED == [(one.match_key, one.evidence) for one in found.sender.identities]


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("firstName", "lastName", "Your message"),
        ("Nombre", "Apellidos", "mensaje"),
        ("Vorname", "Nachname", "Nachricht"),
        ("nome", "sobrenome", "mensagem"),
        ("prénom", "nom de famille", "commentaire"),
    ],
)
def test_spellings_of_names(first: str, last: str, message: str) -> None:
    """Both halves of a name find their places, whatever the full one is called."""
    found = inquiry(post({first: "Ana", last: "López", message: "Hola"}))
    assert ("Ana", "López", "Hola") == (found.sender.first_name, found.sender.last_name, found.text)


@pytest.mark.parametrize(
    "name",
    ["company name", "companyName", "form_name", "passenger[name]", "passengers[0][email]", "user_name", "nickname",
     "emergency phone", "friend's email", "2", "[]", "contact[]", "iPhone", "mailing list", "message type"],
)  # fmt: skip
def test_what_could_be_anything_is_extra(name: str) -> None:
    """No name is guessed that may be of something or somebody else."""
    found = inquiry(post({name: "x", "first_name": "Ana"}))
    assert ({name: "x"}, "Ana") == (extra(found), found.sender.first_name)


def test_a_contact_may_be_an_object() -> None:
    """Its known members are fields, the others stay in it, and those of a mapping are the owner's."""
    contact = {"name": "Ana López", "email": "ana@x.mx", "phone": "+52 55 1234 5678", "room": 7, "trip": {"name": "x"}}
    found = inquiry(post({"contact": contact, "company": {"name": "Reef", "email": "info@reef.example"}}))
    assert STATED == [(one.match_key, one.evidence) for one in found.sender.identities]
    company = {"name": "Reef", "email": "info@reef.example"}
    assert {"contact": {"room": 7, "trip": {"name": "x"}}, "company": company} == extra(found)
    kept = inquiry(post({"contact": contact, "first_name": "Bea"}, {"contact": None}))
    assert {"contact": contact} == extra(kept)


def test_a_mapping_comes_before_any_guess() -> None:
    """A guess takes no place that the form's owner gave to another field, nor one that has its exact name."""
    mapped = inquiry(post({"correo": "bea@x.mx", "dirección": "ana@x.mx"}, {"dirección": "email"}))
    assert ("ana@x.mx", {"correo": "bea@x.mx"}) == (mapped.sender.email, extra(mapped))
    exact = inquiry(post({"correo": "bea@x.mx", "email": "ana@x.mx"}))
    assert ("ana@x.mx", {"correo": "bea@x.mx"}) == (exact.sender.email, extra(exact))


def test_lead_ads_in_other_languages() -> None:
    """Questions in the words of the person's language are understood."""
    answers = (("nombre_completo", "Ana López"), ("correo_electrónico", "ana@x.mx"), ("teléfono", "+52 55 1234 5678"))
    found = inquiry(lead_ad(*answers))
    assert ("Ana", "López", {}) == (found.sender.first_name, found.sender.last_name, found.content)
    assert STATED == [(one.match_key, one.evidence) for one in found.sender.identities]


WHEN = "2026-11-19T10:30:00.000Z"
ANSWERED = {"data": {"Email": "ana@x.mx"}}


@pytest.mark.parametrize(
    ("provider", "payload"),
    [
        (Provider.TALLY, tally(("Email", "INPUT_EMAIL", "ana@x.mx")) | {"createdAt": WHEN}),
        (Provider.WEBFLOW, {"triggerType": "form_submission", "payload": ANSWERED | {"submittedAt": WHEN}}),
        (
            Provider.TYPEFORM,
            {
                "event_type": "form_response",
                "form_response": typeform(("Email", "email", "ana@x.mx"))["form_response"] | {"submitted_at": WHEN},
            },
        ),
    ],
)
def test_providers_say_when_it_was_sent(provider: Provider, payload: dict[str, Any]) -> None:
    """A delivery that comes late was sent when the person sent it."""
    assert datetime(2026, 11, 19, 10, 30, tzinfo=UTC) == inquiry(deliver(provider, payload)).sent_at


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (ANSWERED, "form"),
        ({"payload": ANSWERED}, "form"),
        ({"payload": {"data": []}}, "ignored: webflow: no submission"),
        ({"triggerType": "site_publish", "payload": ANSWERED}, "ignored: webflow: no submission"),
    ],
)
def test_a_webflow_form_without_a_trigger(payload: dict[str, Any], expected: str) -> None:
    """Answers are taken even if nothing says what they are."""
    assert expected == in_words(deliver(Provider.WEBFLOW, payload))


@pytest.mark.parametrize("value", [{"a": 1}, [{"a": 1}], True])
def test_a_guess_refuses_no_type(value: Any) -> None:
    """What cannot be a phone is kept as it came, even under a phone's name."""
    assert {"Celular": value} == extra(post({"Celular": value, "name": "Ana"}))
