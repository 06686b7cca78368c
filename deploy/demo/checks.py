"""What must be true at the end: each check is a sentence for a person, and whether it holds."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from deploy.demo.journal import TERMS, Journal
from deploy.demo.journeys import CLOSED, Board, Journey

Summary = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold; `what` says it in either case, with the figures."""

    holds: bool
    what: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the checks compare.

    `numbers` are those of all leads of the days that the demo touched, except deleted ones. `caught` is how often the
    mail catcher got each notification, other people's left out, or None where mail goes to a server of one's own.
    """

    journal: Journal
    board: Board
    before: Summary
    after: Summary
    numbers: list[str]
    caught: Counter[str] | None

    def came(self, term: str) -> int:
        """How much a term of the equation grew."""
        return self.after[term] - self.before[term]

    @property
    def journeys(self) -> list[Journey]:
        """The demo's leads, in the order of their ids."""
        return [self.board.journeys[lead_id] for lead_id in sorted(self.board.journeys)]


def check_all(evidence: Evidence) -> list[Check]:
    """Check everything."""
    return [
        check_answers(evidence.journal),
        check_equation(evidence.after),
        *check_terms(evidence),
        *check_numbers(evidence.numbers, [journey.number for journey in evidence.journeys]),
        *check_people(evidence),
        check_owners(evidence.journeys),
        *check_mails(evidence),
    ]


@dataclass(frozen=True, slots=True)
class Outside:
    """What came of files, by state, and of the connected accounts, by name; `files` were sent."""

    files: int
    came: Mapping[str, int]
    accounts: Mapping[str, str]


def check_outside(outside: Outside) -> Iterator[Check]:
    """Every file that was sent is kept, and every account is proven by a message that arrived."""
    kept = outside.came["stored"]
    yield Check(
        kept == outside.files and not outside.came["waiting"] and not outside.came["failed"],
        f"{kept} of {outside.files} files that people sent were fetched and kept",
    )
    states = ", ".join(f"{name} {state}" for name, state in outside.accounts.items()) or "none"
    yield Check(
        bool(outside.accounts) and set(outside.accounts.values()) == {"connected"}, f"connected accounts: {states}"
    )


def check_answers(journal: Journal) -> Check:
    """Every request got the answer that it must get."""
    wrong = [answered for answered in journal.answers if not answered.is_right]
    if not wrong:
        again = sum(answered.attempts > 1 for answered in journal.answers)
        retried = f", {again} of them after the edge had been away" if again else ""
        return Check(True, f"all {len(journal.answers)} requests got the answer that they must get{retried}")
    first = wrong[0]
    return Check(
        False,
        f"{len(wrong)} of {len(journal.answers)} requests got a wrong answer; the first, {first.delivery.path} "
        f"({first.delivery.note or first.delivery.channel}), got {first.status or 'none'} "
        f"instead of {first.delivery.status}",
    )


def check_equation(summary: Summary) -> Check:
    """What was received is what came of it."""
    parts = sum(count for term, count in summary.items() if term != "received")
    what = f"received {summary['received']} = sum of the rest {parts}, {summary['in_flight']} in flight"
    return Check(parts == summary["received"] and summary["in_flight"] == 0, what)


def check_terms(evidence: Evidence) -> Iterator[Check]:
    """Each term grew by exactly what our journal says."""
    for term in TERMS:
        sent, came = evidence.journal.total(term), evidence.came(term)
        if sent != came:
            yield Check(
                False,
                f"{term}: {sent} expected from what was sent, {came} counted by the system"
                " (or somebody else used it meanwhile)",
            )
    if all(evidence.journal.total(term) == evidence.came(term) for term in TERMS):
        yield Check(True, "every term grew by exactly what was sent; duplicates changed nothing")


def check_numbers(numbers: list[str], own: list[str]) -> Iterator[Check]:
    """The numbers of each day go on without a gap from the demo's first.

    Earlier ones are not judged: a deleted lead keeps its number and is not listed.
    """
    firsts = {day: min(serials) for day, serials in _serials(own).items()}
    for day, found in sorted(_serials(numbers).items()):
        first = firsts.get(day, min(found))
        missing = sorted(set(range(first, max(found) + 1)) - set(found))
        twice = [one for one, count in Counter(found).items() if count > 1]
        if missing or twice:
            yield Check(False, f"{day}: numbers missing (or deleted) {missing[:5]}, used twice {twice[:5]}")
        else:
            yield Check(True, f"{day}: numbers are {first} to {max(found)}, without a gap")


def _serials(numbers: list[str]) -> dict[str, list[int]]:
    serials: dict[str, list[int]] = defaultdict(list)
    for number in numbers:
        day, _, serial = number.rpartition("-")
        serials[day].append(int(serial))
    return serials


