"""Accounts: who may sign in, and as whom they act."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.words import Role

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
# The id in the tokens of accounts that belong to no member: assignment numbers members from 1.
NO_MEMBER = 0
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}")


class WrongCredentials(Exception):
    """No account has this address with this password; which of both is wrong is not told."""


class TooManyAttempts(Exception):
    """Too many attempts to sign in; worth another one after `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("too many attempts to sign in")
        self.retry_after = retry_after


class LimitsAway(Exception):
    """The counters of attempts cannot be read, so that nobody may try to sign in."""


class NotSignedIn(Exception):
    """The request has no session, or one that has ended."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. `role` counts only for an account of no member; a member's is asked of assignment."""

    id: int
    email: str
    role: Role
    member_id: int | None


@dataclass(frozen=True, slots=True)
class Person:
    """As whom the console calls the services; `member_id` is `NO_MEMBER` for an account of no member."""

    member_id: int
    role: Role


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is valid now, with its account."""

    account: Account
    last_seen_at: datetime


def normalised_email(email: str) -> str:
    """The spelling under which an address is kept; raises ValueError for what is no address."""
    email = email.strip().lower()
    if not _ADDRESS.fullmatch(email):
        raise ValueError("that is not a mail address")
    return email


def require_good_password(password: str) -> None:
    """Raise ValueError for a password that is too short or too long to be hashed."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ValueError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
