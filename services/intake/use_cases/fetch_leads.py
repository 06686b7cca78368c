"""What people filled into lead forms is fetched from the Graph API, behind the webhook's back."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from services.intake.clients.graph import Credentials, GraphApi
from services.intake.domain.graph import GraphAway, GraphBusy, GraphRefused, Refusal
from services.intake.storage import accounts, lead_fetches
from services.intake.storage.accounts import OpenAccount
from services.intake.storage.lead_fetches import LeadFetch
from services.intake.storage.lead_forms import find_mapping
from shared.contracts.words import Channel
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.logging import get_logger
from shared.kit.sealing import Seal, SealBroken

log = get_logger()

_AT_ONCE = 8
_FIELDS = (
    "id,created_time,ad_id,ad_name,adset_id,adset_name,campaign_id,campaign_name,form_id,platform,is_organic,"
    "field_data,custom_disclaimer_responses"
)
NOT_CONNECTED = "lead ads: the page is not connected"
_REASONS = {
    Refusal.PERMISSION: "lead ads: no permission",
    Refusal.UNAUTHORIZED: "lead ads: the access token is not valid",
    Refusal.NOT_FOUND: "lead ads: the lead is not there",
}


@dataclass(frozen=True)
class FetchLeads:
    """Fetches the leads that receipts wait for. A lead that nobody may read puts its receipt into quarantine.

    Nothing is lost wherever this is killed: a receipt waits until its lead is kept in the transaction that lets it
    go on, and fetching twice changes nothing.
    """

    database: Database
    seal: Seal
    clock: Clock
    graph: GraphApi

    async def __call__(self) -> int:
        """Try all that are due, at most eight at once; returns how many there were."""
        async with self.database.transaction() as connection:
            due = await lead_fetches.take_due(connection, _AT_ONCE)
        pages = groupby(sorted(due, key=lambda fetch: fetch.page_id), lambda fetch: fetch.page_id)
        await asyncio.gather(*(self._fetch_page(page_id, list(fetches)) for page_id, fetches in pages))
        return len(due)

    async def _fetch_page(self, page_id: str, fetches: Sequence[LeadFetch]) -> None:
        account = await self._find_account(page_id)
        if account is None or account.access_token is None:
            for fetch in fetches:
                await self._give_up(fetch, NOT_CONNECTED, None)
            return
        credentials = Credentials(account.access_token, account.app_secret)
        if rest := self.graph.rest_of(credentials):
            await self._postpone_page(page_id, fetches, rest)
            return
        answers = await asyncio.gather(*(self._fetch(fetch, account, credentials) for fetch in fetches))
        pauses = [pause for pause in answers if pause is not None]
        if pauses:
            waiting = [fetch for fetch, pause in zip(fetches, answers, strict=True) if pause is not None]
            await self._postpone_page(page_id, waiting, max(pauses))

    async def _fetch(self, fetch: LeadFetch, account: OpenAccount, credentials: Credentials) -> timedelta | None:
        """Try one lead; how long its page must be left alone, if it must."""
        try:
            lead = await self.graph.get(fetch.leadgen_id, credentials, fields=_FIELDS)
        except GraphBusy as busy:
            await self._note(account, f"the Graph API is busy: {busy}")
            return busy.pause
        except GraphAway as away:
            await self._note(account, f"the Graph API is away: {away}")
            async with self.database.transaction() as connection:
                await lead_fetches.postpone(connection, fetch)
        except GraphRefused as refused:
            await self._give_up(fetch, _REASONS.get(refused.refusal, f"lead ads: {refused}"), account)
        else:
            await self._keep(fetch, account, lead)
        return None

    async def _keep(self, fetch: LeadFetch, account: OpenAccount, lead: dict[str, Any]) -> None:
        async with self.database.transaction() as connection:
            mapping = await find_mapping(connection, account.id, fetch.form_id)
            await lead_fetches.keep_lead(connection, fetch, {"lead": lead, **mapping})
            await accounts.note_recovery(connection, account.id)

    async def _give_up(self, fetch: LeadFetch, reason: str, account: OpenAccount | None) -> None:
        async with self.database.transaction() as connection:
            if await lead_fetches.give_up(connection, fetch, reason):
                log.warning("lead not fetched", reason=reason, page=fetch.page_id)
        if account is not None:
            await self._note(account, reason)

    async def _postpone_page(self, page_id: str, fetches: Sequence[LeadFetch], pause: timedelta) -> None:
        async with self.database.transaction() as connection:
            await lead_fetches.postpone_page(connection, page_id, [fetch.id for fetch in fetches], pause)

    async def _note(self, account: OpenAccount, error: str) -> None:
        async with self.database.transaction() as connection:
            await accounts.note_failure(connection, account.id, self.clock.now(), error)

    async def _find_account(self, page_id: str) -> OpenAccount | None:
        async with self.database.connection() as connection:
            try:
                return await accounts.find_account_of(connection, self.seal, Channel.MESSENGER, page_id)
            except SealBroken:
                log.warning("a page's secrets cannot be opened", page=page_id)
                return None
