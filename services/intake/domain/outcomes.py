"""What an adapter makes of an item."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.domain.wishes import DEFAULT_WISHES, Wishes
from shared.contracts.inquiries import FormProgress, Identity, Sender
from shared.contracts.words import Channel

LONGEST_TEXT = 20_000

Key = tuple[str, ...]
"""What makes an item the same again within its channel and account, as the splitter writes it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of an item besides its content; it is released when an operator said that it is no spam."""

    channel: Channel
    account: str
    received_at: datetime
    lead_uuid: UUID | None = None
    wishes: Wishes = DEFAULT_WISHES
    is_released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something about one person. `thread` names the conversation within channel and account, for ordering."""

    sent_at: datetime
    sender: Sender
    thread: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry(Told):
    """Somebody wrote to us. `stands_for` is the item that brings the content, where the platform holds it back.

    `takes_back_opt_out`: the text is START or its like, which is an inquiry only of who had not opted out. `progress`
    is there for a form that may not be finished.
    """

    kind: str
    text: str | None = None
    content: dict[str, Any] = field(default_factory=dict)
    attribution: dict[str, Any] = field(default_factory=dict)
    stands_for: Key | None = None
    takes_back_opt_out: bool = False
    progress: FormProgress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling(Told):
    """Somebody went on with a form that they had begun."""

    progress: FormProgress
    content: dict[str, Any] = field(default_factory=dict)
    attribution: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit(Told):
    """Somebody changed what they had written, or took it back; `target` is the item that brought it."""

    target: Key
    is_revoked: bool = False
    text: str | None = None
    content: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityChange(Told):
    """Somebody has the sender's identities instead of the `previous` ones."""

    previous: tuple[Identity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Told):
    """We wrote to the sender, from a phone or an inbox of the platform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut(Told):
    """Somebody wants to be left alone on this channel, or no longer; `origin` as in `OptOutChanged`."""

    is_opted_out: bool
    origin: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and nothing for a lead; `reason` is a short word to filter by, with nothing personal in it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Not understood: somebody must look; `reason` has nothing personal in it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Awaited:
    """The item only says that there is a lead, which has to be fetched before anybody knows more."""

    leadgen_id: str
    form_id: str | None


Published = Inquiry | Filling | Edit | IdentityChange | Response | OptOut
Outcome = Published | Awaited | Ignored | Quarantined
