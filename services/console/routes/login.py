"""Signing in and out."""

import re
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.console.domain.accounts import LimitsAway, TooManyAttempts, WrongCredentials
from services.console.domain.sessions import LIFETIME, new_token
from services.console.routes.backend import AnyBackend, Backend, Viewer, address_of, require_own_form

router = APIRouter(include_in_schema=False)

_OWN_PATH = re.compile(r"/(?![/\\])[\w\-./~%]{0,200}", re.ASCII)


@router.get("/login")
async def show_login(request: Request, backend: AnyBackend, next: str = "/") -> Response:  # noqa: A002
    """The form."""
    return _form(request, backend, own_path(next))


@router.post("/login")
async def sign_in(
    request: Request,
    backend: AnyBackend,
    email: Annotated[str, Form(max_length=320)] = "",
    password: Annotated[str, Form(max_length=4096)] = "",
    form_token: Annotated[str, Form(max_length=100)] = "",
    next: Annotated[str, Form(max_length=300)] = "/",  # noqa: A002
) -> Response:
    """Check the form, and go where its reader wanted to."""
    require_own_form(request, form_token, request.cookies.get(backend.login_cookie, ""))
    old_token = request.cookies.get(backend.session_cookie, "")
    path = own_path(next)
    try:
        token = await backend.sessions.open(email, password, address_of(request, backend), old_token)
    except WrongCredentials:
        return _form(request, backend, path, 401, email, "The address or the password is not right.")
    except TooManyAttempts as limit:
        minutes = -(-int(limit.retry_after.total_seconds()) // 60)
        answer = _form(request, backend, path, 429, email, f"Too many attempts. Try again in {minutes} min.")
        answer.headers["Retry-After"] = str(int(limit.retry_after.total_seconds()))
        return answer
    except LimitsAway:
        return _form(request, backend, path, 503, email, "Nobody can sign in right now. Try again in a minute.")
    answer = RedirectResponse(path, 303)
    _set_cookie(answer, backend, backend.session_cookie, token, int(LIFETIME.total_seconds()))
    answer.delete_cookie(backend.login_cookie, secure=backend.is_secure, httponly=True, samesite="strict")
    return answer


@router.post("/logout")
async def sign_out(
    request: Request, backend: AnyBackend, viewer: Viewer, form_token: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """End the session."""
    require_own_form(request, form_token, viewer.form_token)
    await backend.sessions.close(request.cookies.get(backend.session_cookie, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(backend.session_cookie, secure=backend.is_secure, httponly=True, samesite="lax")
    return answer


def login_redirect(request: Request) -> Response:
    """To the form, and from there back to a page that was asked for."""
    path = own_path(request.url.path) if request.method == "GET" else "/"
    return RedirectResponse("/login" if path == "/" else f"/login?next={quote(path, safe='/')}", 303)


def own_path(path: str) -> str:
    """A path of the console, or `/` for what might lead elsewhere."""
    return path if _OWN_PATH.fullmatch(path) else "/"


def _form(
    request: Request, backend: Backend, path: str, status: int = 200, email: str = "", problem: str | None = None
) -> Response:
    token = request.cookies.get(backend.login_cookie) or new_token()
    answer = backend.pages.render(
        "login.html", status, form_token=token, next=path, email=email[:320], problem=problem, viewer=None
    )
    _set_cookie(answer, backend, backend.login_cookie, token, 3600, strict=True)
    return answer


def _set_cookie(
    answer: Response, backend: Backend, name: str, value: str, seconds: int, *, strict: bool = False
) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        httponly=True,
        secure=backend.is_secure,
        samesite="strict" if strict else "lax",
    )
