"""Who is the same person: the rules of evidence, applied to one inquiry after the other.

A `Directory` holds what is known about the addresses of a batch. Each inquiry is met in its order and changes the
directory, so that a batch gives what its inquiries would have given one by one, wherever batches are cut.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from services.leads.domain.names import name_words, names_conflict
from shared.contracts.inquiries import Identity
from shared.contracts.words import Evidence, IdentityKind

_words = lru_cache(maxsize=4096)(name_words)


class Address(NamedTuple):
    """What identifies one address; sorts, so that addresses can be locked in one order by everybody."""

    kind: str
    scope: str
    match_key: str


class StatedName(NamedTuple):
    """What somebody called themselves; a channel profile's name is none."""

    first: str | None = None
    last: str | None = None

    @property
    def words(self) -> frozenset[str]:
        """The words of the whole name, for comparing."""
        return _words(self.first, self.last)

    def filled_by(self, other: "StatedName") -> "StatedName":
        """This name with a missing part taken from another that agrees in the part that both have."""
        if not self.words:
            return other
        if self.first and not self.last and _words(self.first) == _words(other.first):
            return StatedName(self.first, other.last)
        if self.last and not self.first and _words(self.last) == _words(other.last):
            return StatedName(other.first, self.last)
        return self


class Reason(StrEnum):
    """Why two people may be one."""

    NAME_CONFLICT = "name_conflict"
    SHARED_VERIFIED = "shared_verified"
    STATED_ELSEWHERE = "stated_elsewhere"
    CLAIMED = "claimed"
    FORMER_OWNER = "former_owner"


_PLATFORMS = (IdentityKind.WHATSAPP_USER, IdentityKind.MESSENGER_USER, IdentityKind.INSTAGRAM_USER)


class Candidate(NamedTuple):
    """Two people to be looked at by a human; `person_id` is the one who just wrote."""

    person_id: int
    other_person_id: int
    address: Address
    reason: Reason


@dataclass(frozen=True, slots=True)
class Introduction:
    """What an inquiry says about who sent it. `spare_id` becomes the person's id if it is nobody known.

    `at` is when they had these identities, None for now; `ended` are those of them that ended then.
    """

    identities: Sequence[Identity]
    name: StatedName
    spare_id: int
    at: datetime | None = None
    ended: Sequence[Identity] = ()


@dataclass(frozen=True, slots=True)
class Meeting:
    """Who sent an inquiry. `known_as` are others who own an address that was stated under another name."""

    person_id: int
    is_new: bool
    known_as: tuple[int, ...] = ()


def address_of(identity: Identity) -> Address:
    """The address that an identity names."""
    return Address(identity.kind, identity.scope, identity.match_key)


def joining(identities: Iterable[Identity]) -> list[Identity]:
    """The identities that can make an inquiry somebody's, the most trusted first; claims never do.

    Verified before stated, and a platform's id, which never passes to somebody else, before a phone or a mail address.
    """
    found = [identity for identity in identities if identity.evidence is not Evidence.CLAIMED]
    if len(found) > 1:
        found.sort(key=lambda one: (one.evidence is not Evidence.VERIFIED, one.kind not in _PLATFORMS))
    return found


def best_of_kind(identities: Iterable[Identity], kind: IdentityKind) -> Identity | None:
    """The most trusted identity of a kind, claims left out."""
    return next((identity for identity in joining(identities) if identity.kind is kind), None)