def check_people(evidence: Evidence) -> Iterator[Check]:
    """Everybody has as many leads as they must have, with everything they sent in them."""
    wrong = []
    expected = evidence.journal.leads
    for key, journeys in evidence.board.by_person.items():
        sent = len(evidence.journal.said[key])
        found = sum(journey.inquiries for journey in journeys)
        if len(journeys) != expected[key] or found != sent:
            name = journeys[0].person.name
            wrong.append(f"{name}: {len(journeys)} leads with {found} inquiries instead of {expected[key]} with {sent}")
    without = [key for key, count in expected.items() if count and not evidence.board.by_person.get(key)]
    if wrong or without or evidence.board.strangers:
        strangers = ", ".join(sorted(evidence.board.strangers)[:5]) or "none"
        yield Check(
            False,
            f"people and leads do not fit: {'; '.join(wrong[:5]) or 'no wrong counts'}; "
            f"{len(without)} people without a lead; leads of nobody we know: {strangers}",
        )
        return
    several = sum(len(journey.channels) > 1 for journey in evidence.journeys)
    people, leads = len(+expected), sum(expected.values())
    yield Check(True, f"{people} people have {leads} leads, {several} of them over several channels")
    yield _check_returns(evidence)


def _check_returns(evidence: Evidence) -> Check:
    """Who comes back after closing has a new lead that points at the earlier one."""
    lost = []
    returned = 0
    for journeys in evidence.board.by_person.values():
        ordered = sorted(journeys, key=lambda journey: journey.lead_id)
        for earlier, later in pairwise(ordered):
            returned += 1
            if earlier.status != CLOSED or later.repeat_of_id != earlier.lead_id:
                lost.append(later.number)
    if lost:
        return Check(False, f"{', '.join(lost)} should point at the same person's earlier lead")
    return Check(True, f"{returned} came back after closing: a new lead each, pointing at the earlier one")


def check_owners(journeys: list[Journey]) -> Check:
    """Every ready lead has an owner or waits visibly."""
    waiting = [journey for journey in journeys if journey.owner_id is None and journey.status != CLOSED]
    lost = [journey.number for journey in waiting if journey.is_ready and not journey.is_queued]
    owned = sum(journey.owner_id is not None for journey in journeys)
    if lost:
        return Check(False, f"{len(lost)} leads have no owner and are not queued, such as {lost[0]}")
    queued = sum(journey.is_queued for journey in journeys)
    reason = next((f" ({journey.queue_reason})" for journey in waiting if journey.is_queued), "")
    return Check(True, f"{owned} leads have an owner, {queued} wait visibly in the queue{reason}")


def check_mails(evidence: Evidence) -> Iterator[Check]:
    """One mail for each assignment: by leads' history, by notifier's books, and by what the mail catcher got."""
    wrong = [journey for journey in evidence.journeys if not _is_told_right(journey)]
    notifications = [each for journey in evidence.journeys for each in journey.notifications]
    sent = [each["id"] for each in notifications if each["state"] == "sent"]
    if wrong:
        named = ", ".join(
            f"{journey.number} ({journey.assignments} assignments, notifications: "
            f"{', '.join(each['state'] for each in journey.notifications) or 'none'})"
            for journey in wrong[:5]
        )
        yield Check(False, f"one mail for each assignment does not hold for {named}")
    else:
        withdrawn = len(notifications) - len(sent)
        overtaken = f"; {withdrawn} more were withdrawn, overtaken by what came next" if withdrawn else ""
        yield Check(True, f"{len(sent)} mails, one for each assignment{overtaken}")
    if evidence.caught is not None:
        yield _check_caught(sent, evidence.caught)


def _is_told_right(journey: Journey) -> bool:
    """Each assignment of the history has one notification, which was sent or overtaken, and its owner was told."""
    states = {each["state"] for each in journey.notifications}
    decisions = {each["decision_number"] for each in journey.notifications}
    told = {each["member_id"] for each in journey.notifications if each["state"] == "sent"}
    return (
        len(journey.notifications) == len(decisions) == journey.assignments
        and states <= {"sent", "withdrawn"}
        and (journey.owner_id is None or journey.owner_id in told)
    )


def _check_caught(sent: list[str], caught: Counter[str]) -> Check:
    """The mail catcher got each notification that was sent once, and nothing else."""
    often = [one for one in sent if caught[one] != 1]
    unknown = sorted(set(+caught) - set(sent))
    if often or unknown:
        return Check(
            False,
            f"the mail server got {caught.total()} mails for {len(sent)} notifications: {len(often)} of them not once,"
            f" and {len(unknown)} that notifier does not say it sent",
        )
    return Check(True, f"the mail server got each of them once, and no other: {caught.total()} for {len(sent)}")
