"""What a lead's events do to owners, queue and capacity: by example, and for any sequence of events."""

import copy
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.errors import CapacityFull, LeadNotOpen, LeadUnknown, MemberInactive, MemberUnknown
from services.assignment.domain.leads import ByHand, Choice, Lead, Release, Stage
from services.assignment.domain.ledger import Ledger, backoff
from services.assignment.domain.policy import STANDARD
from services.assignment.domain.roster import Roster, Workload
from shared.contracts.leads import AnyLeadEvent
from shared.contracts.words import LeadOutcome, LeadStatus
from tests.assignment.makers import (
    NOON,
    apply_all,
    assigned,
    closed,
    deleted,
    lead_of,
    ledger,
    member,
    moved,
    places_held,
    ready,
    refused,
    said,
)


def test_a_ready_lead_gets_its_first_decision() -> None:
    """A ready lead is decided at once and takes a place before leads has answered."""
    book = ledger(member(1))
    book.apply(ready(1))
    assert said(book) == [("choice", 1, 1, 1)]
    assert lead_of(book).stage is Stage.DECIDED
    assert book.roster.workload(1).open_leads == 1


def test_nobody_free_means_queued_with_the_reason() -> None:
    """Without an eligible member the lead waits, visibly."""
    book = ledger(member(1, capacity=0))
    book.apply(ready(1))
    assert said(book) == [("wait", 1)]
    assert lead_of(book).reason == "nobody is free: 1 at capacity"


def test_a_closed_lead_makes_room_for_the_one_that_waited_longest() -> None:
    """A place that becomes free goes to the lead that was ready first, not to the one that was told first."""
    book = ledger(member(1, capacity=1))
    later = NOON + timedelta(minutes=1)
    apply_all(book, [ready(1), ready(3, at=later), ready(2), assigned(1, 1, 1), closed(1, by=1)])
    assert said(book)[-2:] == [("release", 1, 1, "closed"), ("choice", 2, 1, 1)]


def test_results_count_once_for_the_owner() -> None:
    """A won lead counts for its owner, however often the event comes."""
    book = ledger(member(1))
    won = closed(1, by=1, outcome=LeadOutcome.WON)
    apply_all(book, [ready(1), assigned(1, 1, 1), won, won])
    assert Workload(1, open_leads=0, won=1, lost=0, turn=1) == book.roster.workload(1)


def test_a_refused_lead_is_decided_again_at_once_and_then_with_patience() -> None:
    """The first refusal is answered at once, the next only after a growing wait."""
    book = ledger(member(1))
    apply_all(book, [ready(1), refused(1, 1, 1)])
    assert said(book) == [("choice", 1, 1, 1), ("release", 1, 1, "refused"), ("choice", 1, 2, 1)]
    book.apply(refused(1, 2, 1))
    assert lead_of(book).stage is Stage.QUEUED
    assert lead_of(book).next_attempt_at == NOON + timedelta(seconds=4)
    assert lead_of(book).reason == "leads refused decision 2: not now"
    assert book.roster.workload(1).open_leads == 0


def test_a_refusal_of_an_older_decision_changes_nothing() -> None:
    """Only the answer to the last decision counts."""
    book = ledger(member(1), member(2))
    apply_all(book, [ready(1), refused(1, 1, 1)])
    before = copy.deepcopy(lead_of(book))
    book.apply(refused(1, 1, 1))
    assert before == lead_of(book)


def test_a_decision_by_hand_keeps_both_places_until_leads_has_answered() -> None:
    """While it is open who owns the lead, it counts in both capacities, so that neither can be exceeded."""
    book = ledger(member(1), member(2))
    apply_all(book, [ready(1), assigned(1, 1, 1)])
    assert ByHand(2, is_new=True) == book.assign_by_hand(1, 2, decided_by=9, reason="asked for")
    assert places_held(book.changed()) == {1: 1, 2: 1}
    book.apply(assigned(1, 2, 2))
    assert places_held(book.changed()) == {2: 1}
    assert said(book)[-1] == ("release", 1, 1, "reassigned")


