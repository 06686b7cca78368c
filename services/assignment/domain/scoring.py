"""How well a member suits a lead: each signal's value, weight and contribution, and what rules somebody out."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.assignment.domain.members import Member
from services.assignment.domain.policy import Policy
from shared.contracts.words import Role


class Obstacle(StrEnum):
    """Why somebody may not get a lead automatically."""

    INACTIVE = "inactive"
    NOT_A_SALESPERSON = "not a salesperson"
    OFF_SHIFT = "off shift"
    AT_CAPACITY = "at capacity"


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that speaks for a member: `value` is between 0 and 1, `inputs` are the figures behind it."""

    name: str
    value: float
    weight: float
    inputs: dict[str, Any]

    @property
    def contribution(self) -> float:
        """What the signal adds to the score."""
        return self.value * self.weight


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member as compared for one lead; `obstacles` says in words why not, and is empty for the eligible."""

    member_id: int
    score: float
    obstacles: dict[Obstacle, str]
    signals: tuple[Signal, ...]
    document: dict[str, Any]

    @property
    def is_eligible(self) -> bool:
        """Whether nothing rules the member out."""
        return not self.obstacles


@dataclass(frozen=True, slots=True)
class Results:
    """Closed leads, of a member or of the whole team."""

    won: int = 0
    lost: int = 0

    @property
    def closed(self) -> int:
        """All that ended."""
        return self.won + self.lost

    def rate(self, average: float, policy: Policy) -> float:
        """The share of won leads, pulled towards `average` as if by `prior_leads` leads with that result."""
        return (self.won + policy.prior_leads * average) / (self.closed + policy.prior_leads)


def candidate(
    member: Member,
    *,
    open_leads: int,
    results: Results,
    team: Results,
    off_shift_until: str | None,
    is_preferred: bool,
    policy: Policy,
) -> Candidate:
    """Weigh one member for a lead. Somebody who gets no leads at all by their role or state has no signals."""
    obstacles = _obstacles(member, open_leads, off_shift_until)
    signals: tuple[Signal, ...] = ()
    if not obstacles.keys() & {Obstacle.INACTIVE, Obstacle.NOT_A_SALESPERSON}:
        signals = (
            _workload(member, open_leads, policy),
            _conversion(results, team, policy),
            Signal(
                "preferred_owner",
                float(is_preferred),
                policy.preferred_owner_weight,
                {"is_preferred": is_preferred},
            ),
        )
    # Rounded, so that what is stored and compared again later is what was compared now.
    score = round(sum(signal.contribution for signal in signals), 6)
    return Candidate(member.id, score, obstacles, signals, _document(member.id, score, obstacles, signals))


def _obstacles(member: Member, open_leads: int, off_shift_until: str | None) -> dict[Obstacle, str]:
    found: dict[Obstacle, str] = {}
    if not member.is_active:
        found[Obstacle.INACTIVE] = "inactive"
    if member.role is not Role.SALESPERSON:
        found[Obstacle.NOT_A_SALESPERSON] = f"{member.role}, gets leads by hand only"
    if off_shift_until is not None:
        found[Obstacle.OFF_SHIFT] = f"off shift until {off_shift_until}"
    if open_leads >= member.capacity:
        found[Obstacle.AT_CAPACITY] = f"at capacity, {open_leads} of {member.capacity} open leads"
    return found


def _workload(member: Member, open_leads: int, policy: Policy) -> Signal:
    free = max(0, member.capacity - open_leads)
    value = free / member.capacity if member.capacity else 0.0
    inputs = {"open_leads": open_leads, "capacity": member.capacity}
    return Signal("workload", round(value, 6), policy.workload_weight, inputs)


def _conversion(results: Results, team: Results, policy: Policy) -> Signal:
    """Compare with the team: 0.5 is average whatever the trade's usual rate is, and nobody reaches 0 or 1."""
    average = team.rate(policy.prior_rate, policy)
    rate = results.rate(average, policy)
    value = rate / (rate + average)
    inputs = {
        "won": results.won,
        "lost": results.lost,
        "rate": round(rate, 4),
        "team_rate": round(average, 4),
    }
    return Signal("conversion", round(value, 6), policy.conversion_weight, inputs)


def _document(
    member_id: int, score: float, obstacles: dict[Obstacle, str], signals: tuple[Signal, ...]
) -> dict[str, Any]:
    """The candidate as decisions keep it and REST shows it; made once and shared, so never change it."""
    return {
        "member_id": member_id,
        "score": score,
        "eligible": not obstacles,
        "reasons": list(obstacles.values()),
        "signals": {
            signal.name: {
                "value": signal.value,
                "weight": signal.weight,
                "contribution": round(signal.contribution, 6),
                **signal.inputs,
            }
            for signal in signals
        },
    }
