"""PostgreSQL's own benchmark: single rows of `leads`, each committed by itself, by 16 clients with prepared statements.

Nothing but the row of a lead, with the table's indexes and constraints: no person to be found, no claim, no history,
no outbox, and a serial from a sequence, which does not wait and leaves gaps. What a database does for who asks it once
for each lead.
"""

import asyncio
import re
from pathlib import Path
from typing import Final

import asyncpg

from deploy.local.postgres import binary

CLIENTS: Final = 16
# One for each core of a small machine: with more, pgbench takes from the server.
_THREADS: Final = 2
_PEOPLE: Final = 400_000

_ROW: Final = """
INSERT INTO leads (
    lead_uuid, number, business_date, serial, person_id, source, channel, account, thread, is_ready, is_repeat,
    created_at, updated_at, hand_over_at, language, first_name, last_name, phone, phone_key, email, email_key
)
SELECT
    uuidv7(), 'LEAD-20260302-' || n, '2026-03-02', n, n, 'form', 'form', 'summer', md5(n::text), true, false,
    now(), now(), now() + interval '1 minute', 'es', 'Ada', 'Soler', '+' || n, n::text, n || '@example.com',
    n || '@example.com'
FROM nextval('pgbench_serial') AS n;
"""


async def prepare(url: str) -> None:
    """Give an empty database of leads the people that the rows point at."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE SEQUENCE pgbench_serial CACHE 100")
        await connection.execute(
            "INSERT INTO people (created_at, updated_at) SELECT now(), now() FROM generate_series(1, $1::int)", _PEOPLE
        )
        await connection.execute("VACUUM ANALYZE people")
    finally:
        await connection.close()


async def rows_per_second(url: str, folder: Path, seconds: int) -> float:
    """Insert rows for so long, and say how many were committed per second."""
    script = folder / "pgbench.sql"
    script.write_text(_ROW)
    options = ["--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", f"--jobs={_THREADS}", f"--time={seconds}"]
    process = await asyncio.create_subprocess_exec(
        str(binary("pgbench")),
        *options,
        f"--file={script}",
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    found = re.search(rb"^tps = ([0-9.]+)", output, re.MULTILINE)
    if process.returncode != 0 or found is None:
        raise RuntimeError(f"pgbench failed: {output.decode(errors='replace')[-1000:]}")
    return float(found[1])
