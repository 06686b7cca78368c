"""People and their identities, in sets. All locks are taken in one order: identities by address, people by id."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.leads.domain.people import Address, Candidate, Reason, StatedName
from shared.contracts.inquiries import Identity
from shared.contracts.words import Evidence
from shared.kit.database import Connection
from shared.kit.sequences import take_ids
from shared.kit.writes import Target, Writes


class Writing(NamedTuple):
    """An address as a batch saw it, with the person it gets if it belongs to nobody."""

    address: Address
    value: str
    evidence: str
    spare_person_id: int


class StoredAddress(NamedTuple):
    """An address in the database, with the evidence that its owner gave for it, and until when they had it."""

    id: int
    person_id: int
    evidence: str
    ended_at: datetime | None


class StoredPerson(NamedTuple):
    """A person in the database, locked until the transaction ends."""

    name: StatedName
    profile_name: str | None


async def take_person_ids(connection: Connection, count: int) -> list[int]:
    """New ids for people who may turn out to be needed; unused ones are lost, which harms nobody."""
    return await take_ids(connection, "people_id_seq", count)


async def lock_addresses(
    connection: Connection, writings: Iterable[Writing], now: datetime
) -> dict[Address, StoredAddress]:
    """Insert the addresses that nobody has, lock them all, and say whose they are.

    The upsert waits for any other transaction that holds one of them, and then sees what that one decided: two
    batches that meet the same new person cannot both believe that they are first. What is known of an address
    stays as it is: whose evidence this is, is decided later.
    """
    ordered = sorted(writings)
    rows = await connection.fetch(
        """
        INSERT INTO identities AS known
            (kind, scope, match_key, value, evidence, person_id, first_seen_at, last_seen_at)
        SELECT kind, scope, match_key, value, evidence, person_id, $7, $7
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
            WITH ORDINALITY AS row (kind, scope, match_key, value, evidence, person_id, position)
        ORDER BY row.position
        ON CONFLICT (kind, scope, match_key) DO UPDATE SET last_seen_at = excluded.last_seen_at
        RETURNING id, kind, scope, match_key, person_id, evidence, ended_at
        """,
        [row.address.kind for row in ordered],
        [row.address.scope for row in ordered],
        [row.address.match_key for row in ordered],
        [row.value for row in ordered],
        [row.evidence for row in ordered],
        [row.spare_person_id for row in ordered],
        now,
    )
    return _addresses(rows)


async def list_addresses(connection: Connection, addresses: Collection[Address]) -> dict[Address, StoredAddress]:
    """Whose these addresses are, without locking them; unknown ones are left out."""
    rows = await connection.fetch(
        """
        SELECT id, kind, scope, match_key, person_id, evidence, ended_at FROM identities
        JOIN unnest($1::text[], $2::text[], $3::text[]) AS row (kind, scope, match_key)
            USING (kind, scope, match_key)
        """,
        [address.kind for address in addresses],
        [address.scope for address in addresses],
        [address.match_key for address in addresses],
    )
    return _addresses(rows)


def _addresses(rows: Iterable[Any]) -> dict[Address, StoredAddress]:
    return {
        Address(row["kind"], row["scope"], row["match_key"]): StoredAddress(
            row["id"], row["person_id"], row["evidence"], row["ended_at"]
        )
        for row in rows
    }


async def list_sharers(connection: Connection, identity_ids: Collection[int]) -> dict[int, list[int]]:
    """For each identity the people who stated it under a name that contradicts its owner's, oldest first."""
    rows = await connection.fetch(
        """
        SELECT identity_id, person_id FROM person_candidates
        WHERE identity_id = ANY($1::bigint[]) AND reason = $2 ORDER BY id
        """,
        list(identity_ids),
        Reason.NAME_CONFLICT,
    )
    sharers: dict[int, list[int]] = {}
    for row in rows:
        sharers.setdefault(row["identity_id"], []).append(row["person_id"])
    return sharers


async def lock_people(connection: Connection, person_ids: Collection[int]) -> dict[int, StoredPerson]:
    """Lock people in the order of their ids and return them as they are now.

    NO KEY UPDATE, not UPDATE: the latter would wait for every transaction that only writes a row pointing at one
    of them, and deadlock with it.
    """
    rows = await connection.fetch(
        """
        SELECT id, first_name, last_name, profile_name FROM people
        WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
        """,
        list(person_ids),
    )
    return {
        row["id"]: StoredPerson(StatedName(row["first_name"], row["last_name"]), row["profile_name"]) for row in rows
    }


async def list_names(connection: Connection, person_ids: Collection[int]) -> dict[int, StatedName]:
    """What people called themselves, without locking them."""
    rows = await connection.fetch(
        "SELECT id, first_name, last_name FROM people WHERE id = ANY($1::bigint[])", list(person_ids)
    )
    return {row["id"]: StatedName(row["first_name"], row["last_name"]) for row in rows}


