"""Who suits a lead best, and the words for it."""

import pytest

from services.assignment.domain.explanation import explain
from services.assignment.domain.roster import Workload
from shared.contracts.words import LeadOutcome, Role
from tests.assignment.makers import NOON, member, roster, shift


def test_the_freer_one_is_better() -> None:
    """With equal results, the larger free share of capacity wins."""
    team = roster(member(1), member(2, capacity=20), workloads=[Workload(1, open_leads=4), Workload(2, open_leads=6)])
    best = team.best(team.candidates(None))
    assert best is not None
    assert best.member_id == 2


def test_the_more_successful_one_is_better() -> None:
    """With equal load, the higher share of won leads wins."""
    team = roster(member(1), member(2), workloads=[Workload(1, won=1, lost=30), Workload(2, won=10, lost=21)])
    best = team.best(team.candidates(None))
    assert best is not None
    assert best.member_id == 2


def test_a_newcomer_counts_as_average() -> None:
    """Without any closed lead, a member's conversion is exactly the team's."""
    team = roster(member(1), member(2), workloads=[Workload(1, won=30, lost=70)])
    newcomer = team.candidates(None)[1]
    assert newcomer.document["signals"]["conversion"]["value"] == 0.5


def test_one_lucky_deal_does_not_beat_a_record() -> None:
    """One won lead out of one says less than 60 out of 100."""
    team = roster(member(1), member(2), workloads=[Workload(1, won=1), Workload(2, won=60, lost=40)])
    lucky, proven = team.candidates(None)
    assert lucky.score < proven.score


def test_the_earlier_owner_wins_against_any_other_advantage() -> None:
    """Somebody who comes back gets their salesperson, however busy and unlucky that one is."""
    team = roster(
        member(1),
        member(2),
        workloads=[Workload(1, open_leads=9, lost=500), Workload(2, won=500)],
    )
    best = team.best(team.candidates(1))
    assert best is not None
    assert best.member_id == 1


def test_equals_take_turns() -> None:
    """Among equal scores the one who has waited longest gets the lead, then the lower id."""
    team = roster(member(1), member(2), member(3), workloads=[Workload(1, turn=5), Workload(2, turn=4)])
    best = team.best(team.candidates(None))
    assert best is not None
    assert best.member_id == 3


@pytest.mark.parametrize(
    ("changes", "open_leads", "reasons"),
    [
        ({"is_active": False}, 0, ["inactive"]),
        ({"role": Role.SUPERVISOR}, 0, ["supervisor, gets leads by hand only"]),
        ({"working_hours": (shift(1, "09:00", "17:00"),)}, 0, ["off shift until Tue 09:00 UTC"]),
        ({"capacity": 3}, 3, ["at capacity, 3 of 3 open leads"]),
        ({"capacity": 3}, 5, ["at capacity, 5 of 3 open leads"]),
        ({"capacity": 0}, 0, ["at capacity, 0 of 0 open leads"]),
        (
            {"is_active": False, "capacity": 1},
            1,
            ["inactive", "at capacity, 1 of 1 open leads"],
        ),
    ],
)
def test_everybody_passed_over_hears_every_reason(
    changes: dict[str, object], open_leads: int, reasons: list[str]
) -> None:
    """Each obstacle is named with its figures, and any of them rules a member out."""
    team = roster(member(1, **changes), workloads=[Workload(1, open_leads=open_leads)])
    (only,) = team.candidates(None)
    assert reasons == only.document["reasons"]
    assert not only.is_eligible
    assert team.best([only]) is None


def test_contributions_add_up_to_the_score() -> None:
    """A recorded candidate shows value, weight and contribution of each signal, and their sum."""
    team = roster(member(1), workloads=[Workload(1, open_leads=3, won=2, lost=7)])
    document = team.candidates(1)[0].document
    signals = document["signals"]
    assert {"workload", "conversion", "preferred_owner"} == signals.keys()
    assert document["score"] == pytest.approx(sum(signal["contribution"] for signal in signals.values()))
    for signal in signals.values():
        assert signal["contribution"] == pytest.approx(signal["value"] * signal["weight"], abs=1e-6)


def test_a_taken_back_result_leaves_no_trace() -> None:
    """Counting an outcome and taking it back restores every candidate."""
    team = roster(member(1), member(2), workloads=[Workload(1, won=3, lost=4)])
    before = [each.document for each in team.candidates(None)]
    team.count_outcome(2, LeadOutcome.WON)
    assert before != [each.document for each in team.candidates(None)]
    team.count_outcome(2, LeadOutcome.WON, times=-1)
    assert before == [each.document for each in team.candidates(None)]


def test_the_reason_for_a_queue_counts_salespeople_by_obstacle() -> None:
    """Why nobody may take a lead is said in one line, without people who never get leads by themselves."""
    team = roster(
        member(1, capacity=0),
        member(2, capacity=0),
        member(3, working_hours=(shift(1, "09:00", "17:00"),)),
        member(4, role=Role.ADMIN),
        at=NOON,
    )
    assert team.why_nobody() == "nobody is free: 2 at capacity, 1 off shift"
    assert roster().why_nobody() == "nobody is free: the team has no salesperson"


def test_a_decision_is_one_sentence() -> None:
    """The sentence names the winner's figures, the next best, and who was passed over and why."""
    team = roster(
        member(1, capacity=30),
        member(2, working_hours=(shift(1, "09:00", "17:00"),)),
        member(3),
        member(4, role=Role.ADMIN),
        workloads=[Workload(1, open_leads=3, won=5, lost=15), Workload(3, open_leads=9)],
    )
    names = {1: "Ana", 2: "Ben", 3: "Cem", 4: "Dora"}
    documents = [each.document for each in team.candidates(1)]
    assert explain(1, documents, names) == (
        "Ana: score 1.69 (3 of 30 open leads, wins 24% where the team wins 22%, owned this person's earlier "
        "lead). Also free: Cem 0.21. Passed over: Ben (off shift until Tue 09:00 UTC)."
    )


def test_a_decision_by_hand_names_who_and_why() -> None:
    """A manual decision says who made it; an erased colleague is a number."""
    team = roster(member(1), member(2))
    documents = [each.document for each in team.candidates(None)]
    said = explain(2, documents, {2: "Ben"}, is_manual=True, decided_by=9, reason="speaks Turkish")
    assert said == "Ben: chosen by member 9 (speaks Turkish). Also free: member 1 0.75."
