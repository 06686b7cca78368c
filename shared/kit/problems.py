"""Errors on the wire: RFC 9457 problem documents that name the field, the rule and what to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from shared.kit.database import is_conflict, is_transient
from shared.kit.logging import describe, get_logger

log = get_logger()

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: where it is, the rule's name, and a sentence for a person."""

    field: str
    rule: str
    message: str


class Problem(Exception):
    """An error that becomes a problem document; `extra` members are added to it as they are."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "about:blank",
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.errors = errors
        self.headers = headers
        self.extra = extra

    def response(self) -> JSONResponse:
        """The problem document."""
        document: dict[str, Any] = {
            "type": self.kind,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }
        if self.errors:
            document["errors"] = [
                {"field": error.field, "rule": error.rule, "message": error.message} for error in self.errors
            ]
        return JSONResponse(document, self.status, self.headers, MEDIA_TYPE)


def invalid_field(field: str, rule: str, message: str) -> Problem:
    """The problem for one bad field."""
    return Problem(422, f"{field}: {message}", errors=[FieldError(field, rule, message)])


Translation = Callable[[Any], Problem]


def install(app: FastAPI, translations: Mapping[type[Exception], Translation]) -> None:
    """Make an app answer errors as problem documents; `translations` turn a service's own errors into problems."""

    async def on_problem(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return error.response()

    async def on_http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return Problem(error.status_code, str(error.detail), headers=error.headers).response()

    async def on_invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return _invalid(error).response()

    async def on_error(request: Request, error: Exception) -> JSONResponse:
        return _unexpected(request.url.path, error).response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    # Starlette raises again what the handler of Exception answered, so the kinds that are expected are named.
    for known in (
        DBAPIError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        OSError,
        TimeoutError,
        UnicodeEncodeError,
    ):
        app.add_exception_handler(known, on_error)
    app.add_exception_handler(Exception, on_error)
    for kind, translate in translations.items():
        app.add_exception_handler(kind, _translated(translate))


def problem_of(error: Exception, path: str, translations: Mapping[type[Exception], Translation]) -> Problem:
    """The problem that an app with these translations would answer to an error; the unexpected is logged."""
    if isinstance(error, Problem):
        return error
    translate = next((translations[kind] for kind in type(error).__mro__ if kind in translations), None)
    return translate(error) if translate else _unexpected(path, error)


def _translated(translate: Translation) -> Callable[[Request, Exception], JSONResponse]:
    def handle(_: Request, error: Exception) -> JSONResponse:
        return translate(error).response()

    return handle


def _invalid(error: RequestValidationError) -> Problem:
    errors = []
    for found in error.errors():
        place = [str(part) for part in found["loc"] if part not in ("body", "query", "path", "header")]
        errors.append(FieldError(".".join(place) or "body", found["type"], found["msg"]))
    return Problem(422, "; ".join(f"{one.field}: {one.message}" for one in errors), errors=errors)


def _unexpected(path: str, error: Exception) -> Problem:
    cause: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig.__cause__ or error.orig
    if is_conflict(cause):
        return Problem(503, "Others changed the same thing at the same time; try again.", headers={"Retry-After": "1"})
    if is_transient(cause):
        log.warning("request refused", path=path, error=describe(cause))
        return Problem(503, "A server that this needs is away; try again.", headers={"Retry-After": "5"})
    refused_argument = isinstance(cause, asyncpg.InterfaceError) and isinstance(cause, ValueError)
    if refused_argument or isinstance(cause, (asyncpg.DataError, UnicodeEncodeError)):
        # NUL, lone surrogates, numbers beyond 64 bits: accepted by JSON, refused by Postgres.
        return Problem(422, "A value holds characters or a number that cannot be stored.")
    log.error("request failed", path=path, error=describe(error), exc_info=error)
    return Problem(500, "Something went wrong here; it was logged.")
