"""Send what is due: each mail at most once, and only while it is still true."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID

from services.notifier.clients.leads import InquiryOnWire, LeadsClient
from services.notifier.clients.mail_server import MailServer
from services.notifier.domain.delivery import (
    LeadsAway,
    LeaseLost,
    PermanentFailure,
    TemporaryFailure,
    UnknownDelivery,
)
from services.notifier.domain.mails import LeadFacts, MailComposer
from services.notifier.domain.notifications import (
    GIVE_UP_AFTER,
    MEMBER_UNKNOWN,
    SENDER_DIED,
    DueNotification,
    NotificationState,
    wait_after,
)
from services.notifier.storage import members, notifications
from services.notifier.use_cases.announce_notifications import announce_notifications
from shared.contracts.words import LeadStatus
from shared.kit.clock import Clock
from shared.kit.database import Connection, Database, is_conflict, is_transient
from shared.kit.identifiers import new_id
from shared.kit.logging import describe, get_logger
from shared.kit.loops import Backoff

log = get_logger()

# How long what a dead sender had in hand waits for another; a living one renews it well before.
LEASE = timedelta(seconds=20)
_RENEW_EVERY = LEASE / 4
_STOPPING_SECONDS = 5.0

Write = Callable[[Connection], Awaitable[None]]


class _Withdrawn(Exception):
    """There is nothing to tell any more; the text says why."""


class NotificationSender:
    """Leases what is due and sends it, several mails at a time.

    A notification is marked `sending`, under its lease, right before the content of its mail leaves. Whoever
    dies before that mark has sent nothing, so it is sent by another; whoever dies after it leaves an unknown,
    which is recorded as ambiguous when the lease ends. A shutdown lets the mails in hand end for 5 s.
    """

    def __init__(
        self,
        *,
        database: Database,
        leads: LeadsClient,
        mail_server: MailServer,
        composer: MailComposer,
        clock: Clock,
        at_once: int = 4,
    ) -> None:
        self._database = database
        self._leads = leads
        self._mail_server = mail_server
        self._composer = composer
        self._clock = clock
        self._at_once = at_once

    async def send_due(self) -> int:
        """Send the notifications that have waited longest, and return how many were taken in hand."""
        holder = new_id()
        # One statement that commits by itself: a transaction would nudge those who wait for commits, us among them.
        async with self._database.connection() as connection:
            due = await notifications.lease(connection, holder, self._clock.now(), LEASE, self._at_once)
        if due:
            renewing = asyncio.create_task(self._renew(holder))
            try:
                await _let_end(asyncio.gather(*(self._handle(one) for one in due)))
            finally:
                renewing.cancel()
        return len(due)

    async def _renew(self, holder: UUID) -> None:
        """Keep a lease for as long as its mails are in hand; without the database it runs out, and nothing is sent."""
        while True:
            await asyncio.sleep(_RENEW_EVERY.total_seconds())
            try:
                async with self._database.connection() as connection:
                    await notifications.renew(connection, holder, LEASE)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("lease not renewed", error=describe(error))

    async def record_abandoned(self) -> int:
        """Record as ambiguous what a dead sender had begun to hand over, and return how many."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            abandoned = await notifications.abandon(connection, SENDER_DIED, now, 100)
            if abandoned:
                await announce_notifications(connection, abandoned, NotificationState.AMBIGUOUS, SENDER_DIED, now)
        return len(abandoned)

    async def _handle(self, due: DueNotification) -> None:
        began = False

        async def begin() -> None:
            nonlocal began
            await self._begin(due)
            began = True

        try:
            recipient, message = await self._write(due)
            await self._mail_server.deliver(message, recipient, begin)
        except _Withdrawn as nothing:
            await self._end(due, NotificationState.WITHDRAWN, str(nothing))
        except (TemporaryFailure, LeadsAway) as failure:
            await self._postpone(due, str(failure))
        except PermanentFailure as failure:
            await self._end(due, NotificationState.FAILED, str(failure))
        except UnknownDelivery as failure:
            await self._end(due, NotificationState.AMBIGUOUS, str(failure))
        except LeaseLost:
            log.warning("lease lost before the mail was sent", notification=str(due.id))
        except Exception as error:
            if not is_transient(error):
                log.error("notification fails", notification=str(due.id), error=describe(error), exc_info=error)
            kind = type(error).__name__
            await (self._end(due, NotificationState.AMBIGUOUS, kind) if began else self._postpone(due, kind))
        else:
            await self._end(due, NotificationState.SENT, None)

    async def _write(self, due: DueNotification) -> tuple[str, EmailMessage]:
        """The address and the mail, if it is still to be told."""
        async with self._database.connection() as connection:
            member = await members.find(connection, due.member_id)
        if member is None:
            raise TemporaryFailure(MEMBER_UNKNOWN)
        if not member.is_active:
            raise _Withdrawn("the member is not active")
        if member.email is None:
            raise PermanentFailure("the member has no address")
        lead = await self._leads.find_lead(due.lead_id)
        if lead is None:
            raise _Withdrawn("the lead does not exist any more")
        if lead.assigned_id != due.member_id:
            raise _Withdrawn("the lead has another owner")
        if lead.status == LeadStatus.CLOSED:
            raise _Withdrawn("the lead is closed")
        first = await self._leads.find_first_inquiry(due.lead_id) or InquiryOnWire()
        facts = LeadFacts(
            number=lead.number,
            name=lead.name or first.sender.profile_name or "",
            channel=first.channel or lead.source,
            first_words=first.text or "",
            is_repeat=lead.is_repeat,
        )
        return member.email, self._composer.lead_assigned(
            notification_id=due.id, recipient=member.email, lead=facts, now=self._clock.now()
        )

    async def _begin(self, due: DueNotification) -> None:
        async with self._database.connection() as connection:
            if not await notifications.begin(connection, due, self._clock.now()):
                raise LeaseLost

    async def _postpone(self, due: DueNotification, reason: str) -> None:
        now = self._clock.now()
        if now - due.waiting_since >= GIVE_UP_AFTER:
            await self._end(due, NotificationState.FAILED, f"given up: {reason}")
            return
        log.info("notification postponed", notification=str(due.id), attempts=due.attempts, reason=reason)
        await self._insist(lambda connection: self._give_back(connection, due, reason))

    async def _give_back(self, connection: Connection, due: DueNotification, reason: str) -> None:
        now = self._clock.now()
        await notifications.postpone(connection, due, reason, now + wait_after(due.attempts), now)

    async def _end(self, due: DueNotification, state: NotificationState, reason: str | None) -> None:
        log.info("notification ended", notification=str(due.id), kind=due.kind.value, state=state.value, reason=reason)
        await self._insist(lambda connection: self._record(connection, due, state, reason))

    async def _record(
        self, connection: Connection, due: DueNotification, state: NotificationState, reason: str | None
    ) -> None:
        now = self._clock.now()
        if await notifications.end(connection, due, state, reason, now):
            await announce_notifications(connection, [due], state, reason, now)

    async def _insist(self, write: Write) -> None:
        """Write what became of a mail, also while the database is away: nobody else can know it."""
        backoff = Backoff()
        while True:
            try:
                async with self._database.transaction() as connection:
                    return await write(connection)
            except Exception as error:
                if not (is_transient(error) or is_conflict(error)):
                    raise
            await backoff.wait()


async def _let_end(work: "asyncio.Future[list[None]]") -> None:
    """Wait for the mails in hand; when cancelled, give them a moment to end, since a cut mail is an unknown one."""
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work], timeout=_STOPPING_SECONDS)
        work.cancel()
        raise
