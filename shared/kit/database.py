"""The way to Postgres: asyncpg transactions where machines hurry, SQLModel sessions where people ask."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import orjson
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.kit.signals import Signal

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SLICE = 10_000
"""How many rows a nightly deletion takes at once."""


class JsonText(str):
    """JSON that is text already: for jsonb columns of `COPY`, on connections of either kind.

    `transaction()` takes any other value for a jsonb column as the object that is to be JSON.
    """

    __slots__ = ()


NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

_TRANSIENT = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.PostgresSystemError,
    # The server took its leave between two statements, which the driver notices as being out of step with it.
    asyncpg.InternalClientError,
    ConnectionError,
    TimeoutError,
    OSError,
)
_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)


def is_transient(error: BaseException) -> bool:
    """Whether waiting and trying again is the answer: the database is away, full, starting or not migrated yet."""
    error = _driver_error(error)
    if isinstance(error, _TRANSIENT):
        return True
    # Client-side "the connection is closed" and kin; a wrong argument is an InterfaceError as well, and a ValueError.
    return isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)


def is_conflict(error: BaseException) -> bool:
    """Whether the whole transaction lost a race and may be run again at once."""
    return isinstance(_driver_error(error), _CONFLICTS)


def _driver_error(error: BaseException) -> BaseException:
    """asyncpg's own error within SQLAlchemy's two wrappers, or the error itself."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def violated_constraint(error: BaseException) -> str | None:
    """The name of the constraint that refused a write, which services map to an error of their own."""
    return getattr(_driver_error(error), "constraint_name", None)


class _DatabaseConnection(asyncpg.Connection):
    """A connection that carries the ids which `sequences.take_ids` has fetched ahead, by sequence."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.spare_ids: dict[str, deque[int]] = {}


class Database:
    """One service's database.

    `transaction()` is for consumers, relays and other hot paths with set-based SQL: an asyncpg connection whose
    jsonb columns are Python objects. `session()` is for REST: an SQLModel session. `driver(session)` gives the
    asyncpg connection of a session's transaction, so that both can write to the outbox; its jsonb is text, so
    SQL that both use passes JSON as text. Isolation is READ COMMITTED: each statement has a fresh snapshot.
    """

    def __init__(self, url: str, *, pool_size: int = 6, statement_timeout_seconds: float = 30.0) -> None:
        self._url = url
        self._pool_size = pool_size
        self._command_timeout = statement_timeout_seconds + 5
        self._server_settings = {
            "statement_timeout": str(int(statement_timeout_seconds * 1000)),
            "idle_in_transaction_session_timeout": "60000",
            "timezone": "UTC",
            # A peer that vanished without a word is noticed in half a minute, by the server, which then frees its
            # locks, and by us through the command timeout.
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
            "tcp_user_timeout": "20000",
            # Batches run few statements over many rows; compiling them costs more than it saves.
            "jit": "off",
            # As on every disk without a head. With the default, Postgres reads a table of 100,000 rows from end to end
            # rather than look 300 of them up by key, and keeps doing so, as plans of batches are kept.
            "random_page_cost": "1.1",
        }
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._engine: AsyncEngine | None = None
        # Set when a transaction of this process was committed, so that a relay need not wait for its next poll.
        self.committed = Signal()

    async def open(self) -> None:
        """Make the pools. Connects on first use, so that a service starts while its database is still away."""
        self._pool = asyncpg.create_pool(
            self._url,
            connection_class=_DatabaseConnection,
            min_size=0,
            max_size=self._pool_size,
            server_settings=self._server_settings,
            init=_init_connection,
            reset=_no_reset,
            timeout=10,
            command_timeout=self._command_timeout,
        )
        await self._pool
        self._engine = create_async_engine(
            # asyncpg reads the URL itself, with all of its options.
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=self._pool_size,
            max_overflow=0,
            pool_pre_ping=True,
        )

    async def _connect(self) -> Connection:
        connection: Connection = await asyncpg.connect(
            self._url,
            connection_class=_DatabaseConnection,
            server_settings=self._server_settings,
            timeout=10,
            command_timeout=self._command_timeout,
        )
        return connection

    async def close(self) -> None:
        """Close all connections; those in use are cut after 5 s."""
        if self._engine:
            await self._engine.dispose()
        if self._pool:
            try:
                async with asyncio.timeout(5):
                    await self._pool.close()
            except TimeoutError:
                self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """An asyncpg connection outside a transaction: each statement commits by itself."""
        if self._pool is None:
            raise RuntimeError("Database.open() has not been called")
        async with self._pool.acquire() as connection:
            try:
                yield connection  # type: ignore[misc]
            except asyncpg.InternalClientError:
                # Nobody shall get it again, even if the server has not hung up yet.
                connection.terminate()
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """An asyncpg connection in one transaction, committed at the end and rolled back on an exception."""
        async with self.connection() as connection, connection.transaction():
            yield connection
        self.committed.set()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """An SQLModel session in one transaction, committed at the end and rolled back on an exception."""
        if self._engine is None:
            raise RuntimeError("Database.open() has not been called")
        async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
            yield session
        self.committed.set()

    async def dedicated(self) -> Connection:
        """A connection of one's own outside the pool, for locks that live as long as it does; close it yourself."""
        connection = await self._connect()
        await _init_connection(connection)
        return connection

    async def ping(self) -> None:
        """Raise within 2 s when the database cannot answer."""
        async with asyncio.timeout(2), self.connection() as connection:
            await connection.execute("SELECT 1")


async def driver(session: AsyncSession) -> Connection:
    """The asyncpg connection that a session's transaction runs on. Flush the session before relying on its rows."""
    raw = await (await session.connection()).get_raw_connection()
    connection: Connection = raw.driver_connection  # type: ignore[assignment]
    if not connection.is_in_transaction():
        # SQLAlchemy sends BEGIN with its first own statement only.
        await (await session.connection()).execute(text("SELECT 1"))
    return connection


def affected(status: str) -> int:
    """The row count in a command tag such as `UPDATE 3`."""
    return int(status.rsplit(" ", 1)[1])


async def _init_connection(connection: Any) -> None:
    # Binary, as COPY wants it: the version of the format, which is 1, and the text.
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=_jsonb,
        decoder=lambda wire: orjson.loads(wire[1:]),
        format="binary",
    )


def _jsonb(value: Any) -> bytes:
    return b"\x01" + (value.encode() if isinstance(value, JsonText) else orjson.dumps(value, default=str))


async def _no_reset(_: Any) -> None:
    """Connections carry no state between users, so the round trip of asyncpg's RESET ALL is saved."""
