"""A mail server, spoken to in steps, so that it is known on which side of the content a failure lies."""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage

import aiosmtplib

from services.notifier.domain.delivery import PermanentFailure, TemporaryFailure, UnknownDelivery

_SECONDS = 20.0
_CONTENT_SECONDS = 60.0
_ENHANCED_CODE = re.compile(r"^[245]\.\d{1,3}\.\d{1,3}\b")
_UNSENDABLE = re.compile(r"[\s<>\x00-\x1f\x7f]")

Begin = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class MailServerAddress:
    """Where the mail server is and how to sign in. Implicit TLS, from the first byte, makes STARTTLS moot."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    starttls: bool = True
    implicit_tls: bool = False


class MailServer:
    """Hands over one mail per connection. No call lasts longer than three minutes."""

    def __init__(self, address: MailServerAddress, *, envelope_sender: str) -> None:
        self._address = address
        self._sender = envelope_sender

    async def deliver(self, message: EmailMessage, recipient: str, begin: Begin) -> None:
        """Hand a mail over; returns once the server took responsibility for it.

        `begin` is awaited when the server has accepted sender and recipient, right before the content leaves; what
        it raises is passed on, and nothing is handed over then. Raises `TemporaryFailure` or `PermanentFailure`
        when the mail certainly did not arrive, `UnknownDelivery` when the connection died after `begin`.
        """
        content = message.as_bytes()
        client = await self._connect()
        try:
            await self._envelope(client, recipient)
            await begin()
            await _send_content(client, content)
        finally:
            await _leave(client)

    async def _connect(self) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(
            hostname=self._address.host,
            port=self._address.port,
            username=self._address.username,
            password=self._address.password,
            local_hostname=socket.gethostname(),
            timeout=_SECONDS,
            use_tls=self._address.implicit_tls,
            start_tls=self._address.starttls and not self._address.implicit_tls,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                # What the server can do is asked now, since the envelope depends on it.
                await client.ehlo()
        except (aiosmtplib.SMTPException, ssl.SSLError, OSError) as error:
            client.close()
            raise _unreachable(error) from None
        return client

    async def _envelope(self, client: aiosmtplib.SMTP, recipient: str) -> None:
        if _UNSENDABLE.search(recipient):
            # aiosmtplib would cut such an address down to a part that looks like one.
            raise PermanentFailure("the member's address is not a mail address")
        options = []
        if not (recipient + self._sender).isascii():
            if not client.supports_extension("smtputf8"):
                raise PermanentFailure("the mail server takes no addresses with letters outside ASCII")
            options = ["SMTPUTF8"]
        encoding = "utf-8" if options else "ascii"
        try:
            await client.mail(self._sender, options=options, encoding=encoding)
            await client.rcpt(recipient, encoding=encoding)
        except aiosmtplib.SMTPSenderRefused as error:
            raise _refusal(error, "our sender address") from None
        except aiosmtplib.SMTPRecipientRefused as error:
            raise _refusal(error, "the member's address") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise TemporaryFailure(f"the connection was lost before the content: {type(error).__name__}") from None


async def _send_content(client: aiosmtplib.SMTP, content: bytes) -> None:
    try:
        await client.data(content, timeout=_CONTENT_SECONDS)
    except aiosmtplib.SMTPDataError as error:
        raise _refusal(error, "the content") from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise UnknownDelivery(f"the connection was lost after the content: {type(error).__name__}") from None


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye for a moment at most; what the server answers changes nothing any more."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        async with asyncio.timeout(2):
            if client.is_connected:
                await client.quit()
    client.close()


def _unreachable(error: Exception) -> TemporaryFailure:
    """Before the envelope everything is temporary: a wrong password is for us to mend, and then mails go out."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return TemporaryFailure(f"the mail server refuses our credentials ({error.code})")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return TemporaryFailure(f"the mail server {_answer(error)} to the connection")
    return TemporaryFailure(f"the mail server cannot be reached: {type(error).__name__}")


def _refusal(error: aiosmtplib.SMTPResponseException, what: str) -> TemporaryFailure | PermanentFailure:
    text = f"the mail server {_answer(error)} to {what}"
    return PermanentFailure(text) if 500 <= error.code < 600 else TemporaryFailure(text)


def _answer(error: aiosmtplib.SMTPResponseException) -> str:
    """The codes of an answer; its text often quotes the address."""
    enhanced = _ENHANCED_CODE.match(error.message)
    return f"answered {error.code}" + (f" {enhanced.group()}" if enhanced else "")
