"""The first step of a registration: whose inquiries are these? Ends with all of these people locked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.leads.domain.form_fillings import Visitor
from services.leads.domain.openings import stated_name
from services.leads.domain.people import Address, Directory, Introduction, Meeting, StatedName, address_of, joining
from services.leads.storage import people as storage
from services.leads.storage.people import StoredAddress, StoredPerson, Writing
from shared.contracts.inquiries import AnyIntakeEvent, Identity, IdentityChanged, ResponseSent
from shared.contracts.words import Evidence
from shared.kit.database import Connection
from shared.kit.writes import Writes

NOBODY: Mapping[str, Visitor] = {}


@dataclass(frozen=True, slots=True)
class Recognised:
    """Whom each event concerns, in their order, and everybody who was known before and is locked now.

    Only somebody to whom we wrote may be nobody known: what they never told us makes nobody a person.
    """

    meetings: Sequence[Meeting | None]
    known: dict[int, StoredPerson]


async def recognise_people(
    writes: Writes,
    inquiries: Sequence[AnyIntakeEvent],
    now: datetime,
    also: Collection[int] = (),
    visitors: Mapping[str, Visitor] = NOBODY,
) -> Recognised:
    """Resolve the people of a batch by their identities, and write what it teaches about them.

    The people themselves are left in `writes`: nothing before the end of the registration needs their rows.
    `visitors` are those of forms in progress, by the dedupe keys of their requests.

    Locks the addresses, then the people who own or share them and those in `also`, each in sorted order; who is whom
    is decided only then, on rows that nobody else can change.
    """
    connection = writes.connection
    spare_ids = await storage.take_person_ids(connection, len(inquiries))
    addresses = await _lock_addresses(connection, inquiries, spare_ids, now)
    spares = set(spare_ids)
    known = {address: found for address, found in addresses.items() if found.person_id not in spares}
    sharers = await _sharers(connection, inquiries, known)
    answered = await _answered(connection, inquiries, addresses)
    person_ids = {found.person_id for found in (known | answered).values()}.union(also, *sharers.values())
    person_ids.update(visitor.person_id for visitor in visitors.values())
    people = await storage.lock_people(connection, person_ids) if person_ids else {}
    claimed = await _claimed(connection, inquiries, addresses)
    seen = answered | claimed | known
    directory = Directory(
        owners={address: found.person_id for address, found in seen.items()},
        proven={address for address, found in seen.items() if found.evidence == Evidence.VERIFIED},
        sharers=sharers,
        names={person_id: person.name for person_id, person in people.items()},
        ended={address: found.ended_at for address, found in seen.items() if found.ended_at is not None},
    )
    filling = {visitor.person_id for visitor in visitors.values()}
    anonymous = await storage.list_anonymous(connection, filling) if filling else set()
    meetings = [
        _meet_visitor(directory, inquiry, visitor, visitor.person_id in anonymous)
        if (visitor := visitors.get(inquiry.dedupe_key))
        else _meet(directory, inquiry, spare_id)
        for inquiry, spare_id in zip(inquiries, spare_ids, strict=True)
    ]
    _write_people(writes, directory, _profiles(inquiries, meetings), people, now)
    if directory.candidates:
        # They point at people who may be new.
        await writes.send()
    await write_addresses(connection, directory, addresses | claimed, now)
    return Recognised(meetings, people)


def _meet_visitor(directory: Directory, event: AnyIntakeEvent, visitor: Visitor, is_anonymous: bool) -> Meeting:
    """Who fills in a form: somebody without an address may turn out to be anybody, others stay who they are."""
    person, name = visitor.person_id, stated_name(event)
    if directory.names.get(person, visitor.name) in (visitor.name, StatedName()):
        # Nobody but the form told the name, which it has corrected meanwhile.
        directory.names[person] = name
    if is_anonymous:
        return directory.meet(Introduction(_told(event), name, person, event.sent_at))
    directory.learn(person, _told(event))
    return Meeting(person, is_new=False)


def _meet(directory: Directory, event: AnyIntakeEvent, spare_id: int) -> Meeting | None:
    if isinstance(event, ResponseSent):
        return directory.recall(event.sender.identities, event.sent_at)
    ended = event.previous if isinstance(event, IdentityChanged) else ()
    return directory.meet(Introduction(_told(event), stated_name(event), spare_id, event.sent_at, ended))


def _told(event: AnyIntakeEvent) -> Sequence[Identity]:
    """The identities by which an event makes somebody known."""
    if isinstance(event, ResponseSent):
        return ()
    identities = event.sender.identities
    return (*event.previous, *identities) if isinstance(event, IdentityChanged) else identities


async def _lock_addresses(
    connection: Connection, inquiries: Sequence[AnyIntakeEvent], spare_ids: Sequence[int], now: datetime
) -> dict[Address, StoredAddress]:
    writings: dict[Address, Writing] = {}
    for inquiry, spare_id in zip(inquiries, spare_ids, strict=True):
        for identity in joining(_told(inquiry)):
            address = address_of(identity)
            # The first to show a new address gets it, with their evidence; who shows it later may be somebody else.
            writings.setdefault(address, Writing(address, identity.value, identity.evidence, spare_id))
    return await storage.lock_addresses(connection, writings.values(), now) if writings else {}


async def _sharers(
    connection: Connection, inquiries: Sequence[AnyIntakeEvent], known: dict[Address, StoredAddress]
) -> dict[Address, list[int]]:
    stated = {
        address_of(identity)
        for inquiry in inquiries
        for identity in _told(inquiry)
        if identity.evidence is Evidence.STATED
    }
    ids = {known[address].id: address for address in stated & known.keys()}
    found = await storage.list_sharers(connection, ids) if ids else {}
    return {ids[identity_id]: sharers for identity_id, sharers in found.items()}


async def _claimed(
    connection: Connection, inquiries: Sequence[AnyIntakeEvent], addresses: dict[Address, StoredAddress]
) -> dict[Address, StoredAddress]:
    claimed = {
        address_of(identity)
        for inquiry in inquiries
        for identity in inquiry.sender.identities
        if identity.evidence is Evidence.CLAIMED
    }
    unknown = claimed - addresses.keys()
    return await storage.list_addresses(connection, unknown) if unknown else {}


async def _answered(
    connection: Connection, inquiries: Sequence[AnyIntakeEvent], addresses: dict[Address, StoredAddress]
) -> dict[Address, StoredAddress]:
    """The addresses that we wrote to, of those that are known."""
    written_to = {
        address_of(identity)
        for event in inquiries
        if isinstance(event, ResponseSent)
        for identity in event.sender.identities
    }
    unknown = written_to - addresses.keys()
    return await storage.list_addresses(connection, unknown) if unknown else {}


def _profiles(inquiries: Sequence[AnyIntakeEvent], meetings: Sequence[Meeting | None]) -> dict[int, str | None]:
    """The latest profile name of each person in the batch."""
    profiles: dict[int, str | None] = {}
    for inquiry, meeting in zip(inquiries, meetings, strict=True):
        if meeting is None or isinstance(inquiry, ResponseSent):
            continue
        profiles[meeting.person_id] = inquiry.sender.profile_name or profiles.get(meeting.person_id)
    return profiles


def _write_people(
    writes: Writes,
    directory: Directory,
    profiles: dict[int, str | None],
    known: dict[int, StoredPerson],
    now: datetime,
) -> None:
    added: list[tuple[int, StatedName, str | None]] = []
    renamed: list[tuple[int, StatedName, str | None]] = []
    for person_id, profile in profiles.items():
        before = known.get(person_id)
        name = directory.names[person_id]
        if before is None:
            added.append((person_id, name, profile))
        elif (name, profile or before.profile_name) != before:
            renamed.append((person_id, name, profile or before.profile_name))
    storage.add_people(writes, added, now)
    if renamed:
        storage.rename_people(writes, renamed, now)


async def write_addresses(
    connection: Connection, directory: Directory, stored: dict[Address, StoredAddress], now: datetime
) -> None:
    """Write what a directory learned about locked addresses: their owners, their evidence, and who may be one."""
    moved = [
        (stored[address].id, person_id)
        for address, person_id in directory.bound.items()
        if stored[address].person_id != person_id
    ]
    if moved:
        await storage.give_addresses(connection, moved)
    if directory.raised:
        proofs = [(stored[address].id, value) for address, value in directory.raised.items()]
        await storage.raise_evidence(connection, proofs)
    if directory.taken_over:
        taken = [(stored[address].id, identity) for address, identity in directory.taken_over.items()]
        await storage.take_over_addresses(connection, taken, now)
    if directory.ends:
        ends = [(stored[address].id, directory.ended.get(address)) for address in directory.ends]
        await storage.end_addresses(connection, ends)
    if directory.candidates:
        flagged = [(candidate, stored[candidate.address].id) for candidate in directory.candidates]
        await storage.flag_candidates(connection, flagged, now)
