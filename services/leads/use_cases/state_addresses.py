"""An address that somebody writes on a lead: its person is known by it from then on, as if they had stated it.

In two steps around the lead's own lock, because addresses are locked before people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.domain.people import Address, Directory, address_of
from services.leads.storage import people as storage
from services.leads.storage.people import StoredAddress, Writing
from services.leads.storage.tables import Lead
from services.leads.use_cases.recognise_people import write_addresses
from shared.contracts.inquiries import Identity
from shared.contracts.words import Evidence
from shared.kit.database import driver


@dataclass(frozen=True, slots=True)
class HeldAddresses:
    """Addresses that this transaction has locked; those that nobody had belong to `spare_id` until they are given."""

    identities: Sequence[Identity] = ()
    stored: dict[Address, StoredAddress] = field(default_factory=dict)
    spare_id: int | None = None


async def hold_addresses(session: AsyncSession, identities: Sequence[Identity], now: datetime) -> HeldAddresses:
    """Lock addresses, before the lead that they are written on; `state_addresses` must follow."""
    if not identities:
        return HeldAddresses()
    connection = await driver(session)
    (spare_id,) = await storage.take_person_ids(connection, 1)
    writings = [Writing(address_of(one), one.value, one.evidence, spare_id) for one in identities]
    return HeldAddresses(identities, await storage.lock_addresses(connection, writings, now), spare_id)


async def state_addresses(session: AsyncSession, lead: Lead, held: HeldAddresses, now: datetime) -> None:
    """Give held addresses to a locked lead's person; one that is somebody else's makes the two candidates."""
    if not held.identities:
        return
    connection = await driver(session)
    known = {address: found for address, found in held.stored.items() if found.person_id != held.spare_id}
    people = {found.person_id for found in known.values()} | {lead.person_id}
    ids = {found.id: address for address, found in known.items()}
    sharers = await storage.list_sharers(connection, ids) if ids else {}
    directory = Directory(
        owners={address: found.person_id for address, found in known.items()},
        proven={address for address, found in known.items() if found.evidence == Evidence.VERIFIED},
        sharers={ids[identity_id]: found for identity_id, found in sharers.items()},
        ended={address: found.ended_at for address, found in known.items() if found.ended_at is not None},
        # Of the others unlocked: their names only tell which sort of candidate this is.
        names=await storage.list_names(connection, people),
    )
    directory.learn(lead.person_id, held.identities)
    await write_addresses(connection, directory, held.stored, now)
