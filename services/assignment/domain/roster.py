"""The team at one instant: who is there, how much each holds, and who takes the next lead."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.assignment.domain.members import Member
from services.assignment.domain.policy import Policy
from services.assignment.domain.scoring import Candidate, Obstacle, Results, candidate
from shared.contracts.words import LeadOutcome


@dataclass(frozen=True, slots=True)
class Workload:
    """A member's counters. `turn` grows with each decision in the team: the lowest waited longest for a lead."""

    member_id: int
    open_leads: int = 0
    won: int = 0
    lost: int = 0
    turn: int = 0


class Roster:
    """The team as one transaction sees it; taking and giving back places changes what the next lead meets.

    A candidate is made once and again only after something of that member changed, so that a batch costs
    leads times members comparisons and not as many computations.
    """

    def __init__(self, team: Iterable[tuple[Member, Workload]], *, at: datetime, policy: Policy) -> None:
        self.policy = policy
        self._members: dict[int, Member] = {}
        self._workloads: dict[int, Workload] = {}
        for member, workload in team:
            self._members[member.id] = member
            self._workloads[member.id] = workload
        self._loaded = dict(self._workloads)
        self._ids = sorted(self._members)
        self._off_shift = {member.id: member.off_shift_until(at) for member in self._members.values()}
        self._team = Results(
            sum(workload.won for workload in self._workloads.values()),
            sum(workload.lost for workload in self._workloads.values()),
        )
        self._turn = max((workload.turn for workload in self._workloads.values()), default=0)
        self._ordinary: dict[int, Candidate] = {}

    def find_member(self, member_id: int) -> Member | None:
        """The member with this id, if there is one."""
        return self._members.get(member_id)

    def get_member(self, member_id: int) -> Member:
        """The member with this id; raises KeyError when there is none."""
        return self._members[member_id]

    def workload(self, member_id: int) -> Workload:
        """The member's counters now."""
        return self._workloads[member_id]

    def changed(self) -> list[Workload]:
        """The counters that are no longer as they were loaded, by member."""
        return [now for member_id, now in sorted(self._workloads.items()) if now != self._loaded[member_id]]

    def take_place(self, member_id: int) -> None:
        """Reserve a place in the capacity."""
        self._add(member_id, open_leads=1)

    def give_place_back(self, member_id: int) -> None:
        """Free a place in the capacity."""
        self._add(member_id, open_leads=-1)

    def take_turn(self, member_id: int) -> None:
        """Put the member at the end of the line for equal scores."""
        self._turn += 1
        self._workloads[member_id] = replace(self._workloads[member_id], turn=self._turn)

    def count_outcome(self, member_id: int, outcome: LeadOutcome, times: int = 1) -> None:
        """Count a closed lead for its owner, if still in the team; -1 takes it back."""
        if member_id not in self._workloads:
            return
        won = times if outcome is LeadOutcome.WON else 0
        self._add(member_id, won=won, lost=times - won)
        self._team = Results(self._team.won + won, self._team.lost + times - won)
        # Everybody is compared with the team.
        self._ordinary.clear()

    def candidates(self, preferred_owner_id: int | None) -> tuple[Candidate, ...]:
        """Everybody in the team, weighed for a lead, by member id."""
        known = self._ordinary
        return tuple(
            [
                self._weigh(member_id, is_preferred=True)
                if member_id == preferred_owner_id
                else known.get(member_id) or self._weigh(member_id)
                for member_id in self._ids
            ]
        )

    def ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Candidates from the best to the worst; those who are not eligible come last."""
        return sorted(candidates, key=self._standing, reverse=True)

    def best(self, candidates: Sequence[Candidate]) -> Candidate | None:
        """The eligible candidate with the highest score; of equals the one who waited longest, then the lower id."""
        return max((each for each in candidates if each.is_eligible), key=self._standing, default=None)

    def free_places(self) -> int:
        """How many leads could be taken now by those who are eligible."""
        return sum(
            self._members[each.member_id].capacity - self._workloads[each.member_id].open_leads
            for each in self.candidates(None)
            if each.is_eligible
        )

    def why_nobody(self) -> str:
        """Say why no one may take a lead now; the first obstacle of each salesperson counts."""
        counts: Counter[Obstacle] = Counter()
        for each in self.candidates(None):
            if Obstacle.NOT_A_SALESPERSON not in each.obstacles:
                counts.update(list(each.obstacles)[:1])
        if not counts:
            return "nobody is free: the team has no salesperson"
        return "nobody is free: " + ", ".join(f"{count} {obstacle}" for obstacle, count in sorted(counts.items()))

    def _standing(self, each: Candidate) -> tuple[bool, float, int, int]:
        return each.is_eligible, each.score, -self._workloads[each.member_id].turn, -each.member_id

    def _weigh(self, member_id: int, *, is_preferred: bool = False) -> Candidate:
        if not is_preferred and (known := self._ordinary.get(member_id)):
            return known
        workload = self._workloads[member_id]
        weighed = candidate(
            self._members[member_id],
            open_leads=workload.open_leads,
            results=Results(workload.won, workload.lost),
            team=self._team,
            off_shift_until=self._off_shift[member_id],
            is_preferred=is_preferred,
            policy=self.policy,
        )
        if not is_preferred:
            self._ordinary[member_id] = weighed
        return weighed

    def _add(self, member_id: int, *, open_leads: int = 0, won: int = 0, lost: int = 0) -> None:
        known = self._workloads[member_id]
        self._workloads[member_id] = replace(
            known, open_leads=known.open_leads + open_leads, won=known.won + won, lost=known.lost + lost
        )
        self._ordinary.pop(member_id, None)
