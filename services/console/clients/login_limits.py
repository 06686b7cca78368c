"""How often one may try to sign in, counted in Redis. Without Redis nobody may."""

from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.console.domain.accounts import LimitsAway, TooManyAttempts
from shared.kit.privacy import keyed_hash

WINDOW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Most:
    """Attempts within the window: one account from one address, one account, one address."""

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
        """Count one attempt; raises `TooManyAttempts`, or `LimitsAway` when it cannot be counted."""
        counted = {
            self._name("pair", email, address): self._most.pair,
            self._name("account", email): self._most.account,
            self._name("address", address): self._most.address,
        }
        seconds = int(WINDOW.total_seconds())
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                for name in counted:
                    pipeline.incr(name)
                    pipeline.expire(name, seconds, nx=True)
                    pipeline.ttl(name)
                answers = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise LimitsAway from error
        over = [
            max(1, ttl)
            for attempts, ttl, most in zip(answers[0::3], answers[2::3], counted.values(), strict=True)
            if attempts > most
        ]
        if over:
            raise TooManyAttempts(timedelta(seconds=max(over)))

    async def forget(self, email: str, address: str) -> None:
        """Begin anew for somebody who got in; that Redis is away matters no more."""
        try:
            await self._redis.delete(self._name("pair", email, address))
        except (RedisError, OSError):
            return

    def _name(self, kind: str, *parts: str) -> str:
        return f"console:login:{kind}:{keyed_hash(self._key, *parts)}"
