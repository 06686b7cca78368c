"""Where the platforms keep what people sent: only there, and never anywhere that somebody merely names."""

import asyncio
import hashlib
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO

import httpx2

from services.intake.clients.graph import Credentials
from services.intake.domain.media import HEAD_BYTES

# Meta's own hosts for files; whoever may make names below these is Meta.
_HOSTS = re.compile(r"[a-z0-9.-]+\.(fbsbx\.com|fbcdn\.net|cdninstagram\.com|whatsapp\.net)")
_TIMEOUT = httpx2.Timeout(20.0, connect=5.0)
_PATIENCE_SECONDS = 180.0
_GONE = (401, 403, 404, 410)


class MediaRefused(Exception):
    """This file will not be had from there; the text is fit for operators."""


class MediaAway(Exception):
    """It cannot be had now."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file on our disk, at its beginning; gone when the block ends."""

    file: IO[bytes]
    size: int
    sha256: str
    head: bytes


class MediaHosts:
    """Downloads from the platforms' hosts, by https, and from the Graph API's own address. Follows no redirects."""

    def __init__(self, http: httpx2.AsyncClient, graph_url: str, largest_bytes: int) -> None:
        self._http = http
        self._graph = _origin(httpx2.URL(graph_url))
        self._largest = largest_bytes

    @asynccontextmanager
    async def download(self, url: str, credentials: Credentials | None) -> AsyncIterator[Download]:
        """A file of at most the largest size; raises `MediaRefused` and `MediaAway`. Nothing is kept in memory."""
        place = self._place(url)
        # As it is kept: what is unpacked here could be any size.
        headers = {"Accept-Encoding": "identity"}
        if credentials:
            headers["Authorization"] = f"Bearer {credentials.access_token}"
        # Not a spooled one: large files may come side by side.
        with tempfile.TemporaryFile() as file:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    found = await self._read(place, headers, file)
            except (httpx2.HTTPError, TimeoutError) as error:
                # Not chained: its request holds the token.
                raise MediaAway(f"no answer ({type(error).__name__})") from None
            yield found

    async def _read(self, place: httpx2.URL, headers: dict[str, str], file: IO[bytes]) -> Download:
        digest, size, head = hashlib.sha256(), 0, b""
        async with self._http.stream("GET", place, headers=headers, timeout=_TIMEOUT, follow_redirects=False) as answer:
            if answer.status_code in _GONE:
                raise MediaRefused("the platform does not give it any more")
            if answer.status_code != 200:
                raise MediaAway(f"status {answer.status_code}")
            async for chunk in answer.aiter_raw():
                size += len(chunk)
                if size > self._largest:
                    raise MediaRefused("too large")
                digest.update(chunk)
                if len(head) < HEAD_BYTES:
                    head = (head + chunk)[:HEAD_BYTES]
                await asyncio.to_thread(file.write, chunk)
        file.seek(0)
        return Download(file, size, digest.hexdigest(), head)

    def _place(self, url: str) -> httpx2.URL:
        """The address, read by who will ask there, so that no two readers can differ about its host."""
        try:
            place = httpx2.URL(url)
        except (httpx2.InvalidURL, ValueError):
            raise MediaRefused("its address is none") from None
        if place.userinfo:
            raise MediaRefused("its address is not the platform's")
        is_platform = place.scheme == "https" and place.port in (None, 443) and _HOSTS.fullmatch(place.host)
        if not is_platform and _origin(place) != self._graph:
            raise MediaRefused("its address is not the platform's")
        return place


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
