"""One receipt for one post, however often it is sent: the part that all ways of using a form have in common."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.intake.domain.items import Item
from services.intake.storage.forms import EarlierPost, claim_post, find_post
from services.intake.storage.receipt_writer import PATIENCE_SECONDS, hurried
from services.intake.storage.receipts import add_receipts
from services.intake.use_cases.receive_delivery import Stamp
from shared.kit.database import Connection, Database

Condition = Callable[[Connection], Awaitable[None]]


class KeyUsedForOtherContent(Exception):
    """An Idempotency-Key came before with another body, that of `earlier`."""

    def __init__(self, earlier: EarlierPost) -> None:
        super().__init__()
        self.earlier = earlier


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it can be recognised: `fingerprint` says which it is, `content_hash` what it said. Keyed hashes.

    One that is keyed, by its sender, is the same for ever; another for ten minutes.
    """

    fingerprint: str
    content_hash: str
    is_keyed: bool
    received_at: datetime


async def keep_post(
    database: Database, stamp: Stamp, post: Post, item: Item, lead_uuid: UUID, *, condition: Condition | None = None
) -> EarlierPost:
    """Claim a post and write its receipt; returns what holds now: this post, or the earlier one that it repeats.

    A new post must meet the `condition`, which may raise; then nothing is written. Raises `KeyUsedForOtherContent`,
    or within seconds what is transient of a database that hangs.
    """
    async with hurried(database, PATIENCE_SECONDS) as connection, connection.transaction():
        earlier = await claim_post(
            connection,
            fingerprint=post.fingerprint,
            content_hash=post.content_hash,
            is_keyed=post.is_keyed,
            lead_uuid=lead_uuid,
            received_at=post.received_at,
        )
        if earlier is None:
            if condition is not None:
                await condition(connection)
            (receipt,) = stamp.receipts_of([item], post.received_at)
            await add_receipts(connection, [receipt._replace(lead_uuid=lead_uuid)])
    if earlier is not None:
        return _same(post, earlier)
    database.committed.set()
    return EarlierPost(lead_uuid, post.content_hash, post.received_at)


async def find_earlier(database: Database, post: Post) -> EarlierPost | None:
    """The post that this one repeats, if there is one; raises `KeyUsedForOtherContent`."""
    async with hurried(database, PATIENCE_SECONDS) as connection:
        earlier = await find_post(connection, post.fingerprint, post.received_at)
    return earlier and _same(post, earlier)


def _same(post: Post, earlier: EarlierPost) -> EarlierPost:
    if earlier.content_hash != post.content_hash:
        raise KeyUsedForOtherContent(earlier)
    return earlier
