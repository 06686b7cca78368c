"""Errors as pages, for people; machines still get problem documents."""

from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.console.domain.accounts import NotSignedIn
from services.console.routes.backend import Backend
from services.console.routes.login import login_redirect
from shared.kit.problems import Problem


def install(app: FastAPI) -> None:
    """Answer those who are not signed in with the form, and errors of pages with a page."""

    async def on_not_signed_in(request: Request, _: Exception) -> Response:
        return login_redirect(request)

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return _answer(request, error)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _answer(request, Problem(error.status_code, str(error.detail), headers=error.headers))

    async def on_invalid(request: Request, _: Exception) -> Response:
        return _answer(request, Problem(422, "The address or the form holds something that cannot be right."))

    app.add_exception_handler(NotSignedIn, on_not_signed_in)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)


def _answer(request: Request, problem: Problem) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return problem.response()
    backend: Backend = request.app.state.backend
    answer = backend.pages.render(
        "error.html",
        problem.status,
        title=HTTPStatus(problem.status).phrase,
        detail=problem.detail,
        viewer=None,
    )
    answer.headers.update(problem.headers or {})
    return answer
