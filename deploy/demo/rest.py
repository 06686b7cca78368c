"""The internal REST interface, asked with the service token."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx2

from deploy.demo.errors import DemoFailed
from deploy.demo.target import NOTHING_RUNS, Target

T = TypeVar("T")
Document = dict[str, Any]
PAGE: Final = 200
# The system is to be watched, not to be kept busy by being watched.
_LIMITS: Final = httpx2.Limits(max_connections=6)


@dataclass(frozen=True)
class Rest:
    """Reads and writes at any of the services."""

    target: Target
    client: httpx2.AsyncClient

    @classmethod
    @asynccontextmanager
    async def open(cls, target: Target) -> "AsyncIterator[Rest]":
        """Open a connection pool for as long as the demo runs."""
        headers = {"Authorization": f"Bearer {target.service_token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=10, limits=_LIMITS) as client:
            yield cls(target, client)

    async def get(self, service: str, path: str, **query: Any) -> Document:
        """Read a document; raises `httpx2.HTTPError` when there is no good answer."""
        answer = await self.client.get(f"{self.target.urls[service]}{path}", params=query)
        answer.raise_for_status()
        document: Document = answer.json()
        return document

    async def list(self, service: str, path: str, **query: Any) -> AsyncIterator[Document]:
        """Read a list to its end, page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = await self.get(service, path, limit=PAGE, **query, **cursor)
            for item in page["items"]:
                yield item
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    async def post(self, service: str, path: str, document: Document) -> httpx2.Response:
        """Write a document and return whatever is answered."""
        return await self.client.post(f"{self.target.urls[service]}{path}", json=document)

    async def insist(self, service: str, path: str, document: Document, seconds: float) -> httpx2.Response | None:
        """Write a document once, also while the service restarts; None when there is no answer in time."""
        headers = {"Idempotency-Key": str(uuid4())}
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                answer = await self.client.post(f"{self.target.urls[service]}{path}", json=document, headers=headers)
                if answer.status_code < 500:
                    return answer
            if asyncio.get_running_loop().time() > deadline:
                return None
            await asyncio.sleep(0.3)

    async def wait_until_ready(self, seconds: float = 20.0) -> None:
        """Wait until all services can do their job; raises `DemoFailed`, naming one that cannot."""
        deadline = asyncio.get_running_loop().time() + seconds
        for service, url in self.target.urls.items():
            while not await self._is_ready(url):
                if asyncio.get_running_loop().time() > deadline:
                    raise DemoFailed(f"{service} at {url} is not ready. {NOTHING_RUNS}")
                await asyncio.sleep(0.3)

    async def _is_ready(self, url: str) -> bool:
        try:
            return (await self.client.get(f"{url}/health/ready")).status_code == 200
        except httpx2.HTTPError:
            return False
