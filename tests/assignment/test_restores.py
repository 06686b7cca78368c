"""What the ledger does when its own database, or that of leads, was restored from a backup."""

import copy
from datetime import timedelta

from services.assignment.domain.leads import ByHand, Stage
from services.assignment.domain.roster import Workload
from shared.contracts.leads import AnyLeadEvent
from shared.contracts.words import LeadOutcome
from tests.assignment.makers import (
    NOON,
    apply_all,
    assigned,
    closed,
    lead_of,
    ledger,
    member,
    places_held,
    ready,
    refused,
    said,
)

LATER = NOON + timedelta(minutes=1)


def test_what_leads_says_is_true_even_when_it_is_news() -> None:
    """After our database was restored, leads names a decision we never made: its owner and number are adopted."""
    book = ledger(member(1), member(2))
    apply_all(book, [ready(1), assigned(1, 7, 2)])
    assert places_held(book.changed()) == {2: 1}
    assert ByHand(8, is_new=True) == book.assign_by_hand(1, 1, decided_by=None, reason="")
    assert said(book)[-1] == ("choice", 1, 8, 1)


def test_an_adopted_decision_is_made_anew_when_somebody_asks_for_it() -> None:
    """By hand for who owns the lead already by a decision that is not known here gives a decision that is."""
    book = ledger(member(1), member(2))
    apply_all(book, [ready(1), assigned(1, 7, 2)])
    assert ByHand(8, is_new=True) == book.assign_by_hand(1, 2, decided_by=None, reason="")
    assert places_held(book.changed()) == {2: 1}


def test_a_refusal_that_names_the_owner_is_believed() -> None:
    """After our database was restored, leads refuses what it decided differently before: the owner stays who it was."""
    for applied in (1, 5):
        book = ledger(member(1), member(2))
        apply_all(book, [ready(1), refused(1, 1, 1, owner=2, applied=applied)])
        assert said(book) == [("choice", 1, 1, 1), ("release", 1, 1, "reassigned")]
        lead = lead_of(book)
        assert (Stage.ASSIGNED, 2, applied, {2: 1}) == (
            lead.stage,
            lead.owner_id,
            lead.decision_number,
            places_held(book.changed()),
        )


def test_a_decision_that_leads_has_lost_is_handed_over_again() -> None:
    """Ready again after the owner was known means that leads was restored: the same decision is due at once."""
    book = ledger(member(1), member(2))
    apply_all(book, [ready(1), assigned(1, 1, 1), ready(1, at=LATER)])
    lead = lead_of(book)
    assert (Stage.DECIDED, 1, 1, NOON) == (lead.stage, lead.chosen_id, lead.decision_number, lead.next_handover_at)
    assert [("choice", 1, 1, 1)] == said(book)
    apply_all(book, [assigned(1, 1, 1)])
    assert Stage.DECIDED is lead_of(book).stage
    apply_all(book, [assigned(1, 1, 1, at=LATER), ready(1, at=LATER)])
    assert (Stage.ASSIGNED, {1: 1}) == (lead_of(book).stage, places_held(book.changed()))


def test_a_lost_decision_that_cannot_be_repeated_is_made_anew_for_the_same_owner() -> None:
    """The owner of a decision that was adopted, or that was overtaken by a refused one, keeps the lead by a new one."""
    adopted = ledger(member(1), member(2))
    apply_all(adopted, [ready(1), assigned(1, 7, 2), ready(1, at=LATER)])
    assert ("choice", 1, 8, 2) == said(adopted)[-1]
    overtaken = ledger(member(1), member(2))
    apply_all(overtaken, [ready(1), assigned(1, 1, 1)])
    overtaken.assign_by_hand(1, 2, decided_by=None, reason="")
    apply_all(overtaken, [refused(1, 2, 2), ready(1, at=LATER)])
    assert ("choice", 1, 3, 1) == said(overtaken)[-1]
    assert {1: 1} == places_held(overtaken.changed())


def test_a_lost_owner_who_is_not_in_the_team_is_replaced() -> None:
    """When both databases were restored, nobody can be given the lead back: it goes through the queue."""
    book = ledger(member(1))
    apply_all(book, [ready(1), assigned(1, 7, 9), ready(1, at=LATER)])
    assert ("choice", 1, 8, 1) == said(book)[-1]


def test_ready_again_while_the_decision_is_on_its_way_only_hastens_it() -> None:
    """leads may have asked again before it read the decision; the same one is due at once."""
    book = ledger(member(1))
    apply_all(book, [ready(1), ready(1, at=LATER)])
    assert (NOON, [("choice", 1, 1, 1)]) == (lead_of(book).next_handover_at, said(book))


def test_a_close_that_leads_has_lost_is_undone() -> None:
    """Ready after the close: the lead is open again for its owner, the result does not count, the decision is due."""
    book = ledger(member(1))
    won = closed(1, by=1, outcome=LeadOutcome.WON)
    apply_all(book, [ready(1), assigned(1, 1, 1), won, ready(1, at=LATER)])
    assert (Stage.DECIDED, {1: 1}) == (lead_of(book).stage, places_held(book.changed()))
    assert Workload(1, open_leads=1, turn=1) == book.roster.workload(1)
    apply_all(book, [assigned(1, 1, 1, at=LATER), won])
    assert Workload(1, open_leads=0, won=1, turn=1) == book.roster.workload(1)


def test_ready_events_from_before_the_owner_was_known_come_from_a_replay() -> None:
    """Whatever was asked before the last answer, or before the close, was answered by it."""
    book = ledger(member(1), member(2))
    history: list[AnyLeadEvent] = [ready(1), ready(1, at=NOON + timedelta(seconds=30)), assigned(1, 1, 1, at=LATER)]
    apply_all(book, history)
    before = copy.deepcopy((book.changed(), said(book)))
    apply_all(book, history)
    assert before == (book.changed(), said(book))
