"""WhatsApp's shapes, and what each of them becomes."""

from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest

from services.intake.domain.outcomes import Response
from services.intake.domain.splitting import SPLITTERS
from shared.contracts.words import Channel, Evidence, IdentityKind
from tests.intake.deliveries import JOAO, LUPE, SCOPED, change, contact, dumped, message, whatsapp, whatsapp_messages
from tests.intake.reading import NOW, read, read_one, reasons

WHATSAPP = Channel.WHATSAPP
NO_RECIPIENT = "quarantined: echo without a recipient"
IGNORED_IDENTITY = "ignored: system:customer_identity_changed"
AD = {
    "source_url": "https://fb.me/x",
    "source_id": "5501",
    "source_type": "ad",
    "headline": "Whales",
    "ctwa_clid": "C1",
}


def test_a_text_is_an_inquiry_of_its_sender() -> None:
    """Text, time, name and the verified phone of a message arrive as they were sent."""
    inquiry = read_one(WHATSAPP, whatsapp_messages(message()))
    assert ("text", "Do you have two places on Saturday?") == (inquiry.kind, inquiry.text)
    assert datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC) == inquiry.sent_at
    assert ("Lupe Ríos", "+5215512345678") == (inquiry.sender.profile_name, inquiry.sender.phone)
    (identity,) = inquiry.sender.identities
    assert (IdentityKind.PHONE, LUPE, "525512345678") == (identity.kind, identity.value, identity.match_key)
    assert Evidence.VERIFIED is identity.evidence


