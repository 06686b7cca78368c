"""Who may deliver: the secrets of the environment and those of all connected accounts, always at hand."""

from collections.abc import Mapping
from datetime import timedelta

from services.intake.storage.accounts import DoorKeys, read_door_keys, read_fingerprint
from shared.kit.database import Database
from shared.kit.sealing import Seal

_EVERY = timedelta(seconds=1)


class TrustedApps:
    """A loop that reads the accounts anew when somebody changed them: within a second, in every process with a door.

    Doors ask `keys`, which asks nobody. While the database is away the last known keys go on working.
    """

    name = "trusted apps"

    def __init__(self, database: Database, seal: Seal, fixed: Mapping[str, DoorKeys]) -> None:
        self._database = database
        self._seal = seal
        self._fixed = fixed
        self._fingerprint: tuple[int, int, int] | None = None
        self._keys = dict(fixed)

    def keys(self, door: str) -> DoorKeys:
        """What opens a door now."""
        return self._keys[door]

    async def tick(self) -> timedelta:
        """Look for changes; raises while the database is away."""
        async with self._database.connection() as connection:
            # Before the keys: a change in between makes the next look find a difference.
            fingerprint = await read_fingerprint(connection)
            if fingerprint != self._fingerprint:
                connected = await read_door_keys(connection, self._seal)
                self._keys = {door: fixed + connected[door] for door, fixed in self._fixed.items()}
                self._fingerprint = fingerprint
        return _EVERY
