"""The steps by which an account is connected, and what each platform is asked for."""

from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.words import Channel


class Step(StrEnum):
    """What has to be done, in this order."""

    SECRETS = "secrets"
    ADDRESS = "address"
    ACCESS = "access"
    CALLBACK = "callback"
    SUBSCRIPTION = "subscription"
    MESSAGE = "message"


class StepState(StrEnum):
    """How a step went. `yours` is for a person to do; a step after a failed one is `open`."""

    DONE = "done"
    FAILED = "failed"
    YOURS = "yours"
    WAITING = "waiting"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class StepReport:
    """How one step went, and what to do about it."""

    step: Step
    state: StepState
    advice: str | None = None


class StepFailed(Exception):
    """A step cannot be done; `advice` tells a person what to do. The text is fit for logs and operators."""

    def __init__(self, step: Step, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.step = step
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Platform:
    """How a platform names the object whose webhooks an app subscribes to, and what of it we want to hear."""

    object: str
    fields: tuple[str, ...]
    parent: str
    needs_parent: bool
    test: str


# Meta: webhooks of the WhatsApp Business Platform, the Messenger Platform and Instagram, subscribed_apps.
PLATFORMS = {
    Channel.WHATSAPP: Platform(
        "whatsapp_business_account",
        ("messages", "smb_message_echoes", "user_preferences", "user_id_update"),
        "the WhatsApp business account of the number",
        needs_parent=True,
        test="Write to the number from any WhatsApp.",
    ),
    Channel.MESSENGER: Platform(
        "page",
        ("messages", "messaging_postbacks", "messaging_optins", "messaging_referrals", "message_echoes", "leadgen"),
        "the page",
        needs_parent=False,
        test="Write to the page from a personal account, or send a test lead.",
    ),
    Channel.INSTAGRAM: Platform(
        "instagram",
        ("messages", "messaging_postbacks", "messaging_optins", "messaging_referral"),
        "the page that the account belongs to",
        needs_parent=False,
        test="Write to the account from another one.",
    ),
}