MEDIA = {"id": "9001", "mime_type": "image/jpeg", "sha256": "abc", "url": "https://lookaside.example/9001"}


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (message(kind="button", button={"text": "Yes, book it", "payload": "BOOK"}), "Yes, book it"),
        (
            message(
                kind="interactive",
                interactive={"type": "button_reply", "button_reply": {"id": "b1", "title": "Whale tour"}},
            ),
            "Whale tour",
        ),
        (
            message(
                kind="interactive",
                interactive={"type": "list_reply", "list_reply": {"id": "r2", "title": "Kayak", "description": "2 h"}},
            ),
            "Kayak",
        ),
        (
            message(
                kind="interactive",
                interactive={"type": "nfm_reply", "nfm_reply": {"body": "Sent", "response_json": '{"adults": 2}'}},
            ),
            "Sent",
        ),
        (message(kind="interactive", interactive={"list_reply": {"id": "r2", "title": "Kayak"}}), "Kayak"),
        (message(kind="interactive"), None),
        (message(kind="image", image=MEDIA | {"caption": "Is it this beach?"}), "Is it this beach?"),
        (message(kind="image", image=MEDIA), None),
        (message(kind="audio", audio=MEDIA | {"voice": True}), None),
        (message(kind="video", video=MEDIA), None),
        (message(kind="document", document=MEDIA | {"filename": "Itinéraire.pdf"}), None),
        (message(kind="sticker", sticker=MEDIA), None),
        (message(kind="location", location={"latitude": 20.5, "longitude": -87.1, "name": "Pier 4"}), "Pier 4"),
        (message(kind="order", order={"text": "Both please", "product_items": [{"quantity": 2}]}), "Both please"),
        (message(kind="contacts", contacts=[{"origin": "other", "phones": [{"phone": "+52 55 8765 4321"}]}]), None),
        (message(kind="unsupported", errors=[{"code": 131060}]), None),
        (message(kind="unsupported", errors=[{"code": 131051}], referral=AD), None),
    ],
)
def test_everything_a_person_sends_is_an_inquiry(sent: dict[str, Any], text: str | None) -> None:
    """Each type that people write in becomes an inquiry, with its words if it has some."""
    inquiry = read_one(WHATSAPP, whatsapp_messages(sent))
    assert (sent["type"], text) == (inquiry.kind, text if inquiry.text is None else inquiry.text)
    assert text == inquiry.text


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (message(kind="reaction", reaction={"message_id": "wamid.B", "emoji": "👍"}), "ignored: reaction"),
        (message(kind="edit", edit={"original_message_id": "wamid.B"}), "quarantined: edit without a message"),
        (message(kind="edit", edit={"message": {"type": "sticker"}}), "quarantined: edit without a target"),
        (message(kind="revoke", revoke={}), "quarantined: revoke without a target"),
        (
            message(kind="system", system={"type": "user_changed_number"}),
            "quarantined: user_changed_number without both ids",
        ),
        (message(kind="system", system={"type": "customer_identity_changed"}), IGNORED_IDENTITY),
        (message(kind="system", system={"type": "moved"}), "quarantined: unknown system message"),
        (message(kind="request_welcome"), "ignored: request_welcome"),
        (message(kind="unsupported", errors=[{"code": 131051}]), "ignored: unsupported"),
        (message(kind="interactive", interactive={"type": "call_permission_reply"}), "ignored: call_permission_reply"),
        (message(group_id="G1"), "ignored: group"),
        (message(kind="hologram"), "quarantined: unknown message type"),
        (message(kind="interactive", interactive={"type": "dice"}), "quarantined: unknown interactive type"),
        (message(text=None), "quarantined: text without a body"),
        (message(sender=None), "text"),
        (message(sender="not a phone"), "quarantined: no sender"),
        ({"id": "wamid.C"}, "quarantined: message without a type"),
    ],
)
def test_what_is_no_inquiry_says_why(sent: dict[str, Any], reason: str) -> None:
    """Known types without a lead are ignored, unknown ones are quarantined, each with its reason."""
    assert [reason] == reasons(read(WHATSAPP, whatsapp_messages(sent)))


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        (
            whatsapp(change(statuses=[{"id": "wamid.S", "status": "read", "recipient_id": LUPE}])),
            "ignored: status:read",
        ),
        (whatsapp(change(errors=[{"code": 130501}])), "ignored: error"),
        (whatsapp(change(field="history", history=[{"threads": []}])), "ignored: history"),
        (whatsapp(change(field="account_update", event="ACCOUNT_DELETED")), "ignored: account_update"),
        (whatsapp(change(field="smb_message_echoes", message_echoes=[message()])), NO_RECIPIENT),
        (whatsapp(change(field="calls", calls=[{"id": "c1"}])), "ignored: calls"),
        (whatsapp(change(field="user_id_update", user_id_update=[])), "ignored: user_id_update"),
        (whatsapp(change(field="telepathy", thoughts=[1])), "quarantined: unknown field"),
        (whatsapp(change(messages=[])), "ignored: messages"),
        (whatsapp(change(messages="three")), "quarantined: messages is not a list"),
        (whatsapp(change(messages=["three"])), "quarantined: a message is not an object"),
        (whatsapp({"field": "messages"}), "quarantined: a change has no value"),
        (whatsapp(), "ignored: empty"),
        ({"object": "whatsapp_business_account", "entry": {}}, "quarantined: changes is not a list"),
        ({"object": "whatsapp_business_account", "entry": []}, "ignored: empty"),
        ({"object": "whatsapp_business_account", "entry": 7}, "quarantined: entry is not a list"),
        ({"object": "whatsapp_business_account"}, "quarantined: entry is not a list"),
        ({"field": "messages", "value": {"messages": [message()]}}, "ignored: dashboard_test"),
        ({"object": "user", "entry": []}, "quarantined: unknown object"),
        ([1], "quarantined: not an object"),
        (b"", "quarantined: empty"),
        (b"{", "quarantined: not JSON"),
        (b"[" * 100_000, "quarantined: nested too deeply"),
    ],
)
def test_every_delivery_leaves_something(delivery: Any, expected: str) -> None:
    """A delivery of any shape becomes at least one receipt with a reason."""
    assert [expected] == reasons(read(WHATSAPP, delivery))


def test_a_batch_is_split_and_a_bad_item_does_not_stop_its_neighbours() -> None:
    """Two entries with two changes each give every message, status and error its own item."""
    entries = [
        {
            "id": entry,
            "changes": [
                change(
                    line=f"{entry}1", messages=[message(f"wamid.{entry}.{n}") for n in range(3)], contacts=[contact()]
                ),
                change(
                    line=f"{entry}2", messages=[message(f"wamid.{entry}.9"), None], statuses=[{"id": "s"}], errors=[{}]
                ),
            ],
        }
        for entry in ("1", "2")
    ]
    outcomes = reasons(read(WHATSAPP, {"object": "whatsapp_business_account", "entry": entries}))
    expected = ["text"] * 4 + ["quarantined: a message is not an object", "ignored: status", "ignored: error"]
    assert expected * 2 == outcomes


