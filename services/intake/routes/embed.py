"""`/embed.js`, the script that captures forms, and in development a page that shows it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent / "static"
_SCRIPT = (_FOLDER / "embed.js").read_bytes()
_SCRIPT_HEADERS = {
    # Pages of any origin load it, also those with an integrity check or an isolated document.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    # A change reaches every page within five minutes; asking again costs a few bytes.
    "Cache-Control": "public, max-age=300",
    "ETag": f'"{hashlib.sha256(_SCRIPT).hexdigest()[:32]}"',
}
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Embed:
    """The script, outside FastAPI; the page is there in development only."""

    has_demo: bool = False

    def routes(self) -> list[Route]:
        """The script, and perhaps the page with what it needs."""
        script = Route("/embed.js", self.script, methods=["GET", "HEAD"])
        if not self.has_demo:
            return [script]
        return [
            script,
            Route("/demo/booking", self.page, methods=["GET"]),
            Route("/demo/booking.js", self.page_script, methods=["GET"]),
            Route("/demo/booking.css", self.page_style, methods=["GET"]),
        ]

    async def script(self, request: Request) -> Response:
        """The script, or 304 for who has it."""
        tags = request.headers.get("if-none-match", "").replace("W/", "").split(",")
        if _SCRIPT_HEADERS["ETag"] in [tag.strip() for tag in tags]:
            return Response(status_code=304, headers=_SCRIPT_HEADERS)
        return Response(_SCRIPT, headers=_SCRIPT_HEADERS, media_type="text/javascript")

    async def page(self, _: Request) -> Response:
        """A booking form in three steps."""
        return HTMLResponse((_FOLDER / "booking.html").read_bytes(), headers=_PAGE_HEADERS)

    async def page_script(self, _: Request) -> Response:
        """Its steps."""
        return Response((_FOLDER / "booking.js").read_bytes(), media_type="text/javascript")

    async def page_style(self, _: Request) -> Response:
        """Its looks."""
        return Response((_FOLDER / "booking.css").read_bytes(), media_type="text/css")
