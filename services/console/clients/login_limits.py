"""How often one may try to sign in, counted in Redis. Without Redis nobody may."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.console.domain.accounts import LimitsAway, TooManyAttempts
from shared.kit.addresses import counted_as
from shared.kit.privacy import keyed_hash

WINDOW = timedelta(minutes=15)
_SECONDS = int(WINDOW.total_seconds())


@dataclass(frozen=True, slots=True)
class Most:
    """Attempts within the window: one account from one address, one account, one address.

    What one address may add to an account's count is far below the account's limit, so that nobody can lock somebody
    out from one computer.
    """

    pair: int = 5
    account: int = 30
    address: int = 60


class LoginLimits:
    """Counts attempts before they are made; keys are keyed hashes, since they stand for people."""

    def __init__(self, redis: Redis, privacy_key: str, most: Most = Most()) -> None:
        self._redis = redis
        self._key = privacy_key
        self._most = most

    async def count_attempt(self, email: str, address: str) -> None:
        """Count one attempt; raises `TooManyAttempts`, or `LimitsAway` when it cannot be counted.

        One that is refused for its address does not count against the account.
        """
        address = counted_as(address)
        pair, account, alone = self._names(email, address)
        await self._count({pair: self._most.pair, alone: self._most.address})
        await self._count({account: self._most.account})

    async def give_back(self, email: str, address: str) -> None:
        """Take back the attempt of somebody who got in, and forget those before it; that Redis is away is no matter."""
        address = counted_as(address)
        pair, account, alone = self._names(email, address)
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.delete(pair)
                for name in (account, alone):
                    pipeline.decr(name)
                    # A window that ended meanwhile would begin anew without an end.
                    pipeline.expire(name, _SECONDS, nx=True)
                await pipeline.execute()
        except (RedisError, OSError):
            return

    async def _count(self, most: Mapping[str, int]) -> None:
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                for name in most:
                    pipeline.incr(name)
                    pipeline.expire(name, _SECONDS, nx=True)
                    pipeline.ttl(name)
                answers = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise LimitsAway from error
        over = [
            max(1, ttl)
            for attempts, ttl, limit in zip(answers[0::3], answers[2::3], most.values(), strict=True)
            if attempts > limit
        ]
        if over:
            raise TooManyAttempts(timedelta(seconds=max(over)))

    def _names(self, email: str, address: str) -> tuple[str, str, str]:
        return self._name("pair", email, address), self._name("account", email), self._name("address", address)

    def _name(self, kind: str, *parts: str) -> str:
        return f"console:login:{kind}:{keyed_hash(self._key, *parts)}"