def test_contacts_belong_to_messages_by_id() -> None:
    """The name of a message is that of the contact with its id, in whatever order contacts come."""
    delivery = whatsapp_messages(
        message("wamid.1", LUPE), message("wamid.2", JOAO), contacts=[contact(JOAO, "João"), contact(LUPE, "Lupe")]
    )
    names = [read.sender.profile_name for read in read(WHATSAPP, delivery) if hasattr(read, "sender")]
    assert ["Lupe", "João"] == names


def test_a_contact_in_the_other_spelling_of_the_number_is_the_same() -> None:
    """Mexican and Brazilian ids come with and without the digit that was added, even within a delivery."""
    inquiry = read_one(WHATSAPP, whatsapp_messages(message(), contacts=[contact("525512345678"), contact(JOAO)]))
    assert "Lupe Ríos" == inquiry.sender.profile_name


def test_somebody_without_a_phone_is_known_by_the_scoped_id() -> None:
    """A business-scoped id is an identity and never a phone; the username is neither."""
    sent = message(sender=None, from_user_id="US.6502530000", from_parent_user_id="US.ENT.77")
    who = contact(None, user_id="US.6502530000", profile={"name": "Kit", "username": "@kit"})
    inquiry = read_one(WHATSAPP, whatsapp_messages(sent, contacts=[who]))
    found = [(identity.kind, identity.value) for identity in inquiry.sender.identities]
    assert [(IdentityKind.WHATSAPP_USER, "US.6502530000"), (IdentityKind.WHATSAPP_USER, "US.ENT.77")] == found
    assert ("Kit", None) == (inquiry.sender.profile_name, inquiry.sender.phone)


def test_a_scoped_id_in_the_senders_place_finds_its_contact() -> None:
    """A scoped id that stands where the phone does belongs to the contact with that id, among others."""
    who = contact(None, name="Kit", user_id=SCOPED)
    inquiry = read_one(WHATSAPP, whatsapp_messages(message(sender=SCOPED), contacts=[contact(), who]))
    assert ("Kit", SCOPED, None) == (inquiry.sender.profile_name, inquiry.thread, inquiry.sender.phone)


def test_what_we_write_is_no_lead_wherever_it_stands() -> None:
    """An echo is known by its field, or by our number as sender together with a recipient, never by either alone."""
    ours = message(sender="1", to=LUPE)
    under_messages = change(field="smb_message_echoes", messages=[message(sender="5215500000001", to=LUPE)])
    for delivery in (whatsapp(under_messages), whatsapp_messages(ours)):
        (outcome,) = read(WHATSAPP, delivery)
        assert isinstance(outcome, Response)
        assert LUPE == outcome.sender.identities[0].value
    assert ["text"] == reasons(read(WHATSAPP, whatsapp_messages(message(to="1"))))


def test_phone_and_scoped_id_come_together() -> None:
    """A message with both carries both identities, and the scoped one names the thread."""
    sent = message(from_user_id=SCOPED)
    inquiry = read_one(WHATSAPP, whatsapp_messages(sent, contacts=[contact(user_id=SCOPED)]))
    assert {LUPE, SCOPED} == {identity.value for identity in inquiry.sender.identities}
    assert SCOPED == inquiry.thread


def test_only_a_requested_contact_card_is_the_senders_own() -> None:
    """A card that we asked for is a verified phone; a friend's card is content."""
    cards = [
        {"origin": "other", "phones": [{"phone": "+52 33 1234 5678", "wa_id": "523312345678"}]},
        {"origin": "contact_request", "phones": [{"phone": "+52 55 1234 5678", "wa_id": LUPE}]},
    ]
    sent = message(sender=None, kind="contacts", from_user_id=SCOPED, contacts=cards)
    inquiry = read_one(WHATSAPP, whatsapp_messages(sent, contacts=[]))
    verified = {one.value for one in inquiry.sender.identities if one.evidence is Evidence.VERIFIED}
    assert {LUPE, SCOPED} == verified
    claimed = {one.match_key for one in inquiry.sender.identities if one.evidence is Evidence.CLAIMED}
    assert {"523312345678"} == claimed
    assert cards == inquiry.content["contacts"]


