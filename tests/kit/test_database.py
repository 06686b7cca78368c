"""Servers that leave: whatever they interrupt is told from an error of ours, and may be tried again."""

import asyncio

from sqlalchemy import text

from shared.kit.database import Database, is_transient


async def test_a_session_that_is_ended_anywhere_may_be_tried_again(database: Database) -> None:
    """Wherever the server's goodbye comes, between two statements too, it is transient, and the next one works."""
    errors: list[Exception] = []
    for number in range(60):
        async with database.connection() as other:
            try:
                async with database.transaction() as connection:
                    session = await connection.fetchval("SELECT pg_backend_pid()")
                    await other.execute("SELECT pg_terminate_backend($1)", session)
                    for _ in range(number % 12):
                        await asyncio.sleep(0)
            except Exception as error:
                errors.append(error)
        async with database.connection() as connection:
            assert 1 == await connection.fetchval("SELECT 1")
        async with database.connection() as other:
            try:
                async with database.session() as asked:
                    session = (await asked.exec(text("SELECT pg_backend_pid()"))).scalar_one()  # type: ignore[call-overload]
                    await other.execute("SELECT pg_terminate_backend($1)", session)
                    for _ in range(number % 12):
                        await asyncio.sleep(0)
                    await asked.exec(text("SELECT 1"))  # type: ignore[call-overload]
            except Exception as error:
                errors.append(error)
    assert errors
    assert [] == [error for error in errors if not is_transient(error)]
