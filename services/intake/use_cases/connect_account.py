"""Connecting an account: step by step, so that whoever does it learns which one failed and what to do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import stamina

from services.intake.clients.graph import Credentials, GraphApi
from services.intake.domain.accounts import callback_url
from services.intake.domain.connecting import PLATFORMS, Platform, Step, StepFailed, StepReport, StepState
from services.intake.domain.graph import GraphAway, GraphBusy, GraphRefused, Refusal
from services.intake.storage.accounts import OpenAccount, get_open_account, note_failure, note_subscription
from shared.contracts.words import Channel
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.sealing import Seal, SealBroken


@dataclass(frozen=True)
class ConnectAccounts:
    """Brings accounts to the point where messages arrive. Each method may be repeated, and takes up to a minute."""

    database: Database
    seal: Seal
    clock: Clock
    graph: GraphApi
    public_url: str
    development: bool

    async def connect(self, account_id: int) -> list[StepReport]:
        """Do what is still to be done: the reports of all steps. Raises `AccountNotFound`.

        What came of it is kept with the account, which then waits for the first delivery.
        """
        return await self._walk(account_id, lambda walk: walk.connecting())

    async def check(self, account_id: int) -> list[StepReport]:
        """Look whether everything is still as it must be, and change nothing on the platform; as `connect`."""
        return await self._walk(account_id, lambda walk: walk.checking())

    async def _walk(self, account_id: int, path: Callable[["_Walk"], AsyncIterator[StepReport]]) -> list[StepReport]:
        reports: list[StepReport] = []
        try:
            async with self.database.connection() as connection:
                account = await get_open_account(connection, self.seal, account_id)
            async for report in path(_Walk(self, account)):
                reports.append(report)  # noqa: PERF401 (those before a failed step are wanted)
        except SealBroken:
            failed = StepFailed(Step.SECRETS, "a secret cannot be opened", "Enter app secret and access token again.")
            return await self._stop(account_id, reports, failed)
        except StepFailed as failed:
            return await self._stop(account_id, reports, failed)
        async with self.database.transaction() as connection:
            await note_subscription(connection, account_id, self.clock.now())
        return reports

    async def _stop(self, account_id: int, reports: list[StepReport], failed: StepFailed) -> list[StepReport]:
        async with self.database.transaction() as connection:
            await note_failure(connection, account_id, self.clock.now(), str(failed), step=failed.step)
        left = list(Step)[list(Step).index(failed.step) + 1 :]
        return [
            *(report for report in reports if report.step is not failed.step),
            StepReport(failed.step, StepState.FAILED, failed.advice),
            *(StepReport(step, StepState.OPEN) for step in left),
        ]


class _Walk:
    """One account on its way; raises `StepFailed` where it goes no further."""

    def __init__(self, tools: ConnectAccounts, account: OpenAccount) -> None:
        self._tools = tools
        self._account = account
        self._graph = tools.graph
        self._platform: Platform = PLATFORMS[account.channel]

    async def connecting(self) -> AsyncIterator[StepReport]:
        yield self._secrets()
        yield self._address()
        yield await self._access()
        yield await self._callback()
        yield await self._subscribe()
        yield self._message()

    async def checking(self) -> AsyncIterator[StepReport]:
        yield self._secrets()
        yield self._address()
        yield await self._access()
        yield await self._subscription()
        yield self._message()

    def _secrets(self) -> StepReport:
        account = self._account
        missing = [name for name in ("app_secret", "access_token") if getattr(account, name) is None]
        if missing:
            names = " and ".join(name.replace("_", " ") for name in missing)
            raise StepFailed(Step.SECRETS, f"missing: {names}", f"Enter the {names}.")
        if self._platform.needs_parent and account.parent_id is None:
            advice = f"Enter the id of {self._platform.parent} as parent_id: it is what an app is subscribed to."
            raise StepFailed(Step.SECRETS, "missing: parent_id", advice)
        return StepReport(Step.SECRETS, StepState.DONE)

    def _address(self) -> StepReport:
        parts = urlsplit(self._tools.public_url)
        if not parts.hostname:
            advice = "Set LEADLINE_PUBLIC_URL to the address at which the internet reaches intake."
            raise StepFailed(Step.ADDRESS, "LEADLINE_PUBLIC_URL is not set", advice)
        if parts.scheme != "https" and not self._tools.development:
            advice = "LEADLINE_PUBLIC_URL must begin with https: the platforms deliver to no other."
            raise StepFailed(Step.ADDRESS, "LEADLINE_PUBLIC_URL is not https", advice)
        return StepReport(Step.ADDRESS, StepState.DONE)

    async def _access(self) -> StepReport:
        await self._ask(Step.ACCESS, self._graph.get(self._account.account_id, self._credentials, fields="id"))
        return StepReport(Step.ACCESS, StepState.DONE)

    async def _callback(self) -> StepReport:
        """Enter our address into the app; the Graph API shakes hands with it before it answers."""
        account = self._account
        if account.app_id is None:
            if account.channel is Channel.WHATSAPP:
                # The subscription brings the address along.
                return StepReport(Step.CALLBACK, StepState.DONE)
            advice = (
                f"Enter {self._url} and the verify token in the app's dashboard, object {self._platform.object}, with"
                f" the fields {', '.join(self._platform.fields)}. With app_id this is done for you."
            )
            return StepReport(Step.CALLBACK, StepState.YOURS, advice)
        assert account.app_secret is not None
        asked = self._graph.post
        credentials = Credentials.of_app(account.app_id, account.app_secret)
        values = {
            "object": self._platform.object,
            "callback_url": self._url,
            "verify_token": account.verify_token,
            "fields": ",".join(self._platform.fields),
        }
        path = f"{account.app_id}/subscriptions"
        await self._ask(Step.CALLBACK, _patiently(lambda: asked(path, credentials, **values)))
        return StepReport(Step.CALLBACK, StepState.DONE)

    async def _subscribe(self) -> StepReport:
        account = self._account
        if account.channel is Channel.WHATSAPP:
            values = {"override_callback_uri": self._url, "verify_token": account.verify_token}
        else:
            values = {"subscribed_fields": ",".join(self._platform.fields)}
        path, credentials, asked = f"{account.subscribed_id}/subscribed_apps", self._credentials, self._graph.post
        await self._ask(Step.SUBSCRIPTION, _patiently(lambda: asked(path, credentials, **values)))
        return await self._subscription()

    async def _subscription(self) -> StepReport:
        """See that the platform lists a subscription, whatever it answered when it was asked for one."""
        path = f"{self._account.subscribed_id}/subscribed_apps"
        found = await self._ask(Step.SUBSCRIPTION, self._graph.get(path, self._credentials))
        if not found.get("data"):
            advice = "The app is not subscribed: connect the account again."
            raise StepFailed(Step.SUBSCRIPTION, "no app is subscribed", advice)
        return StepReport(Step.SUBSCRIPTION, StepState.DONE)

    def _message(self) -> StepReport:
        last: datetime | None = self._account.last_delivery_at
        if last is None:
            return StepReport(Step.MESSAGE, StepState.WAITING, self._platform.test)
        return StepReport(Step.MESSAGE, StepState.DONE)

    @property
    def _credentials(self) -> Credentials:
        assert self._account.access_token is not None
        return Credentials(self._account.access_token, self._account.app_secret)

    @property
    def _url(self) -> str:
        url = callback_url(self._tools.public_url, self._account.channel)
        assert url is not None
        return url

    async def _ask(self, step: Step, asked: Awaitable[dict[str, object]]) -> dict[str, object]:
        try:
            return await asked
        except GraphRefused as error:
            raise StepFailed(step, f"the Graph API refused: {error}", error.advice) from None
        except GraphBusy as error:
            minutes = max(1, round(error.pause.total_seconds() / 60))
            raise StepFailed(step, f"the Graph API is busy: {error}", f"Try again in {minutes} min.") from None
        except GraphAway as error:
            advice = "Try again; if it stays so, see whether this machine may reach INTAKE_GRAPH_URL."
            raise StepFailed(step, f"the Graph API is away: {error}", advice) from None


async def _patiently(asked: Callable[[], Awaitable[dict[str, object]]]) -> dict[str, object]:
    """Ask again when the handshake failed: each process knows a new verify token after its next look, in a second."""
    async for attempt in stamina.retry_context(
        on=_is_handshake, attempts=3, timeout=30, wait_initial=1.2, wait_max=1.5, wait_jitter=0.1
    ):
        with attempt:
            return await asked()
    raise AssertionError("the last attempt returns or raises")


def _is_handshake(error: Exception) -> bool:
    return isinstance(error, GraphRefused) and error.refusal is Refusal.CALLBACK