def test_a_refused_decision_by_hand_leaves_the_owner() -> None:
    """When leads refuses a change of owner, the owner stays and the other's place is free again."""
    book = ledger(member(1), member(2))
    apply_all(book, [ready(1), assigned(1, 1, 1)])
    book.assign_by_hand(1, 2, decided_by=9, reason="")
    book.apply(refused(1, 2, 2))
    assert lead_of(book).stage is Stage.ASSIGNED
    assert places_held(book.changed()) == {1: 1}
    assert ByHand(1, is_new=False) == book.assign_by_hand(1, 1, decided_by=9, reason="")


def test_an_answer_to_an_overtaken_decision_is_the_owner_until_the_next() -> None:
    """leads applied decision 1 while decision 2 was on its way: all chosen keep their places until 2 is answered."""
    book = ledger(member(1), member(2), member(3))
    book.apply(ready(1))
    book.assign_by_hand(1, 2, decided_by=None, reason="")
    book.apply(assigned(1, 1, 1))
    assert lead_of(book).stage is Stage.DECIDED
    assert places_held(book.changed()) == {1: 1, 2: 1}
    book.apply(refused(1, 2, 2))
    assert (lead_of(book).owner_id, lead_of(book).stage) == (1, Stage.ASSIGNED)
    assert places_held(book.changed()) == {1: 1}


def test_an_older_answer_does_not_bring_an_earlier_owner_back() -> None:
    """A replay of the topic names the first owner again after the second; the second stays."""
    book = ledger(member(1), member(2))
    apply_all(book, [ready(1), assigned(1, 1, 1)])
    book.assign_by_hand(1, 2, decided_by=None, reason="")
    apply_all(book, [assigned(1, 2, 2), assigned(1, 1, 1)])
    assert (2, 2, {2: 1}) == (lead_of(book).owner_id, lead_of(book).owner_number, places_held(book.changed()))


def test_a_lead_becomes_ready_once() -> None:
    """Ready told again, even at another time, neither moves the lead in the queue nor decides anew."""
    book = ledger(member(1, capacity=0))
    apply_all(book, [ready(1), ready(1, at=NOON + timedelta(days=1), preferred=1)])
    assert said(book) == [("wait", 1)]
    assert (NOON, None) == (lead_of(book).ready_at, lead_of(book).preferred_owner_id)


def test_a_reopened_lead_counts_again() -> None:
    """A slip that was undone takes the place and the result back, and the old close does not come again."""
    book = ledger(member(1))
    slip = closed(1, by=1, version=3)
    undone = moved(1, LeadStatus.CLOSED, LeadStatus.IN_PROGRESS, by=1, version=4)
    apply_all(book, [ready(1), assigned(1, 1, 1), slip, undone, slip])
    assert Workload(1, open_leads=1, turn=1) == book.roster.workload(1)
    apply_all(book, [closed(1, by=1, version=5, outcome=LeadOutcome.WON), undone])
    assert Workload(1, open_leads=0, won=1, turn=1) == book.roster.workload(1)


def test_a_deleted_lead_frees_its_place() -> None:
    """Deleting releases capacity and counts no result."""
    book = ledger(member(1))
    apply_all(book, [ready(1), assigned(1, 1, 1), deleted(1, by=1), refused(1, 1, 1)])
    assert Workload(1, turn=1) == book.roster.workload(1)
    assert said(book)[-1] == ("release", 1, 1, "deleted")


def test_a_lead_that_closed_before_it_was_known_stays_closed() -> None:
    """An order that no topic promises, ready after closed, does no harm."""
    book = ledger(member(1))
    apply_all(book, [closed(1), ready(1)])
    assert said(book) == []
    with pytest.raises(LeadNotOpen):
        book.assign_by_hand(1, 1, decided_by=None, reason="")


