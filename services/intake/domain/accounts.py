"""Connected accounts: which there are, which door each of them comes through, and how far connecting came."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.contracts.words import Channel

WHATSAPP_DOOR = "whatsapp"
MESSENGER_DOOR = "messenger"

DOORS = {
    Channel.WHATSAPP: WHATSAPP_DOOR,
    Channel.MESSENGER: MESSENGER_DOOR,
    Channel.INSTAGRAM: MESSENGER_DOOR,
}
"""The channels that accounts are connected for, each with its webhook. A page's Lead Ads come with its messages."""


class AccountState(StrEnum):
    """How far an account is; only the last one has been proven by something that arrived."""

    OFF = "off"
    INCOMPLETE = "incomplete"
    UNSUBSCRIBED = "unsubscribed"
    FAILED = "failed"
    WAITING = "waiting"
    CONNECTED = "connected"


class AccountFacts(Protocol):
    """What an account's state follows from."""

    is_active: bool
    app_secret: str | None
    access_token: str | None
    subscribed_at: datetime | None
    failed_step: str | None
    last_delivery_at: datetime | None


def state_of(account: AccountFacts) -> AccountState:
    """The state of an account, the first of these that is true."""
    if not account.is_active:
        return AccountState.OFF
    if account.failed_step is not None:
        return AccountState.FAILED
    if account.last_delivery_at is not None:
        return AccountState.CONNECTED
    if account.app_secret is None or account.access_token is None:
        return AccountState.INCOMPLETE
    return AccountState.WAITING if account.subscribed_at is not None else AccountState.UNSUBSCRIBED


def callback_url(public_url: str, channel: Channel) -> str | None:
    """Where the platform must deliver to; None while nobody said where the public finds us."""
    return f"{public_url.rstrip('/')}/webhooks/{DOORS[channel]}" if public_url else None
