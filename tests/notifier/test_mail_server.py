"""The way to a mail server: encryption, credentials and addresses, before any mail is risked."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from services.notifier.clients.mail_server import MailServer, MailServerAddress
from services.notifier.domain.delivery import PermanentFailure, TemporaryFailure
from services.notifier.settings import NotifierSettings
from tests.notifier.mail_servers import Post, mail_server

SENDER = "leadline@shop.example"


def letter() -> EmailMessage:
    """A small mail."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "Hello"
    message.set_content(".\n..\nlines that begin with dots\n")
    return message


async def never() -> None:
    """Fail the test: the content must not leave."""
    raise AssertionError


async def at_once() -> None:
    """Let the content leave."""


async def test_dots_arrive_as_they_are() -> None:
    """Lines of dots end no mail early."""
    post = Post()
    async with mail_server(post) as port:
        await MailServer(MailServerAddress("127.0.0.1", port, starttls=False), envelope_sender=SENDER).deliver(
            letter(), "luz@shop.example", at_once
        )
    assert letter().get_content().splitlines() == post.received[0].get_content().splitlines()


@pytest.mark.parametrize(
    "address",
    [
        lambda port: MailServerAddress("127.0.0.1", port, starttls=True),
        lambda port: MailServerAddress("127.0.0.1", port, implicit_tls=True),
        lambda port: MailServerAddress("127.0.0.1", port, username="u", password="p", starttls=False),
    ],
)
async def test_no_mail_without_the_encryption_and_login_that_were_ordered(
    address: Callable[[int], MailServerAddress],
) -> None:
    """A server that offers no TLS, or no login, gets nothing; the mail waits for an operator."""
    post = Post()
    async with mail_server(post) as port:
        with pytest.raises(TemporaryFailure):
            await MailServer(address(port), envelope_sender=SENDER).deliver(letter(), "luz@shop.example", never)
    assert [] == post.received


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    path.write_bytes(pem + signed.public_bytes(serialization.Encoding.PEM))
    return path


def encrypting(certificate: Path) -> dict[str, Any]:
    """A server that asks for STARTTLS and for the password `right`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def check(_: object, __: object, ___: object, ____: object, given: Any) -> AuthResult:
        return AuthResult(success=given.password == b"right", handled=False)

    return {"tls_context": context, "require_starttls": True, "authenticator": check, "auth_required": True}


@pytest.mark.parametrize(("password", "is_trusted"), [("right", True), ("wrong", True), ("right", False)])
async def test_starttls_and_login(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, password: str, is_trusted: bool
) -> None:
    """A mail goes out over TLS to a server whose certificate is trusted, after signing in; otherwise it waits."""
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    post = Post()
    async with mail_server(post, **encrypting(certificate)) as port:
        address = MailServerAddress("127.0.0.1", port, username="leadline", password=password)
        delivery = MailServer(address, envelope_sender=SENDER).deliver(letter(), "luz@shop.example", at_once)
        if password == "right" and is_trusted:
            await delivery
        else:
            with pytest.raises(TemporaryFailure, match="credentials" if is_trusted else "reached"):
                await delivery
    assert (password == "right" and is_trusted) == (len(post.received) == 1)


async def test_addresses_beyond_ascii() -> None:
    """An address with other letters is given to a server that takes them."""
    post = Post()
    async with mail_server(post) as port:
        server = MailServer(MailServerAddress("127.0.0.1", port, starttls=False), envelope_sender=SENDER)
        await server.deliver(letter(), "josé@shop.example", at_once)
    assert [["josé@shop.example"]] == post.recipients


@pytest.mark.parametrize(
    "recipient", ["a b@shop.example", "luz@shop.example\r\nDATA", "luz@shop.example>\r\nRCPT TO:<x@y"]
)
async def test_no_commands_in_addresses(recipient: str) -> None:
    """An address cannot carry further commands to the server."""
    post = Post()
    async with mail_server(post) as port:
        server = MailServer(MailServerAddress("127.0.0.1", port, starttls=False), envelope_sender=SENDER)
        with pytest.raises(PermanentFailure):
            await server.deliver(letter(), recipient, never)
    assert [] == post.received


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"mail_from": "Leadline"}, "mail_from"),
        ({"smtp_username": "u", "smtp_starttls": "false"}, ""),
    ],
)
def test_settings_that_cannot_work_stop_the_start(changed: dict[str, str], field: str) -> None:
    """A sender that is no address, and a password over an open line, are refused at the start."""
    good = {
        "smtp_host": "mail.example",
        "mail_from": "Leadline <leadline@shop.example>",
        "LEADLINE_CONSOLE_URL": "https://console.example",
    }
    NotifierSettings.model_validate(good)
    with pytest.raises(ValidationError) as refusal:
        NotifierSettings.model_validate(good | changed)
    assert field == ".".join(map(str, refusal.value.errors()[0]["loc"]))