def test_by_hand_is_refused_for_reasons_that_name_the_figures() -> None:
    """Unknown leads and members, inactive members and full capacities are told apart."""
    book = ledger(member(1, capacity=1), member(2, is_active=False), member(3))
    apply_all(book, [ready(1), ready(2)])
    with pytest.raises(LeadUnknown):
        book.assign_by_hand(9, 1, decided_by=None, reason="")
    with pytest.raises(MemberUnknown):
        book.assign_by_hand(1, 9, decided_by=None, reason="")
    with pytest.raises(MemberInactive):
        book.assign_by_hand(1, 2, decided_by=None, reason="")
    holder = next(each for each in book.changed() if each.chosen_id == 1)
    other = 3 - holder.lead_id
    with pytest.raises(CapacityFull, match="holds 1 open leads; their capacity is 1"):
        book.assign_by_hand(other, 1, decided_by=None, reason="")
    assert ByHand(1, is_new=False) == book.assign_by_hand(holder.lead_id, 1, decided_by=None, reason="")


def test_backoff_grows_and_ends() -> None:
    """Waits double and stop growing at ten minutes."""
    first = timedelta(seconds=30)
    assert [backoff(first, times).total_seconds() for times in range(3)] == [30, 60, 120]
    assert backoff(first, 1000) == timedelta(minutes=10)


# --- any sequence of events ------------------------------------------------------------------------------

LEADS = range(1, 6)
teams = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(
    lambda capacities: [member(number, capacity=capacity) for number, capacity in enumerate(capacities, 1)]
)
events = st.one_of(
    st.builds(ready, st.sampled_from(LEADS), preferred=st.none() | st.integers(1, 4)),
    st.builds(assigned, st.sampled_from(LEADS), st.integers(1, 3), st.integers(1, 4)),
    st.builds(refused, st.sampled_from(LEADS), st.integers(1, 3), st.integers(1, 4)),
    st.builds(
        refused,
        st.sampled_from(LEADS),
        st.integers(1, 3),
        st.integers(1, 4),
        owner=st.integers(1, 4),
        applied=st.integers(1, 4),
    ),
    st.builds(
        ready, st.sampled_from(LEADS), at=st.sampled_from([NOON + timedelta(hours=1), NOON + timedelta(hours=2)])
    ),
    st.builds(
        closed,
        st.sampled_from(LEADS),
        by=st.none() | st.integers(1, 4),
        outcome=st.sampled_from(LeadOutcome),
        version=st.integers(3, 9),
    ),
    st.builds(
        moved,
        st.sampled_from(LEADS),
        st.just(LeadStatus.CLOSED),
        st.just(LeadStatus.IN_PROGRESS),
        by=st.none() | st.integers(1, 4),
        version=st.integers(3, 9),
    ),
    st.builds(deleted, st.sampled_from(LEADS), version=st.integers(3, 9)),
)
answers = st.sampled_from(["apply", "refuse", "close", "silence"])


class World:
    """Leads and workloads between transactions, as the tables would keep them, and a faithful leads service."""

    def __init__(self, team: list[Any]) -> None:
        self.team = team
        self.leads: dict[int, Lead] = {}
        self.workloads = {each.id: Workload(each.id) for each in team}
        self.outcomes: list[Any] = []

    def run(self, batch: list[AnyLeadEvent]) -> None:
        """One transaction."""
        book = Ledger(
            copy.deepcopy(list(self.leads.values())),
            Roster([(each, self.workloads[each.id]) for each in self.team], at=NOON, policy=STANDARD),
            NOON,
        )
        apply_all(book, batch)
        self.leads |= {lead.lead_id: lead for lead in book.changed()}
        self.workloads |= {workload.member_id: workload for workload in book.roster.changed()}
        self.outcomes += book.outcomes

    def check_places(self) -> None:
        """The counters are what the leads hold."""
        held = places_held(self.leads.values())
        assert {each.id: held.get(each.id, 0) for each in self.team} == {
            member_id: workload.open_leads for member_id, workload in self.workloads.items()
        }


@given(team=teams, sequence=st.lists(events, max_size=30), cuts=st.lists(st.integers(0, 30), max_size=5))
def test_it_makes_no_difference_how_events_are_cut_into_batches(
    team: list[Any], sequence: list[AnyLeadEvent], cuts: list[int]
) -> None:
    """One batch or many: the same leads, counters and outcomes, down to each recorded candidate."""
    whole, pieces = World(team), World(team)
    whole.run(sequence)
    bounds = [0, *sorted(min(cut, len(sequence)) for cut in cuts), len(sequence)]
    for start, end in pairwise(bounds):
        pieces.run(sequence[start:end])
    assert whole.leads == pieces.leads
    assert whole.workloads == pieces.workloads
    assert whole.outcomes == pieces.outcomes


