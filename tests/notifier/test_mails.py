"""Mails: nothing that people write reaches a header or the markup."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.mails import LeadFacts, MailComposer

COMPOSER = MailComposer(sender="Leadline <leadline@shop.example>", console_url="https://console.example")
HEADERS = ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]
NO_SURROGATES = st.text(st.characters(exclude_categories=["Cs"]))


def compose(name: str = "Ana", words: str = "Hola", number: str = "LEAD-20260424-001") -> EmailMessage:
    """The mail as a receiver parses it."""
    message = COMPOSER.lead_assigned(
        notification_id=UUID(int=7),
        recipient="luz@shop.example",
        lead=LeadFacts(number=number, name=name, channel="form", first_words=words, is_repeat=True),
        now=datetime(2026, 4, 24, tzinfo=UTC),
    )
    return message_from_bytes(message.as_bytes(), policy=default)


def html(message: EmailMessage) -> str:
    """The mail's HTML."""
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def test_line_ends_in_a_name_add_no_header() -> None:
    """A name with line ends and a header in it stays one line of the subject."""
    mail = compose(name="Ana\r\nBcc: everybody@shop.example\n\n<b>body</b>")
    assert "New lead LEAD-20260424-001: Ana Bcc: everybody@shop.example <b>body</b> (web form)" == mail["Subject"]
    assert HEADERS == sorted(mail.keys())


def test_markup_is_text() -> None:
    """What a person writes is text in the HTML, not markup."""
    mail = compose(name="<img src=x onerror=alert(1)>", words="<script>alert(1)</script>")
    assert "<script" not in html(mail)
    assert "<img" not in html(mail)
    assert "&lt;script&gt;" in html(mail)


@given(name=NO_SURROGATES, words=NO_SURROGATES, number=NO_SURROGATES)
def test_any_text_makes_a_mail_with_the_same_headers(name: str, words: str, number: str) -> None:
    """Whatever people write, the mail has the same headers, one recipient, and two parts."""
    mail = compose(name, words, number)
    assert HEADERS == sorted(mail.keys())
    assert "luz@shop.example" == mail["To"]
    assert ["text/plain", "text/html"] == [part.get_content_type() for part in mail.iter_parts()]


def test_the_content_is_seven_bit() -> None:
    """Mail servers without 8BITMIME pass it on unchanged."""
    message = COMPOSER.lead_assigned(
        notification_id=UUID(int=7),
        recipient="luz@shop.example",
        lead=LeadFacts("LEAD-20260424-001", "Ana Gómez 🌴", "whatsapp", "¡Hola! " * 500, is_repeat=False),
        now=datetime(2026, 4, 24, tzinfo=UTC),
    )
    assert message.as_bytes().isascii()
    assert all(len(line) <= 998 for line in message.as_bytes().splitlines())
