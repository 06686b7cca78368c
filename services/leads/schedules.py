"""What leads does by the clock: it hands over again what was forgotten, and forgets what nobody needs."""

from datetime import datetime, timedelta, tzinfo

from services.leads.domain.hand_over import HandOverPolicy
from services.leads.storage.answers import prune_answers
from services.leads.use_cases.hand_over_again import hand_over_again
from shared.kit import inbox, schedule
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.relay import OutboxSource
from shared.kit.schedule import Job

_LIMIT = 500
_LONGEST_REST = timedelta(seconds=5)
_KEPT = timedelta(days=60)
_ANSWERS_KEPT = timedelta(days=7)


class HandOverSweep:
    """A loop that hands ready leads without an owner to assignment again; any number of workers may run it."""

    name = "hand-over sweep"

    def __init__(self, database: Database, clock: Clock, policy: HandOverPolicy) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy

    async def tick(self) -> timedelta:
        """Hand over one set, and go on at once while there are more."""
        async with self._database.transaction() as connection:
            handed = await hand_over_again(connection, self._clock.now(), self._policy, _LIMIT)
        return timedelta(0) if handed == _LIMIT else min(self._policy.first, _LONGEST_REST)


def prune_job(database: Database, source: OutboxSource, clock: Clock, zone: tzinfo) -> Job:
    """A nightly job that deletes what no broker can bring back and no client asks for again."""

    async def prune(_: datetime) -> None:
        async with database.transaction() as connection:
            await inbox.prune(connection, _KEPT)
            await source.prune(connection)
            await schedule.prune(connection, _KEPT)
            await prune_answers(connection, clock.now() - _ANSWERS_KEPT)

    return Job(name="prune", cron="40 3 * * *", run=prune, zone=zone)
