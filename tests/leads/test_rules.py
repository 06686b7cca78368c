"""leads' rules without a database: moves, numbers, names, people, decisions."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.domain.assignments import Desk, Refusal
from services.leads.domain.assignments import Standing as OwnerStanding
from services.leads.domain.hand_over import HandOverPolicy
from services.leads.domain.lifecycle import LEGAL_MOVES, IllegalTransition, Move, Standing, after, choose_move
from services.leads.domain.names import name_words, names_conflict, split_name
from services.leads.domain.numbers import lead_number, parse_lead_number
from services.leads.domain.people import Directory, Introduction, StatedName, address_of, joining
from shared.contracts.inquiries import Identity
from shared.contracts.words import Evidence, IdentityKind, LeadOutcome, LeadStatus
from tests.leads.makers import NOON, decision

NEW, IN_PROGRESS, CLOSED, PAYMENT = (
    LeadStatus.NEW,
    LeadStatus.IN_PROGRESS,
    LeadStatus.CLOSED,
    LeadStatus.PAYMENT,
)
LOST, WON = LeadOutcome.LOST, LeadOutcome.WON

TABLE = {
    (NEW, IN_PROGRESS, None),
    (NEW, CLOSED, LOST),
    (IN_PROGRESS, PAYMENT, None),
    (IN_PROGRESS, CLOSED, LOST),
    (PAYMENT, CLOSED, LOST),
}


@pytest.mark.parametrize("status", LeadStatus)
@pytest.mark.parametrize("to", LeadStatus)
@pytest.mark.parametrize("outcome", [None, LOST, WON])
def test_moves_are_those_of_the_table(status: LeadStatus, to: LeadStatus, outcome: LeadOutcome | None) -> None:
    """A step is legal exactly when the table has it; a refusal names the legal ones."""
    meant = LOST if to is CLOSED and outcome is None else outcome
    if (status, to, meant) in TABLE:
        assert Move(to, meant) == choose_move(status, to, outcome)
        return
    with pytest.raises(IllegalTransition) as refusal:
        choose_move(status, to, outcome)
    assert LEGAL_MOVES[status] == refusal.value.legal


@pytest.mark.parametrize(
    ("status", "to", "outcome", "sentence"),
    [
        (NEW, PAYMENT, None, "a lead that is New cannot become 4 Payment; legal: 2 In Progress, 3 Closed (lost)"),
        (PAYMENT, CLOSED, WON, "a lead that is Payment cannot become 3 Closed (won); "
                               "won is reached by a conversion alone"),
        (CLOSED, NEW, None, "a lead that is Closed cannot become 1 New; "
                            "a closed lead is not reopened: the person's next inquiry opens a new one"),
    ],
)  # fmt: skip
def test_refusal_says_what_to_do(
    status: LeadStatus, to: LeadStatus, outcome: LeadOutcome | None, sentence: str
) -> None:
    """The refusal of a move is a sentence that helps."""
    with pytest.raises(IllegalTransition) as refusal:
        choose_move(status, to, outcome)
    assert sentence == str(refusal.value)


def test_moves_keep_the_first_response_and_the_time_of_closing() -> None:
    """The first step to In Progress is the response; only a closed lead has an outcome and a closing time."""
    later = NOON + timedelta(hours=1)
    working = after(Standing(NEW), Move(IN_PROGRESS), NOON)
    assert Standing(IN_PROGRESS, None, NOON, None) == working
    assert Standing(CLOSED, LOST, NOON, later) == after(working, Move(CLOSED, LOST), later)
    assert Standing(CLOSED, LOST, None, NOON) == after(Standing(NEW), Move(CLOSED, LOST), NOON)


@given(day=st.dates(min_value=date(1000, 1, 1)), serial=st.integers(1, 999_999_999))
def test_number_reads_back(day: date, serial: int) -> None:
    """Every number is read as the day and serial that it was written from."""
    assert (day, serial) == parse_lead_number(lead_number(day, serial))


@pytest.mark.parametrize(
    "text",
    ["", "LEAD-20250401-01", "LEAD-20250401-000", "LEAD-20250401-0001", "LEAD-20250231-001", "LEAD-٢٠٢٥٠٤٠١-001"],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """Too few digits, serial 0, needless zeros, days that do not exist and other scripts are no numbers."""
    assert parse_lead_number(text) is None


def test_number_in_any_case_is_read() -> None:
    """People type numbers in lower case and with blanks around."""
    assert (date(2025, 4, 1), 1) == parse_lead_number(" lead-20250401-001 ")


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        ("Ada Soler", "ADA", False),
        ("José Pérez", "jose perez", False),
        ("Ada Soler", "Soler, Ada Maria", False),
        ("Ada Soler", "Ada Lind", True),
        ("Ada", "Bo", True),
        ("", "Bo", False),
        ("Straße", "STRASSE", False),
    ],
)
def test_names_conflict_when_neither_has_all_words_of_the_other(one: str, other: str, conflict: bool) -> None:
    """Case, accents, order and further words are no contradiction; different words are."""
    assert conflict == names_conflict(name_words(one), name_words(other))
    assert conflict == names_conflict(name_words(other), name_words(one))


def test_name_in_one_piece_is_split() -> None:
    """The first word is the first name."""
    assert ("Ada", "Soler Lind") == split_name("  Ada  Soler Lind ")
    assert ("Ada", None) == split_name("Ada")


def test_hand_overs_wait_longer_each_time() -> None:
    """Waits double up to the longest, however often it was tried."""
    policy = HandOverPolicy(timedelta(seconds=30), timedelta(minutes=30))
    waits = [policy.wait_after(times).total_seconds() for times in (0, 1, 2, 6, 7, 30_000)]
    assert [30, 60, 120, 1800, 1800, 1800] == waits


identities = st.builds(
    Identity,
    kind=st.sampled_from([IdentityKind.PHONE, IdentityKind.WHATSAPP_USER]),
    value=st.just("as it came"),
    match_key=st.sampled_from("abcd"),
    evidence=st.sampled_from(list(Evidence)),
)
introductions = st.tuples(
    st.lists(identities, max_size=3),
    st.builds(StatedName, st.sampled_from([None, "Ada", "Bo"]), st.sampled_from([None, "Soler", "Lind"])),
)
streams = st.lists(introductions, max_size=12).map(
    lambda told: [Introduction(said, name, spare_id) for spare_id, (said, name) in enumerate(told, start=1)]
)


@given(streams)
def test_who_introduces_themselves_again_is_the_same(stream: list[Introduction]) -> None:
    """The same introduction right after the first is the same person, whatever was known before."""
    directory = Directory()
    for one in stream:
        first = directory.meet(one)
        again = directory.meet(Introduction(one.identities, one.name, one.spare_id + 1000))
        if joining(one.identities):
            assert first.person_id == again.person_id


@given(streams)
def test_verified_joins_always_and_stated_never_contradicts(stream: list[Introduction]) -> None:
    """Somebody joins the owner of a verified address, or one who has a stated address and no other name."""
    directory = Directory()
    for one in stream:
        owners = dict(directory.owners)
        names = dict(directory.names)
        sharers = {address: list(people) for address, people in directory.sharers.items()}
        meeting = directory.meet(one)
        said = {identity.evidence: address_of(identity) for identity in joining(one.identities)}
        verified = {
            owners[address_of(identity)]
            for identity in one.identities
            if identity.evidence is Evidence.VERIFIED and address_of(identity) in owners
        }
        if verified:
            assert meeting.person_id in verified
        elif not meeting.is_new:
            assert not names_conflict(names[meeting.person_id].words, one.name.words)
            known = {
                person
                for identity in joining(one.identities)
                for person in (owners.get(address_of(identity)), *sharers.get(address_of(identity), ()))
            }
            assert meeting.person_id in known
        assert all(directory.owners[address] in {meeting.person_id, owners.get(address)} for address in said.values())


@given(streams)
def test_an_address_never_changes_hands(stream: list[Introduction]) -> None:
    """Whoever got an address keeps it; what contradicts becomes a candidate between two different people."""
    directory = Directory()
    for one in stream:
        before = dict(directory.owners)
        directory.meet(one)
        assert before.items() <= directory.owners.items()
    assert all(candidate.person_id != candidate.other_person_id for candidate in directory.candidates)


def desk(**fields: object) -> Desk:
    """A desk with lead 1, open and without an owner."""
    return Desk({1: OwnerStanding(1, 4, None, 0, **fields)}, {})  # type: ignore[arg-type]


def test_newer_decision_replaces_the_owner() -> None:
    """Each newer decision is applied and says whom it replaced."""
    board = desk()
    first, second = board.take_up(decision(1, 1, 7)), board.take_up(decision(1, 3, 8))
    assert (None, 5, None) == (first.reason, first.lead_version, first.previous_member_id)
    assert (None, 6, 7) == (second.reason, second.lead_version, second.previous_member_id)
    assert (8, 3) == (board.standings[1].assigned_id, board.standings[1].decision_number)


def test_older_decision_is_refused_and_a_repeated_one_is_answered_once_more() -> None:
    """Late is superseded, whatever was said of it at first; the latest is answered again as it was."""
    board = desk()
    first, applied = board.take_up(decision(1, 1, 8)), board.take_up(decision(1, 2, 7))
    assert (None, None) == (first.reason, applied.reason)
    assert applied == board.take_up(decision(1, 2, 7))
    assert Refusal.SUPERSEDED == board.take_up(decision(1, 1, 8)).reason
    assert 2 == len(board.fresh)
    other = board.take_up(decision(1, 2, 9, decision_id=77))
    assert (Refusal.SUPERSEDED, 77) == (other.reason, other.decision_id)


@pytest.mark.parametrize("refusal", [Refusal.CLOSED, Refusal.DELETED])
def test_decision_about_a_lead_that_is_not_open_is_refused(refusal: Refusal) -> None:
    """The reason is said, and nothing changes."""
    board = desk(refusal=refusal)
    before = dict(board.standings)
    answer = board.take_up(decision(1, 1))
    assert refusal == answer.reason
    assert before == board.standings


def test_decision_about_an_unknown_lead_is_refused() -> None:
    """A lead that leads has never seen cannot be owned."""
    answer = desk().take_up(decision(2, 1))
    assert (Refusal.UNKNOWN, 0) == (answer.reason, answer.lead_version)
