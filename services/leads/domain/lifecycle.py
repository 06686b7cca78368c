"""A lead's walk from New to Closed: which moves are legal, and what a move changes."""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.words import LeadOutcome, LeadStatus

NEW, IN_PROGRESS, CLOSED, PAYMENT = (
    LeadStatus.NEW,
    LeadStatus.IN_PROGRESS,
    LeadStatus.CLOSED,
    LeadStatus.PAYMENT,
)


@dataclass(frozen=True, slots=True)
class Move:
    """One step of the table; `outcome` is set when the step closes the lead."""

    to: LeadStatus
    outcome: LeadOutcome | None = None

    def __str__(self) -> str:
        """How people read it, such as `3 Closed (lost)`."""
        return f"{int(self.to)} {self.to.label}" + (f" ({self.outcome})" if self.outcome else "")


# Won is missing on purpose: it is reached by a conversion alone, which records the moves between.
LEGAL_MOVES: dict[LeadStatus, tuple[Move, ...]] = {
    NEW: (Move(IN_PROGRESS), Move(CLOSED, LeadOutcome.LOST)),
    IN_PROGRESS: (Move(PAYMENT), Move(CLOSED, LeadOutcome.LOST)),
    PAYMENT: (Move(CLOSED, LeadOutcome.LOST),),
    CLOSED: (),
}


class IllegalTransition(Exception):
    """The table of moves has no such step; nothing was changed. `legal` are the steps that it has."""

    def __init__(self, status: LeadStatus, wanted: Move) -> None:
        self.status = status
        self.wanted = wanted
        self.legal = LEGAL_MOVES[status]
        super().__init__(f"a lead that is {status.label} cannot become {wanted}; {self._advice()}")

    def _advice(self) -> str:
        if self.wanted.outcome is LeadOutcome.WON and self.status is not CLOSED:
            return "won is reached by a conversion alone"
        if not self.legal:
            return "a closed lead is not reopened: the person's next inquiry opens a new one"
        return "legal: " + ", ".join(str(move) for move in self.legal)


def choose_move(status: LeadStatus, to: LeadStatus, outcome: LeadOutcome | None = None) -> Move:
    """The legal step from `status` to `to`; raises `IllegalTransition`.

    Closing without an outcome means lost, the only way to close by a step.
    """
    if to is CLOSED and outcome is None:
        outcome = LeadOutcome.LOST
    wanted = Move(to, outcome)
    if wanted not in LEGAL_MOVES[status]:
        raise IllegalTransition(status, wanted)
    return wanted


@dataclass(frozen=True, slots=True)
class Standing:
    """The fields of a lead that a move concerns."""

    status: LeadStatus
    outcome: LeadOutcome | None = None
    first_response_at: datetime | None = None
    closed_at: datetime | None = None


def after(standing: Standing, move: Move, now: datetime) -> Standing:
    """The standing that a legal move leads to.

    The first step to In Progress is the first response, unless one was noticed before. Only a closed lead has
    an outcome and a time of closing.
    """
    responded = now if move.to is IN_PROGRESS else None
    return Standing(
        status=move.to,
        outcome=move.outcome,
        first_response_at=standing.first_response_at or responded,
        closed_at=now if move.to is CLOSED else None,
    )