_PEOPLE = Target(
    "people",
    {
        "id": "bigint",
        "first_name": "text",
        "last_name": "text",
        "profile_name": "text",
        "created_at": "timestamptz",
        "updated_at": "timestamptz",
    },
)


async def list_anonymous(connection: Connection, person_ids: Collection[int]) -> set[int]:
    """Those of locked people who have no address at all."""
    rows = await connection.fetch(
        """
        SELECT id FROM unnest($1::bigint[]) AS row (id)
        WHERE NOT EXISTS (SELECT FROM identities WHERE identities.person_id = row.id)
        """,
        list(person_ids),
    )
    return {row["id"] for row in rows}


def add_people(writes: Writes, people: Sequence[tuple[int, StatedName, str | None]], now: datetime) -> None:
    """Insert people as (id, stated name, profile name)."""
    rows = [(person_id, name.first, name.last, profile, now, now) for person_id, name, profile in people]
    writes.insert(_PEOPLE, rows)


def rename_people(writes: Writes, people: Sequence[tuple[int, StatedName, str | None]], now: datetime) -> None:
    """Write the stated and the profile names of locked people, as (id, stated name, profile name)."""
    writes.add(
        """
        UPDATE people SET
            first_name = row.first_name, last_name = row.last_name, profile_name = row.profile_name,
            updated_at = $5
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
            AS row (id, first_name, last_name, profile_name)
        WHERE people.id = row.id
        """,
        [person_id for person_id, _, _ in people],
        [name.first for _, name, _ in people],
        [name.last for _, name, _ in people],
        [profile for _, _, profile in people],
        now,
    )


async def give_addresses(connection: Connection, owners: Sequence[tuple[int, int]]) -> None:
    """Give locked addresses to their people, as (identity id, person id)."""
    await connection.execute(
        """
        UPDATE identities SET person_id = row.person_id
        FROM unnest($1::bigint[], $2::bigint[]) AS row (id, person_id) WHERE identities.id = row.id
        """,
        [identity_id for identity_id, _ in owners],
        [person_id for _, person_id in owners],
    )


async def raise_evidence(connection: Connection, proofs: Sequence[tuple[int, str]]) -> None:
    """Note that the owners of locked addresses proved them, as (identity id, how it was written then)."""
    await connection.execute(
        """
        UPDATE identities SET evidence = $3, value = row.value
        FROM unnest($1::bigint[], $2::text[]) AS row (id, value) WHERE identities.id = row.id
        """,
        [identity_id for identity_id, _ in proofs],
        [value for _, value in proofs],
        Evidence.VERIFIED,
    )


async def end_addresses(connection: Connection, ends: Sequence[tuple[int, datetime | None]]) -> None:
    """Note until when the owners of locked addresses had them, as (identity id, time); None while they have them."""
    await connection.execute(
        """
        UPDATE identities SET ended_at = row.ended_at
        FROM unnest($1::bigint[], $2::timestamptz[]) AS row (id, ended_at) WHERE identities.id = row.id
        """,
        [identity_id for identity_id, _ in ends],
        [ended_at for _, ended_at in ends],
    )


async def take_over_addresses(connection: Connection, taken: Sequence[tuple[int, Identity]], now: datetime) -> None:
    """Write what the new owners of locked addresses showed of them, as (identity id, how they showed it)."""
    await connection.execute(
        """
        UPDATE identities SET value = row.value, evidence = row.evidence, first_seen_at = $4
        FROM unnest($1::bigint[], $2::text[], $3::text[]) AS row (id, value, evidence) WHERE identities.id = row.id
        """,
        [identity_id for identity_id, _ in taken],
        [identity.value for _, identity in taken],
        [identity.evidence for _, identity in taken],
        now,
    )


async def flag_candidates(connection: Connection, candidates: Sequence[tuple[Candidate, int]], now: datetime) -> None:
    """Note (candidate, identity id) for a human; what was noted before stays as it was."""
    await connection.execute(
        """
        INSERT INTO person_candidates (person_id, other_person_id, identity_id, reason, created_at)
        SELECT person_id, other_person_id, identity_id, reason, $5
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])
            AS row (person_id, other_person_id, identity_id, reason)
        ORDER BY identity_id, person_id, other_person_id, reason
        ON CONFLICT ON CONSTRAINT uq_person_candidates_pair DO NOTHING
        """,
        [candidate.person_id for candidate, _ in candidates],
        [candidate.other_person_id for candidate, _ in candidates],
        [identity_id for _, identity_id in candidates],
        [candidate.reason for candidate, _ in candidates],
        now,
    )
