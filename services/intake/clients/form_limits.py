"""How many posts a form takes in a minute, counted in Redis. Without Redis every post is taken."""

import time
from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.intake.domain.form_rules import FormRules
from shared.kit.addresses import counted_as
from shared.kit.clock import Clock
from shared.kit.logging import describe, get_logger
from shared.kit.privacy import keyed_hash

log = get_logger()

_MINUTE = 60
_QUIET_SECONDS = 60.0
_CHANGES_PER_POST = 20


class TooManyPosts(Exception):
    """A form, or one client address at it, has had its posts of this minute."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class FormLimits:
    """Counts by the minute of the clock; keys are keyed hashes, since an address stands for a person.

    Redis that is away or slow must cost nobody their inquiry: then nothing is counted, and it is logged once a minute.
    """

    def __init__(self, redis: Redis, clock: Clock, privacy_key: str) -> None:
        self._redis = redis
        self._clock = clock
        self._key = privacy_key
        self._complained_at = -_QUIET_SECONDS

    async def count_post(self, form: FormRules, address: str) -> None:
        """Count one post before anything of it is read; raises `TooManyPosts`."""
        await self._count_one("posts", form, address, 1)

    async def count_change(self, form: FormRules, address: str) -> None:
        """Count one change of a form that is being filled in, of which a post has several; raises `TooManyPosts`."""
        await self._count_one("changes", form, address, _CHANGES_PER_POST)

    async def _count_one(self, kind: str, form: FormRules, address: str, times: int) -> None:
        now = int(self._clock.now().timestamp())
        limits = {
            self._name(now, kind, form.form_key): form.rate_limit,
            self._name(now, kind, form.form_key, counted_as(address)): form.rate_limit_per_address,
        }
        limited = {name: limit * times for name, limit in limits.items() if limit is not None}
        if not limited:
            return
        try:
            counts = await self._count(limited.keys())
        except (RedisError, OSError) as error:
            if time.monotonic() - self._complained_at > _QUIET_SECONDS:
                self._complained_at = time.monotonic()
                log.warning("form posts are not limited", error=describe(error))
            return
        if any(count > limit for count, limit in zip(counts, limited.values(), strict=True)):
            raise TooManyPosts(_MINUTE - now % _MINUTE)

    async def _count(self, names: Iterable[str]) -> list[int]:
        async with self._redis.pipeline(transaction=True) as pipeline:
            for name in names:
                pipeline.incr(name)
                pipeline.expire(name, 2 * _MINUTE)
            answers = await pipeline.execute()
        counts: list[int] = answers[0::2]
        return counts

    def _name(self, now: int, *parts: str) -> str:
        return f"intake:posts:{now // _MINUTE}:{keyed_hash(self._key, *parts)}"
