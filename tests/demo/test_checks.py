"""What balances passes, and each thing that can be wrong is found and said."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from deploy.demo.checks import Evidence, check_all
from deploy.demo.deliveries import Channel, Delivery, Fate, Item
from deploy.demo.journal import Answered, Journal
from deploy.demo.journeys import Board, Journey
from deploy.demo.people import Person
from deploy.demo.report import print_report
from deploy.demo.scenario import Scenario

_BEFORE = {"received": 10, "new": 5, "repeat": 3, "update": 0, "ignored": 1, "quarantined": 1, "in_flight": 0}


def _answer(journal: Journal, person: Person, key: str, at: float) -> None:
    delivery = Delivery(Channel.WHATSAPP, "/webhooks/whatsapp", b"", (Item(key, Fate.INQUIRY, "¿Precio?", person),))
    journal.begin(delivery, at)
    journal.finish(Answered(delivery, 200, 12.0, 1))


def _journey(lead_id: int, person: Person, inquiries: int) -> Journey:
    mail = {"id": f"mail-{lead_id}", "member_id": 4, "decision_number": 1, "state": "sent"}
    return Journey(
        lead_id,
        f"LEAD-20261122-{lead_id:03}",
        person,
        owner_id=4,
        inquiries=inquiries,
        channels=[Channel.WHATSAPP],
        said_at=1000.0,
        received_at=1000.01,
        numbered_at=1000.05,
        owned_at=1000.1,
        mailed_at=1000.2,
        assignments=1,
        notifications=[mail],
    )


@pytest.fixture
def evidence(scenario: Scenario) -> Evidence:
    """Two people with three inquiries, of whom everything is as it should be."""
    one, other = scenario.people[:2]
    journal, board = Journal(), Board()
    _answer(journal, one, "first", 1000.0)
    _answer(journal, one, "second", 1001.0)
    _answer(journal, one, "second", 1002.0)
    _answer(journal, other, "third", 1000.0)
    board.add(_journey(1, one, 2))
    board.add(_journey(2, other, 1))
    after = _BEFORE | {"received": 13, "new": 7, "repeat": 4}
    numbers = ["LEAD-20261122-001", "LEAD-20261122-002"]
    return Evidence(journal, board, _BEFORE, after, numbers, Counter({"mail-1": 1, "mail-2": 1}))


def _failures(evidence: Evidence) -> list[str]:
    return [check.what for check in check_all(evidence) if not check.holds]


def test_what_balances_passes(evidence: Evidence) -> None:
    """Everything as it should be gives no failure, and the report says so."""
    assert [] == _failures(evidence)
    console = Console(record=True, width=120, quiet=True)
    assert print_report(console, evidence, check_all(evidence))


def _lose_a_message(evidence: Evidence) -> Evidence:
    return replace(evidence, after={**evidence.after, "received": 12, "repeat": 3})


def _count_twice(evidence: Evidence) -> Evidence:
    return replace(evidence, after={**evidence.after, "received": 14, "repeat": 5})


def _break_the_equation(evidence: Evidence) -> Evidence:
    return replace(evidence, after={**evidence.after, "new": 6})


def _leave_in_flight(evidence: Evidence) -> Evidence:
    return replace(evidence, after={**evidence.after, "repeat": 3, "in_flight": 1})


def _leave_a_gap(evidence: Evidence) -> Evidence:
    return replace(evidence, numbers=["LEAD-20261122-001", "LEAD-20261122-003"])


def _use_a_number_twice(evidence: Evidence) -> Evidence:
    return replace(evidence, numbers=["LEAD-20261122-001", "LEAD-20261122-001"])


def _lose_an_inquiry(evidence: Evidence) -> Evidence:
    evidence.board.journeys[1].inquiries = 1
    return evidence


def _split_a_person(evidence: Evidence) -> Evidence:
    evidence.board.add(_journey(3, evidence.board.journeys[2].person, 0))
    return evidence


def _meet_a_stranger(evidence: Evidence) -> Evidence:
    evidence.board.strangers.add("LEAD-20261122-003")
    return evidence


def _forget_the_owner(evidence: Evidence) -> Evidence:
    evidence.board.journeys[2].owner_id = None
    return evidence


def _mail_nobody(evidence: Evidence) -> Evidence:
    evidence.board.journeys[2].notifications = []
    return evidence


def _mail_twice(evidence: Evidence) -> Evidence:
    return replace(evidence, caught=Counter({"mail-1": 2, "mail-2": 1}))


def _mail_in_secret(evidence: Evidence) -> Evidence:
    return replace(evidence, caught=Counter({"mail-1": 1, "mail-2": 1, "mail-9": 1}))


def _lose_a_mail(evidence: Evidence) -> Evidence:
    return replace(evidence, caught=Counter({"mail-1": 1}))


def _forget_an_assignment(evidence: Evidence) -> Evidence:
    evidence.board.journeys[2].assignments = 2
    return evidence


def _tell_nothing_new(evidence: Evidence) -> Evidence:
    evidence.board.journeys[2].notifications *= 2
    return evidence


def _fail_to_tell(evidence: Evidence) -> Evidence:
    journey = evidence.board.journeys[2]
    journey.assignments = 2
    journey.notifications.append({"id": "mail-3", "member_id": 5, "decision_number": 2, "state": "ambiguous"})
    return evidence


def _answer_wrongly(evidence: Evidence) -> Evidence:
    forged = Delivery(Channel.WHATSAPP, "/webhooks/whatsapp", b"", status=401, note="signed with another secret")
    evidence.journal.finish(Answered(forged, 200, 3.0, 1))
    return evidence


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_lose_a_message, "repeat: 1 expected from what was sent, 0 counted"),
        (_count_twice, "repeat: 1 expected from what was sent, 2 counted"),
        (_break_the_equation, "received 13 = sum of the rest 12"),
        (_leave_in_flight, "1 in flight"),
        (_leave_a_gap, "numbers missing (or deleted) [2]"),
        (_use_a_number_twice, "used twice [1]"),
        (_lose_an_inquiry, "1 leads with 1 inquiries instead of 1 with 2"),
        (_split_a_person, "2 leads with 1 inquiries instead of 1 with 1"),
        (_meet_a_stranger, "leads of nobody we know: LEAD-20261122-003"),
        (_forget_the_owner, "1 leads have no owner and are not queued, such as LEAD-20261122-002"),
        (_mail_nobody, "one mail for each assignment does not hold for LEAD-20261122-002"),
        (_mail_twice, "the mail server got 3 mails for 2 notifications: 1 of them not once"),
        (_mail_in_secret, "and 1 that notifier does not say it sent"),
        (_lose_a_mail, "the mail server got 1 mails for 2 notifications: 1 of them not once"),
        (_forget_an_assignment, "does not hold for LEAD-20261122-002 (2 assignments, notifications: sent)"),
        (_tell_nothing_new, "does not hold for LEAD-20261122-002 (1 assignments, notifications: sent, sent)"),
        (_fail_to_tell, "does not hold for LEAD-20261122-002 (2 assignments, notifications: sent, ambiguous)"),
        (_answer_wrongly, "signed with another secret), got 200 instead of 401"),
    ],
)
def test_what_is_wrong_is_said(evidence: Evidence, spoil: Callable[[Evidence], Evidence], said: str) -> None:
    """Each thing that can be wrong fails a check whose sentence names it."""
    failures = _failures(spoil(evidence))
    assert any(said in failure for failure in failures), failures


def test_queued_lead_is_no_failure(evidence: Evidence) -> None:
    """A lead that waits visibly needs neither an owner nor a mail."""
    waiting = evidence.board.journeys[2]
    waiting.owner_id, waiting.queue_reason = None, "nobody is free"
    waiting.assignments, waiting.notifications = 0, []
    assert [] == _failures(replace(evidence, caught=Counter({"mail-1": 1})))


def test_what_was_deleted_earlier_is_no_failure(evidence: Evidence) -> None:
    """A lead of the day that was deleted before the demo began leaves a gap that is not the demo's."""
    for lead_id, journey in evidence.board.journeys.items():
        journey.number = f"LEAD-20261122-{lead_id + 3:03}"
    assert [] == _failures(replace(evidence, numbers=["LEAD-20261122-002", "LEAD-20261122-004", "LEAD-20261122-005"]))


def test_overtaken_assignment_is_no_failure(evidence: Evidence) -> None:
    """A lead that changed hands before its first owner was told has one mail, and one that was withdrawn."""
    journey = evidence.board.journeys[2]
    journey.assignments = 2
    journey.notifications.append({"id": "mail-3", "member_id": 5, "decision_number": 2, "state": "withdrawn"})
    assert [] == _failures(evidence)


def test_refusal_that_fails_is_no_promise(scenario: Scenario) -> None:
    """A delivery that never got its answer is not expected to have had an effect."""
    journal, person = Journal(), scenario.people[0]
    delivery = Delivery(Channel.WHATSAPP, "/webhooks/whatsapp", b"", (Item("one", Fate.INQUIRY, "Hola", person),))
    journal.begin(delivery, 1.0)
    journal.finish(Answered(delivery, 0, 20_000.0, 9))
    assert 0 == journal.total("received")
