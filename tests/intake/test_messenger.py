"""Messenger's and Instagram's shapes, and what each of them becomes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.domain.outcomes import OptOut, Response
from services.intake.domain.splitting import SPLITTERS
from shared.contracts.words import Channel, Evidence, IdentityKind
from tests.intake.deliveries import PAGE, dumped, event, messenger
from tests.intake.reading import NOW, read, read_one, reasons

MESSENGER = Channel.MESSENGER
REFERRAL = {"ref": "spring", "source": "ADS", "type": "OPEN_THREAD", "ad_id": "42"}


def text(words: str = "Is the boat trip on?", mid: str = "m_1", **parts: Any) -> dict[str, Any]:
    """A Messenger message."""
    return {"mid": mid, "text": words} | parts


def test_a_message_is_an_inquiry_of_a_page_scoped_person() -> None:
    """The sender's id is verified within its page, and never a phone."""
    inquiry = read_one(MESSENGER, messenger(event("5215512345678", message=text())))
    assert ("message", "Is the boat trip on?") == (inquiry.kind, inquiry.text)
    assert datetime(2026, 11, 18, 11, 6, 40, 123000, tzinfo=UTC) == inquiry.sent_at
    (identity,) = inquiry.sender.identities
    expected = (IdentityKind.MESSENGER_USER, "5215512345678", PAGE, Evidence.VERIFIED)
    assert expected == (identity.kind, identity.match_key, identity.scope, identity.evidence)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"message": {"mid": "m_2", "attachments": [{"type": "image", "payload": {"url": "https://x.example"}}]}},
            None,
        ),
        ({"message": text(attachments=[{}])}, "Is the boat trip on?"),
        ({"postback": {"mid": "m_3", "title": "Prices", "payload": "PRICES"}}, "Prices"),
        ({"referral": REFERRAL}, None),
        ({"optin": {"ref": "newsletter"}}, None),
    ],
)
def test_everything_a_person_sends_is_an_inquiry(parts: dict[str, Any], words: str | None) -> None:
    """Messages with and without text, postbacks, referrals and opt-ins are inquiries."""
    assert words == read_one(MESSENGER, messenger(event(**parts))).text


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (event(PAGE, message=text(is_echo=True)), "ignored: echo"),
        (event(PAGE, message=text(is_deleted=True)), "ignored: echo:deleted"),
        (event(message={"mid": "m_1", "is_deleted": True}), "Edit"),
        (event(message_edit={"text": "Is it on?"}), "quarantined: edit without a target"),
        (event(delivery={"watermark": 1}), "ignored: delivery"),
        (event(read={"watermark": 1}), "ignored: read"),
        (event(reaction={"mid": "m_1", "emoji": "❤"}), "ignored: reaction"),
        (event(message_request="accept"), "ignored: message_request"),
        (event(app_roles={"1": ["primary_receiver"]}), "ignored: app_roles"),
        (event({"user_ref": "u1"}, referral=REFERRAL), "ignored: no sender id"),
        (event(None, optin={"user_ref": "u1"}), "ignored: no sender id"),
        (event(None, message=text()), "quarantined: no sender"),
        (event(message=None), "quarantined: message without content"),
        (event(seance={"spirit": 1}), "quarantined: unknown kind of event"),
        ({}, "ignored: empty"),
        (7, "quarantined: a member of messaging is not an object"),
    ],
)
def test_what_is_no_inquiry_says_why(sent: Any, reason: str) -> None:
    """Events without a lead are ignored, unknown ones are quarantined."""
    assert [reason] == reasons(read(MESSENGER, messenger(sent)))


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        (messenger(event(message=text()), where="standby"), "ignored: standby"),
        (messenger({"field": "feed", "value": {}}, where="changes"), "ignored: feed"),
        (
            messenger({"field": "leadgen", "value": {"leadgen_id": 1}}, where="changes"),
            "Awaited",
        ),
        (messenger({"field": "weather", "value": {}}, where="changes"), "quarantined: unknown field"),
        (messenger({"field": "feed", "value": {}}, where="changes", page="0"), "ignored: dashboard_test"),
        (messenger(event("12334", message=text(mid="random_mid")), page="0"), "ignored: dashboard_test"),
        ({"field": "messages", "value": {"sender": {"id": "12334"}}}, "ignored: dashboard_test"),
        (messenger(), "ignored: empty"),
        ({"object": "page", "entry": []}, "ignored: empty"),
        ({"object": "page", "entry": ["x"]}, "quarantined: an entry is not an object"),
        ({"object": "page", "entry": [{"id": PAGE, "messaging": {}}]}, "ignored: empty"),
        ({"object": "page", "entry": [{"id": PAGE, "messaging": 3}]}, "quarantined: messaging is not a list"),
        ({"object": ["page"], "entry": []}, "quarantined: unknown object"),
        ({"object": "whatsapp_business_account", "entry": []}, "quarantined: unknown object"),
        (b"\xff\xff", "quarantined: not UTF-8"),
    ],
)
def test_every_delivery_leaves_something(delivery: Any, expected: str) -> None:
    """A delivery of any shape becomes at least one receipt with a reason."""
    assert [expected] == reasons(read(MESSENGER, delivery))