@dataclass(slots=True)
class Directory:
    """Addresses with their owners, and people with their stated names; grows as inquiries are met.

    `sharers` are people who stated somebody else's address under a name that contradicts the owner's: they are
    recognised when they state it again. `proven` are the addresses whose owner showed verified evidence of them;
    of others the owner's word is all there is. `ended` says until when owners had addresses that they have no more:
    what was sent later is somebody else's, who takes the address over. `bound` are addresses that got their owner here,
    `raised` those that their owner proved here, with how they wrote them then, `taken_over` those that had ended for
    whoever had them, and `ends` those whose end changed.
    """

    owners: dict[Address, int] = field(default_factory=dict)
    proven: set[Address] = field(default_factory=set)
    sharers: dict[Address, list[int]] = field(default_factory=dict)
    names: dict[int, StatedName] = field(default_factory=dict)
    ended: dict[Address, datetime] = field(default_factory=dict)
    bound: dict[Address, int] = field(default_factory=dict)
    raised: dict[Address, str] = field(default_factory=dict)
    taken_over: dict[Address, Identity] = field(default_factory=dict)
    ends: set[Address] = field(default_factory=set)
    candidates: dict[Candidate, None] = field(default_factory=dict)

    def meet(self, who: Introduction) -> Meeting:
        """Decide whose inquiry it is, by the table of evidence, and remember what it teaches."""
        identities = joining(who.identities)
        known = self._find(identities, who.name, who.at)
        person = who.spare_id if known is None else known
        self.names[person] = self.names.get(person, StatedName()).filled_by(who.name)
        rivals = [rival for identity in identities if (rival := self._claim(identity, person, who.name, who.at))]
        for identity in who.identities:
            if identity.evidence is Evidence.CLAIMED:
                self._flag(person, address_of(identity), Reason.CLAIMED)
        for identity in who.ended:
            self._end(address_of(identity), who.at)
        return Meeting(person, known is None, tuple(dict.fromkeys(rivals)))

    def recall(self, identities: Sequence[Identity], at: datetime | None = None) -> Meeting | None:
        """Who has these identities; nothing is learnt by it, and None is nobody."""
        known = self._find(joining(identities), StatedName(), at)
        return None if known is None else Meeting(known, is_new=False)

    def learn(self, person: int, identities: Iterable[Identity]) -> None:
        """Take addresses that a known person is said to have; what is somebody else's becomes a candidate."""
        for identity in joining(identities):
            self._claim(identity, person, self.names.get(person, StatedName()), None)

    def _owner(self, address: Address, at: datetime | None) -> int | None:
        """Who has the address, or had it then."""
        end = self.ended.get(address)
        return None if end is not None and (at is None or at > end) else self.owners.get(address)

    def _end(self, address: Address, at: datetime | None) -> None:
        if at is not None and address not in self.ended:
            self.ended[address] = at
            self.ends.add(address)

    def _find(self, identities: Sequence[Identity], name: StatedName, at: datetime | None) -> int | None:
        verified = [address_of(identity) for identity in identities if identity.evidence is Evidence.VERIFIED]
        # Who only stated a phone must not be taken for the one who proves now that it is theirs.
        for address in sorted(verified, key=lambda address: address not in self.proven):
            if (owner := self._owner(address, at)) is not None:
                return owner
        for identity in identities:
            address = address_of(identity)
            owner = self._owner(address, at)
            if owner is None:
                continue
            sharers = self.sharers.get(address, [])
            for person in [owner, *sharers]:
                if not names_conflict(self._known_words(person), name.words):
                    return person
        return None

    def _claim(self, identity: Identity, person: int, name: StatedName, at: datetime | None) -> int | None:
        """Give an address without owner to the person; return the owner when the names contradict each other."""
        address = address_of(identity)
        owner = self._owner(address, at)
        is_verified = identity.evidence is Evidence.VERIFIED
        if owner is None and address in self.owners:
            self._take_over(identity, address, person)
            return None
        if owner is None:
            self.owners[address] = self.bound[address] = person
            if is_verified:
                self.proven.add(address)
            return None
        if owner == person:
            if is_verified and address not in self.proven:
                self.proven.add(address)
                self.raised[address] = identity.value
            return None
        if is_verified:
            shared = address in self.proven
            self._flag(person, address, Reason.SHARED_VERIFIED if shared else Reason.STATED_ELSEWHERE)
            return None
        if person in self.sharers.get(address, ()):
            return owner
        if not names_conflict(self._known_words(owner), name.words):
            self._flag(person, address, Reason.STATED_ELSEWHERE)
            return None
        self._flag(person, address, Reason.NAME_CONFLICT)
        self.sharers.setdefault(address, []).append(person)
        return owner

    def _take_over(self, identity: Identity, address: Address, person: int) -> None:
        """Give an address that ended to who has it now: numbers are given out again, and people go back to theirs."""
        self._flag(person, address, Reason.FORMER_OWNER)
        self.owners[address] = self.bound[address] = person
        del self.ended[address]
        self.ends.add(address)
        self.taken_over[address] = identity
        self.raised.pop(address, None)
        if identity.evidence is Evidence.VERIFIED:
            self.proven.add(address)
        else:
            self.proven.discard(address)

    def _flag(self, person: int, address: Address, reason: Reason) -> None:
        owner = self.owners.get(address)
        if owner is not None and owner != person:
            self.candidates[Candidate(person, owner, address, reason)] = None

    def _known_words(self, person: int) -> frozenset[str]:
        return self.names.get(person, StatedName()).words