@given(team=teams, sequence=st.lists(events, max_size=40))
def test_counters_are_always_what_the_leads_hold(team: list[Any], sequence: list[AnyLeadEvent]) -> None:
    """After any events in any order, a member's counter equals the leads that count for them."""
    world = World(team)
    for event in sequence:
        world.run([event])
        world.check_places()


def respond(world: World, answer: str, choice: Choice, version: int) -> list[AnyLeadEvent]:
    """What leads says to a decision."""
    match answer:
        case "apply":
            return [assigned(choice.lead_id, choice.number, choice.member_id, version)]
        case "refuse":
            return [refused(choice.lead_id, choice.number, choice.member_id)]
        case "close":
            owner = world.leads[choice.lead_id].owner_id
            return [
                closed(choice.lead_id, by=owner, version=version),
                refused(choice.lead_id, choice.number, choice.member_id),
            ]
    return []


@given(
    team=teams,
    arrivals=st.lists(st.tuples(st.integers(1, 12), answers, st.integers(1, 4) | st.none()), max_size=40),
)
def test_nobody_is_ever_over_capacity(team: list[Any], arrivals: list[tuple[int, str, int | None]]) -> None:
    """With a faithful leads service no decision exceeds a capacity, and nobody waits while somebody is free."""
    world = World(team)
    capacities = {each.id: each.capacity for each in team}
    history: list[AnyLeadEvent] = []
    for version, (lead_id, answer, by_hand) in enumerate(arrivals, 3):
        batch: list[AnyLeadEvent] = [ready(lead_id)]
        if (lead := world.leads.get(lead_id)) and lead.stage is Stage.DECIDED:
            last = next(
                each
                for each in reversed(world.outcomes)
                if isinstance(each, Choice) and each.lead_id == lead_id and each.number == lead.decision_number
            )
            batch += respond(world, answer, last, version)
        history += batch
        world.run(batch)
        if by_hand is not None:
            decide_by_hand(world, lead_id, by_hand)
        world.check_places()
        for member_id, workload in world.workloads.items():
            assert workload.open_leads <= capacities[member_id]
        waiting = [lead for lead in world.leads.values() if lead.stage is Stage.QUEUED and lead.refusals < 2]
        is_full = all(workload.open_leads == capacities[member_id] for member_id, workload in world.workloads.items())
        assert is_full or not waiting
    before = copy.deepcopy((world.leads, world.workloads, world.outcomes))
    world.run(history)
    assert before == (world.leads, world.workloads, world.outcomes)


def decide_by_hand(world: World, lead_id: int, member_id: int) -> None:
    """A supervisor chooses, in a transaction of its own; what the rules refuse changes nothing."""
    book = Ledger(
        copy.deepcopy(list(world.leads.values())),
        Roster([(each, world.workloads[each.id]) for each in world.team], at=NOON, policy=STANDARD),
        NOON,
    )
    try:
        book.assign_by_hand(lead_id, member_id, decided_by=1, reason="")
    except (LeadNotOpen, MemberUnknown, CapacityFull):
        return
    world.leads |= {lead.lead_id: lead for lead in book.changed()}
    world.workloads |= {workload.member_id: workload for workload in book.roster.changed()}
    world.outcomes += book.outcomes


def test_a_release_names_everybody_who_held_the_lead() -> None:
    """Closing a lead while a decision is open frees the owner's and the chosen one's places."""
    book = ledger(member(1), member(2))
    apply_all(book, [ready(1), assigned(1, 1, 1)])
    book.assign_by_hand(1, 2, decided_by=None, reason="")
    book.apply(closed(1, by=1))
    released = [each.member_id for each in book.outcomes if isinstance(each, Release)]
    assert released == [1, 2]
