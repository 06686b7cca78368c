"""The embedded servers, one by one and together."""

import asyncpg

from deploy.local.servers import Servers


async def test_killed_servers_start_again_with_their_data(private_servers: Servers) -> None:
    """Killed servers start again on the same ports and still have what was committed."""
    url = f"{private_servers.postgres.url}/postgres"
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    await private_servers.kill()

    await private_servers.start()

    again = await asyncpg.connect(url)
    assert await again.fetchval("SELECT answer FROM kept") == 42
    await again.close()
    connection.terminate()


async def test_databases_are_empty_and_apart(database_url: str, bootstrap_servers: str) -> None:
    """A test's database has no tables."""
    connection = await asyncpg.connect(database_url)
    tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    assert tables == 0
    assert bootstrap_servers.startswith("127.0.0.1:")
