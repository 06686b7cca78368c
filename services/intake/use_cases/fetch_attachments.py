"""What people sent is fetched before the platform forgets it, and kept; no inquiry waits for that."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from services.intake.clients.files import Files, FilesAway
from services.intake.clients.graph import Credentials, GraphApi
from services.intake.clients.media import MediaAway, MediaHosts, MediaRefused
from services.intake.domain.graph import GraphAway, GraphBusy, GraphRefused
from services.intake.domain.media import recognise
from services.intake.domain.values import as_text
from services.intake.storage import accounts, attachments
from services.intake.storage.accounts import OpenAccount
from services.intake.storage.attachments import AttachmentFetch
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.logging import get_logger
from shared.kit.metrics import attachments as counted
from shared.kit.sealing import Seal, SealBroken

log = get_logger()

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a file is, with what it may be had, and what is said about it."""

    url: str
    credentials: Credentials | None = None
    stated_type: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class FetchAttachments:
    """Fetches files and keeps them under random names.

    Killed anywhere, it begins again when the lease ends, and writes to the same place.
    """

    database: Database
    seal: Seal
    clock: Clock
    graph: GraphApi
    hosts: MediaHosts
    files: Files

    async def __call__(self) -> int:
        """Try all that are due, at most four at once; returns how many there were."""
        async with self.database.transaction() as connection:
            due = await attachments.take_due(connection, _AT_ONCE)
        await asyncio.gather(*(self._try(fetch) for fetch in due))
        return len(due)

    async def _try(self, fetch: AttachmentFetch) -> None:
        try:
            await self._fetch(fetch)
        except (MediaRefused, GraphRefused, SealBroken) as refused:
            await self._give_up(fetch, str(refused))
        except GraphBusy as busy:
            await self._postpone(fetch, f"the Graph API is busy: {busy}", busy.pause)
        except (MediaAway, GraphAway) as away:
            await self._postpone(fetch, f"the platform is away: {away}", None)
        except FilesAway as away:
            await self._postpone(fetch, f"the file store is away: {away}", None)
        else:
            counted.labels("stored").inc()

    async def _fetch(self, fetch: AttachmentFetch) -> None:
        if fetch.is_late:
            raise MediaRefused("the platform does not give it any more")
        found = await self._find(fetch)
        async with self.hosts.download(found.url, found.credentials) as download:
            if found.sha256 is not None and found.sha256 != download.sha256:
                raise MediaAway("it came incomplete")
            file_type = recognise(download.head, fetch.kind, found.stated_type)
            if file_type is None:
                raise MediaRefused("not of a type that is taken")
            await self.files.put(fetch.file_key, download.file)
            async with self.database.transaction() as connection:
                await attachments.note_stored(
                    connection,
                    fetch.id,
                    mime_type=file_type.mime_type,
                    ending=file_type.ending,
                    size=download.size,
                    sha256=download.sha256,
                )

    async def _find(self, fetch: AttachmentFetch) -> _Found:
        if fetch.media_id is None:
            assert fetch.url is not None
            return _Found(fetch.url)
        credentials = await self._credentials(fetch)
        if rest := self.graph.rest_of(credentials):
            raise GraphBusy(rest)
        media = await self.graph.get(fetch.media_id, credentials, phone_number_id=fetch.account)
        url = as_text(media.get("url"))
        if url is None:
            raise GraphAway("a file without an address")
        return _Found(url, credentials, as_text(media.get("mime_type")), as_text(media.get("sha256")))

    async def _credentials(self, fetch: AttachmentFetch) -> Credentials:
        account = await self._account(fetch)
        if account is None or account.access_token is None:
            raise MediaRefused("the account is not connected")
        return Credentials(account.access_token, account.app_secret)

    async def _account(self, fetch: AttachmentFetch) -> OpenAccount | None:
        async with self.database.connection() as connection:
            return await accounts.find_account_of(connection, self.seal, fetch.channel, fetch.account)

    async def _give_up(self, fetch: AttachmentFetch, reason: str) -> None:
        async with self.database.transaction() as connection:
            await attachments.note_failed(connection, fetch.id, reason)
        counted.labels("failed").inc()
        log.warning("attachment not fetched", attachment=fetch.id, reason=reason)

    async def _postpone(self, fetch: AttachmentFetch, reason: str, pause: timedelta | None) -> None:
        async with self.database.transaction() as connection:
            await attachments.postpone(connection, fetch, reason, pause)
