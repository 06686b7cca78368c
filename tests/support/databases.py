"""Databases of a test's own, made from a template in a few hundredths of a second."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg

Migrate = Callable[[str], Awaitable[None]]


class Databases:
    """Makes databases on one server, and drops all of them at the end."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._made: list[str] = []
        self._templates: dict[str, str] = {}

    async def empty(self) -> str:
        """Make an empty database and return its URL."""
        return await self._make("template0")

    async def from_template(self, name: str, migrate: Migrate) -> str:
        """Make a copy of the template `name` and return its URL.

        The first call in a worker makes the template: `migrate` is called with the URL of an empty
        database and must leave no connection to it.
        """
        if name not in self._templates:
            url = await self.empty()
            await migrate(url)
            self._templates[name] = url.rsplit("/", 1)[1]
        return await self._make(self._templates[name])

    async def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected to it."""
        name = url.rsplit("/", 1)[1]
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.remove(name)

    async def drop_all(self) -> None:
        """Drop what is left of all databases made here."""
        for name in list(self._made):
            await self.drop(f"{self._server_url}/{name}")

    async def _make(self, template: str) -> str:
        name = f"test_{uuid4().hex}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._made.append(name)
        return f"{self._server_url}/{name}"

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(f"{self._server_url}/postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
