"""Group commit: deliveries that arrive together share one insert and one commit."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.intake.domain.receipts import NewReceipt
from services.intake.storage.receipts import add_receipts
from shared.kit.database import Connection, Database, is_conflict, is_transient
from shared.kit.logging import describe, get_logger

log = get_logger()

PATIENCE_SECONDS = 5.0
# Shorter than the patience, so that a connection that leads nowhere is left in time to try another one.
ATTEMPT_SECONDS = 4.0
_MOST_ROWS = 2000
_MOST_BYTES = 8 * 1024 * 1024
_MOST_WAITING_BYTES = 64 * 1024 * 1024
_ATTEMPTS = 3


class ReceiptsNotWritten(Exception):
    """The receipts are not known to be durable; the sender must deliver again."""


@asynccontextmanager
async def hurried(database: Database, seconds: float) -> AsyncIterator[Connection]:
    """A connection of the pool that is cut when what is done with it takes longer; the statement then fails.

    Nothing gentler will do: a server that cannot be reached does not answer a request to cancel either. To get a
    connection may take as long again. Raises what `is_transient` knows.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(2 * seconds), database.connection() as connection:
        cut = loop.call_later(seconds, connection.terminate)
        try:
            yield connection
        finally:
            cut.cancel()


@dataclass(slots=True)
class _Submission:
    receipts: Sequence[NewReceipt]
    size: int
    due_at: float
    done: asyncio.Future[None]


class ReceiptWriter:
    """Writes receipts in the order in which they are handed in, one insert at a time per process.

    While an insert runs, what else arrives waits and then goes into the next one together; nobody waits when the
    writer is idle. A submission that the database refuses for its own sake fails alone, and a connection that
    does not answer is cut, so that the next attempt goes over another one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Submission] = deque()
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None
        # In the order in which they become due. One timer watches over all of them: one for each would cost more than
        # all else that is done here.
        self._unfinished: deque[_Submission] = deque()
        self._watch: asyncio.TimerHandle | None = None

    async def write(self, receipts: Sequence[NewReceipt]) -> None:
        """Return when the receipts are durable; raises `ReceiptsNotWritten`, within 5 s, when they may not be."""
        size = sum([len(one.body) for one in receipts])
        if self._waiting_bytes + size > _MOST_WAITING_BYTES:
            raise ReceiptsNotWritten("too much is waiting")
        loop = asyncio.get_running_loop()
        submission = _Submission(receipts, size, loop.time() + PATIENCE_SECONDS, loop.create_future())
        self._waiting.append(submission)
        self._unfinished.append(submission)
        self._waiting_bytes += size
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all(), name="receipt writer")
        if self._watch is None:
            self._watch = loop.call_at(submission.due_at, self._give_up, loop)
        await submission.done

    async def _write_all(self) -> None:
        while self._waiting:
            batch = self._take()
            try:
                failure = await self._insert(batch)
                if failure is not None and not is_transient(failure) and len(batch) > 1:
                    for submission in batch:
                        _finish(submission, await self._insert([submission]))
                    continue
            except BaseException as error:
                for submission in batch:
                    _finish(submission, error)
                raise
            for submission in batch:
                _finish(submission, failure)
            while self._unfinished and self._unfinished[0].done.done():
                self._unfinished.popleft()

    def _take(self) -> list[_Submission]:
        batch: list[_Submission] = []
        rows = size = 0
        while self._waiting and (not batch or (rows < _MOST_ROWS and size < _MOST_BYTES)):
            submission = self._waiting.popleft()
            self._waiting_bytes -= submission.size
            # Nobody waits for this one any more: its sender was told to deliver again.
            if not submission.done.done():
                batch.append(submission)
                rows += len(submission.receipts)
                size += submission.size
        return batch

    async def _insert(self, batch: Sequence[_Submission]) -> Exception | None:
        """Insert a batch and return what went wrong; a lost race or connection is tried again at once."""
        receipts = [one for submission in batch for one in submission.receipts]
        failure: Exception | None = None
        for _ in range(_ATTEMPTS if receipts else 0):
            try:
                async with hurried(self._database, ATTEMPT_SECONDS) as connection:
                    await add_receipts(connection, receipts)
            except Exception as error:
                failure = error
                if not (is_conflict(error) or is_transient(error)):
                    break
            else:
                self._database.committed.set()
                return None
        if failure is not None:
            log.warning("receipts not written", receipts=len(receipts), error=describe(failure))
        return failure

    def _give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell those that have waited for too long, and look again when the next one will have."""
        now = loop.time()
        while self._unfinished and (self._unfinished[0].done.done() or self._unfinished[0].due_at <= now):
            submission = self._unfinished.popleft()
            if not submission.done.done():
                submission.done.set_exception(ReceiptsNotWritten("the database does not answer"))
        self._watch = None
        if self._unfinished:
            self._watch = loop.call_at(self._unfinished[0].due_at, self._give_up, loop)


def _finish(submission: _Submission, failure: BaseException | None) -> None:
    if submission.done.done():
        return
    if failure is None:
        submission.done.set_result(None)
    else:
        submission.done.set_exception(ReceiptsNotWritten(type(failure).__name__))
