"""Real SMTP servers on ports of their own, each with one way to behave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Post:
    """A server's handler: what it answers, and what it took. `answers` are used up first, then all is accepted."""

    at_recipient: list[str] = field(default_factory=list)
    at_content: list[str] = field(default_factory=list)
    dies_after_content: bool = False
    delay_seconds: float = 0.0
    received: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    server: SMTP | None = None
    content_reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient, or answer what was ordered."""
        if self.at_recipient:
            return self.at_recipient.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail; then accept it, answer what was ordered, or die."""
        self.content_reached.set()
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.at_content:
            return self.at_content.pop(0)
        content = envelope.original_content or b""
        self.received.append(message_from_bytes(content, policy=default))
        self.recipients.append(envelope.rcpt_tos)
        if self.dies_after_content:
            transport: Any = server.transport
            transport.abort()
            raise ConnectionResetError
        return "250 OK"


@contextlib.asynccontextmanager
async def mail_server(post: Post, **options: Any) -> AsyncIterator[int]:
    """Run a server with this behaviour and give its port; `options` are aiosmtpd's."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(post, hostname="mail.test", enable_SMTPUTF8=True, loop=loop, **options), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
