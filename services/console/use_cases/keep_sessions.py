"""Open and end sessions, and find out who is behind one."""

from services.console.clients.login_limits import LoginLimits
from services.console.clients.services import ServicesClient, Unanswered
from services.console.domain.accounts import (
    LONGEST_PASSWORD,
    NO_MEMBER,
    Account,
    NotSignedIn,
    Person,
    WrongCredentials,
    normalised_email,
)
from services.console.domain.passwords import Passwords
from services.console.domain.sessions import SEEN_EVERY, new_token, token_hash
from services.console.storage import accounts, sessions
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.logging import get_logger

log = get_logger()


class Sessions:
    """Sessions of people."""

    def __init__(
        self, *, database: Database, limits: LoginLimits, passwords: Passwords, services: ServicesClient, clock: Clock
    ) -> None:
        self._database = database
        self._limits = limits
        self._passwords = passwords
        self._services = services
        self._clock = clock

    async def open(self, email: str, password: str, address: str, old_token: str) -> str:
        """Sign somebody in and return the token of a new session; one that was open in this browser ends.

        Every attempt is counted before it is made. Raises `WrongCredentials`, `TooManyAttempts`, or `LimitsAway`.
        """
        try:
            email = normalised_email(email)
        except ValueError:
            email = ""
        await self._limits.count_attempt(email, address)
        async with self._database.connection() as connection:
            known = await accounts.find(connection, email)
        is_right = await self._passwords.verify(password[:LONGEST_PASSWORD], known.password_hash if known else None)
        if known is None or not is_right:
            log.info("sign-in refused")
            raise WrongCredentials
        await self._limits.give_back(email, address)
        token = new_token()
        async with self._database.transaction() as connection:
            await sessions.remove(connection, token_hash(old_token))
            await sessions.add(connection, token_hash(token), known.account.id, self._clock.now())
        log.info("signed in", account=known.account.id)
        return token

    async def close(self, token: str) -> None:
        """End a session."""
        async with self._database.connection() as connection:
            await sessions.remove(connection, token_hash(token))

    async def account(self, token: str, *, is_used: bool = True) -> Account:
        """The account of a session; raises `NotSignedIn` when it has ended.

        Not `is_used` is a page that refreshes itself while nobody may be there: the session does not live longer by it.
        """
        if not token:
            raise NotSignedIn
        now = self._clock.now()
        async with self._database.connection() as connection:
            session = await sessions.find(connection, token_hash(token), now)
            if session is None:
                raise NotSignedIn
            if is_used and now - session.last_seen_at > SEEN_EVERY:
                await sessions.touch(connection, token_hash(token), now)
        return session.account

    async def person(self, account: Account) -> Person | None:
        """As whom an account acts now, or None when assignment does not tell; raises `NotSignedIn` for a former member.

        An account of no member acts with the role it was given, under the id 0, which no member has.
        """
        if account.member_id is None:
            return Person(NO_MEMBER, account.role)
        try:
            role = await self._services.find_role(account.member_id)
        except Unanswered:
            return None
        if role is None:
            raise NotSignedIn
        return Person(account.member_id, role)
