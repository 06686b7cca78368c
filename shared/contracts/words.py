"""Enumerations that several services speak, with the values that are stored and sent."""

from enum import IntEnum, StrEnum


class Channel(StrEnum):
    """Where an inquiry came in."""

    WHATSAPP = "whatsapp"
    MESSENGER = "messenger"
    INSTAGRAM = "instagram"
    LEAD_ADS = "lead_ads"
    FORM = "form"
    REST = "rest"


class IdentityKind(StrEnum):
    """What sort of address identifies a person; ids of a platform are scoped to an account of ours."""

    PHONE = "phone"
    EMAIL = "email"
    WHATSAPP_USER = "whatsapp_user"
    MESSENGER_USER = "messenger_user"
    INSTAGRAM_USER = "instagram_user"


class Evidence(StrEnum):
    """How far an identity may be trusted, the strongest first."""

    VERIFIED = "verified"
    STATED = "stated"
    CLAIMED = "claimed"


class LeadStatus(IntEnum):
    """The numbers are those of the systems that Leadline replaces; the walk is 1 → 2 → 4 → 3."""

    NEW = 1
    IN_PROGRESS = 2
    CLOSED = 3
    PAYMENT = 4

    @property
    def label(self) -> str:
        """The name that people read."""
        return self.name.replace("_", " ").title()


class LeadStep(IntEnum):
    """How far a visitor of a booking form came; a visitor walks 3 → 2 → 1."""

    PAYMENT = 1
    PASSENGER_DETAIL = 2
    TOUR_SELECTION = 3


class LeadOutcome(StrEnum):
    """How a closed lead ended."""

    WON = "won"
    LOST = "lost"


class SettlementOutcome(StrEnum):
    """What became of an inquiry; together with `ignored` these are the terms of the conservation equation."""

    NEW = "new"
    REPEAT = "repeat"
    UPDATE = "update"
    REJECTED = "rejected"


class Role(StrEnum):
    """What a member of the team may do, the least first."""

    SALESPERSON = "salesperson"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