@pytest.mark.parametrize("numbers", [{"phone": "+52 1"}, {"wa_id": "99999999"}, {"phone": "+999 123 456 789"}])
def test_a_number_that_cannot_be_is_no_identity(numbers: dict[str, str]) -> None:
    """Whoever shares a card writes what is on it: a number that no plan has room for joins nobody, and is kept."""
    cards = [{"origin": "contact_request", "phones": [numbers]}]
    sent = message(sender=None, kind="contacts", from_user_id=SCOPED, contacts=cards)
    inquiry = read_one(WHATSAPP, whatsapp_messages(sent, contacts=[]))
    assert ([SCOPED], None) == ([one.value for one in inquiry.sender.identities], inquiry.sender.phone)
    assert cards == inquiry.content["contacts"]


def test_the_ad_that_led_here_is_kept() -> None:
    """A click-to-WhatsApp referral comes along with the message."""
    inquiry = read_one(WHATSAPP, whatsapp_messages(message(referral=AD)))
    assert {"referral": AD} == inquiry.attribution


@pytest.mark.parametrize(
    ("timestamp", "sent_at"),
    [
        (1795000000, datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)),
        ("1795000000", datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)),
        (None, NOW),
        ("soon", NOW),
        (0, NOW),
        (True, NOW),
        ([], NOW),
        ("9" * 400, NOW),
        (1e300, NOW),
        (-5, NOW),
    ],
)
def test_timestamps_of_any_sort(timestamp: Any, sent_at: datetime) -> None:
    """Seconds come as text or number; what is none becomes the time of receipt."""
    assert sent_at == read_one(WHATSAPP, whatsapp_messages(message() | {"timestamp": timestamp})).sent_at


@pytest.mark.parametrize("answers", ["not json", "[" * 5000, '{"a": NaN}', "\ud800"])
def test_a_flow_with_unreadable_answers_is_kept(answers: str) -> None:
    """Answers that are no JSON are kept as they came."""
    reply = {"type": "nfm_reply", "nfm_reply": {"body": "Sent", "response_json": answers}}
    inquiry = read_one(WHATSAPP, whatsapp_messages(message(kind="interactive", interactive=reply)))
    assert "unreadable_response" in inquiry.content["nfm_reply"]


@pytest.mark.parametrize("answers", ['{"adults": 2}', {"adults": 2}])
def test_a_flow_keeps_its_answers(answers: Any) -> None:
    """Answers come as JSON in a text, or as the object itself."""
    reply = {"type": "nfm_reply", "nfm_reply": {"response_json": answers}}
    inquiry = read_one(WHATSAPP, whatsapp_messages(message(kind="interactive", interactive=reply)))
    assert {"adults": 2} == inquiry.content["nfm_reply"]["response"]


def test_nul_and_half_characters_are_replaced() -> None:
    """Text that Postgres refuses is clean in the inquiry, and the item keeps it as it came."""
    raw = dumped(whatsapp_messages(message(text={"body": "a\x00b\ud800c"})))
    assert "a\ufffdb\ufffdc" == read_one(WHATSAPP, raw).text
    (item,) = SPLITTERS[WHATSAPP](raw)
    assert b"\\u0000" in item.body and b"\\ud800" in item.body


def test_the_same_item_has_the_same_key() -> None:
    """The id of a message is its key, whatever else is in the delivery; without an id it is the content."""
    split = SPLITTERS[WHATSAPP]
    (alone,) = split(dumped(whatsapp_messages(message("wamid.Q"))))
    _, among = split(dumped(whatsapp_messages(message("wamid.P"), message("wamid.Q"), contacts=[])))
    assert alone.key == among.key
    nameless = {"from": LUPE, "type": "text", "text": {"body": "hi"}, "timestamp": "1795000001"}
    later = nameless | {"timestamp": "1795000002"}
    first, again, other = split(dumped(whatsapp_messages(nameless, dict(reversed(nameless.items())), later)))
    assert first.key == again.key
    assert first.key != other.key


def test_a_thousand_people_are_split_at_once() -> None:
    """The contact of each message is found without looking through all of them, so that nobody else waits."""
    texts = [message(f"wamid.{number}", f"49170{number:07d}") for number in range(1000)]
    raw = dumped(whatsapp_messages(*texts, contacts=[contact(text["from"]) for text in texts]))
    begun = process_time()
    assert 1000 == len(SPLITTERS[WHATSAPP](raw))
    assert process_time() - begun < 0.5
