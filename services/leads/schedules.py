"""What leads does by the clock: it hands over again what was forgotten, and finds what missed its target."""

from datetime import timedelta

from services.leads.domain.hand_over import TELLING, HandOverPolicy
from services.leads.use_cases.hand_over_again import hand_over_again
from services.leads.use_cases.register_inquiries import release_parked_updates
from services.leads.use_cases.tell_again import tell_again
from shared.kit.clock import Clock
from shared.kit.database import Database

_LIMIT = 500
_LONGEST_REST = timedelta(seconds=5)


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


class TellingSweep:
    """A loop that announces owners again whom notifier has not told; any number of workers may run it."""

    name = "telling sweep"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tick(self) -> timedelta:
        """Announce one set, and go on at once while there are more."""
        async with self._database.transaction() as connection:
            seen = await tell_again(connection, self._clock.now(), TELLING, _LIMIT)
        return timedelta(0) if seen == _LIMIT else _LONGEST_REST


class ParkedSweep:
    """A loop that applies updates which were registered at the same moment as their targets; one worker is at it."""

    name = "sweep of parked updates"

    def __init__(self, database: Database, clock: Clock, policy: HandOverPolicy) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy

    async def tick(self) -> timedelta:
        """Apply one set, and look again a little later."""
        async with self._database.transaction() as connection:
            await release_parked_updates(connection, self._clock.now(), self._policy, _LIMIT)
        return _LONGEST_REST