def test_instagram_comes_in_by_the_same_door() -> None:
    """`object=instagram` is a channel of its own, with ids of its own."""
    raw = dumped(messenger(event("9911", timestamp="2026-11-18T11:06:40+0000", message=text()), name="instagram"))
    (item,) = SPLITTERS[MESSENGER](raw)
    assert Channel.INSTAGRAM is item.channel
    inquiry = read_one(MESSENGER, raw)
    assert (IdentityKind.INSTAGRAM_USER, PAGE) == (
        inquiry.sender.identities[0].kind,
        inquiry.sender.identities[0].scope,
    )
    assert datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC) == inquiry.sent_at


@pytest.mark.parametrize(
    ("quick_reply", "words", "found"),
    [
        ("+52 55 1234 5678", "+52 55 1234 5678", [(IdentityKind.PHONE, "525512345678")]),
        ("lupe@example.com", "lupe@example.com", [(IdentityKind.EMAIL, "lupe@example.com")]),
        ("+525512345678", "+52 55 1234 5678", [(IdentityKind.PHONE, "525512345678")]),
        ("lupe@example.com", "Lupe@example.com", [(IdentityKind.EMAIL, "lupe@example.com")]),
        ("+525512345678", "Call me", []),
        ("lupe@example.com", "By mail", []),
        ("5512345678", "5512345678", []),
        ("PICK_KAYAK", "Kayak", []),
    ],
)
def test_only_an_address_that_the_person_chose_to_share_counts(
    quick_reply: str, words: str, found: list[tuple[IdentityKind, str]]
) -> None:
    """A shared phone or mail is verified; a bot's payload that merely looks like one is not."""
    inquiry = read_one(MESSENGER, messenger(event(message=text(words, quick_reply={"payload": quick_reply}))))
    shared = inquiry.sender.identities[1:]
    assert found == [(identity.kind, identity.match_key) for identity in shared]
    assert all(identity.evidence is Evidence.VERIFIED for identity in shared)


@pytest.mark.parametrize(
    "parts",
    [
        {"message": text(referral=REFERRAL)},
        {"postback": {"mid": "m_4", "payload": "START", "referral": REFERRAL}},
        {"referral": REFERRAL},
        {"message": text(), "referral": REFERRAL},
        {"postback": {"mid": "m_4", "payload": "START"}, "referral": REFERRAL},
    ],
)
def test_ad_attribution_is_found_in_its_homes(parts: dict[str, Any]) -> None:
    """A referral is kept wherever it comes."""
    assert {"referral": REFERRAL} == read_one(MESSENGER, messenger(event(**parts))).attribution


def test_an_echo_belongs_to_the_page_that_wrote_it() -> None:
    """Where the entry does not name the page, an echo's sender does; whom we wrote to is known within that page."""
    delivery = messenger(event(PAGE, message=text(is_echo=True)) | {"recipient": {"id": "3003001"}})
    del delivery["entry"][0]["id"]
    (outcome,) = read(MESSENGER, delivery)
    assert isinstance(outcome, Response)
    (identity,) = outcome.sender.identities
    assert ("3003001", PAGE) == (identity.match_key, identity.scope)


def test_an_attachment_that_is_no_list_is_kept() -> None:
    """One attachment by itself is as good as a list of one."""
    inquiry = read_one(MESSENGER, messenger(event(message={"mid": "m_1", "attachments": {"type": "image"}})))
    assert {"attachments": [{"type": "image"}]} == inquiry.content


@pytest.mark.parametrize(
    ("status", "is_opted_out"),
    [("STOP_NOTIFICATIONS", True), ("STOP NOTIFICATIONS", True), ("resume_notifications", False)],
)
def test_stopped_notifications_are_an_opt_out(status: str, is_opted_out: bool) -> None:
    """Who stops recurring notifications is left alone until they resume them."""
    optin = {"type": "notification_messages", "notification_messages_status": status}
    (outcome,) = read(MESSENGER, messenger(event(optin=optin)))
    assert isinstance(outcome, OptOut)
    assert (is_opted_out, "preference") == (outcome.is_opted_out, outcome.origin)


def test_a_timestamp_of_zero_is_the_time_of_receipt() -> None:
    """Zero occurs and means nothing."""
    assert NOW == read_one(MESSENGER, messenger(event(timestamp=0, message=text()))).sent_at


def test_keys_are_ids_where_there_are_some() -> None:
    """A message is its mid; taking it back is another item; events without a mid are their content."""
    events = [
        event(message=text(mid="m_7")),
        event(timestamp=1, message=text("other words", mid="m_7")),
        event(message={"mid": "m_7", "is_deleted": True}),
        event(optin={"ref": "a"}),
        event(optin={"ref": "a"}),
        event(timestamp=2, optin={"ref": "a"}),
    ]
    keys = [item.key for item in SPLITTERS[MESSENGER](dumped(messenger(*events)))]
    assert keys[0] == keys[1]
    assert keys[3] == keys[4]
    assert 4 == len(set(keys))
