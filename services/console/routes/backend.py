"""What every page needs, taken from the app it is part of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from services.console.clients.mail_folder import MailFolder
from services.console.clients.services import ServicesClient
from services.console.domain.accounts import Account, Person
from services.console.domain.sessions import form_token, same
from services.console.routes.rendering import Pages
from services.console.use_cases.keep_sessions import Sessions
from services.console.use_cases.read_overview import OverviewReader
from shared.kit.addresses import Network, client_address
from shared.kit.clock import Clock
from shared.kit.problems import Problem


@dataclass(frozen=True)
class Backend:
    """The app's `state.backend`; cookies are `is_secure` outside development, and `mails` is None without a catcher.

    `trusted_proxies` are believed when they say for whom they ask.
    """

    sessions: Sessions
    services: ServicesClient
    overview: OverviewReader
    pages: Pages
    mails: MailFolder | None
    clock: Clock
    is_secure: bool
    trusted_proxies: Sequence[Network] = ()

    @property
    def session_cookie(self) -> str:
        """Its name; the prefix makes browsers refuse one that another host or path set."""
        return "__Host-leadline-session" if self.is_secure else "leadline-session"

    @property
    def login_cookie(self) -> str:
        """The name of the cookie that ties the login form to a browser."""
        return "__Host-leadline-login" if self.is_secure else "leadline-login"


@dataclass(frozen=True)
class SignedIn:
    """Who looks at a page; `person` is None while assignment does not tell their role."""

    account: Account
    person: Person | None
    form_token: str


def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


AnyBackend = Annotated[Backend, Depends(_backend)]


async def _signed_in(request: Request, backend: AnyBackend) -> SignedIn:
    token = request.cookies.get(backend.session_cookie, "")
    account = await backend.sessions.account(token, is_used="refresh" not in request.query_params)
    return SignedIn(account, await backend.sessions.person(account), form_token(token))


Viewer = Annotated[SignedIn, Depends(_signed_in)]


def address_of(request: Request, backend: Backend) -> str:
    """Where a request comes from, past proxies that are trusted."""
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    return client_address(peer, forwarded, backend.trusted_proxies)


def require_own_form(request: Request, sent: str, expected: str) -> None:
    """Raise a 403 `Problem` for a form that another site sent: its token, or where the browser says it comes from."""
    origin = request.headers.get("origin")
    is_foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") or (
        origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    )
    if is_foreign or not same(sent, expected):
        raise Problem(403, "This form is not valid any more. Open the page again.")
