"""What the rules refuse; the message is what people read."""

from services.assignment.domain.members import Member


class Refused(Exception):
    """A command that the present state does not allow."""


class LeadUnknown(Exception):
    """Assignment has not heard of the lead, or not yet that it is ready."""

    def __init__(self, lead_id: int) -> None:
        super().__init__(f"Lead {lead_id} is not known here: it does not exist, or it is not ready to be assigned.")


class MemberUnknown(Exception):
    """Nobody in the team has the id."""

    def __init__(self, member_id: int) -> None:
        super().__init__(f"The team has no member {member_id}.")


class LeadNotOpen(Refused):
    """A closed or deleted lead gets no owner."""

    def __init__(self, lead_id: int) -> None:
        super().__init__(f"Lead {lead_id} is closed; only an open lead gets an owner.")


class MemberInactive(Refused):
    """Somebody inactive gets no leads, not even by hand."""

    def __init__(self, member: Member) -> None:
        super().__init__(f"{member.name} is inactive and gets no leads.")


class CapacityFull(Refused):
    """No decision exceeds a capacity, not even one made by hand."""

    def __init__(self, member: Member, open_leads: int) -> None:
        super().__init__(f"{member.name} holds {open_leads} open leads; their capacity is {member.capacity}.")
        self.capacity = member.capacity
        self.open_leads = open_leads


class EmailTaken(Refused):
    """A mail address belongs to one member, whatever its capitals."""

    def __init__(self, email: str) -> None:
        super().__init__(f"Another member has the mail address {email}.")


class VersionPassed(Exception):
    """Somebody else changed the same thing since the caller read it."""

    def __init__(self, version: int) -> None:
        super().__init__(f"It was changed since you read it; its version is {version} now.")
        self.version = version
