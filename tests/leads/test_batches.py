"""How inquiries are cut into batches makes no difference."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from shared.contracts.inquiries import InquiryReceived
from shared.contracts.words import Channel, Evidence
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from tests.leads.conftest import migrate
from tests.leads.makers import assert_sound, inquiry, mail, phone, register, rows, whatsapp_user
from tests.support.databases import Databases


def conversation(rng: random.Random) -> list[InquiryReceived]:
    """Inquiries of people who share, swap, state and claim addresses under several names."""
    sent = []
    for number in range(40):
        identities = [
            rng.choice(
                [phone(key, rng.choice(list(Evidence))), mail(f"{key}@example.com"), whatsapp_user(key)],
            )
            for key in (str(rng.randrange(12)) for _ in range(rng.randrange(4)))
        ]
        sent.append(
            inquiry(
                str(number),
                *identities,
                channel=rng.choice([Channel.FORM, Channel.WHATSAPP]),
                thread=rng.choice([None, "a", "b"]),
                lead_uuid=rng.choice([None, new_id()]),
                first_name=rng.choice([None, "Ada", "Bo"]),
                last_name=rng.choice([None, None, "Soler"]),
                profile_name=rng.choice([None, "sunny days"]),
                language=rng.choice([None, "es"]),
            )
        )
    return sent


async def outcome_of(database: Database, sent: Sequence[InquiryReceived]) -> dict[str, Any]:
    """What a registration came to, without the ids that sequences gave."""
    answer: dict[str, Any] = {}
    answer["leads"] = await rows(
        database,
        """
        SELECT lead.number, lead.first_name, lead.last_name, lead.phone, lead.phone_key, lead.email, lead.language,
            lead.is_repeat, lead.version, earlier.number AS repeat_of, person.first_name AS stated_first_name,
            person.last_name AS stated_last_name, person.profile_name, dense_rank() OVER (ORDER BY person.id) AS person
        FROM leads AS lead
        JOIN people AS person ON person.id = lead.person_id LEFT JOIN leads AS earlier ON earlier.id = lead.repeat_of_id
        ORDER BY lead.serial
        """,
    )
    answer["claims"] = await rows(
        database,
        """
        SELECT dedupe_key, claims.outcome, number FROM claims JOIN leads ON leads.id = lead_id ORDER BY dedupe_key
        """,
    )
    answer["identities"] = await rows(
        database,
        """
        SELECT kind, match_key, evidence, min(number) AS first_number
        FROM identities JOIN leads USING (person_id) GROUP BY 1, 2, 3 ORDER BY 1, 2
        """,
    )
    answer["candidates"] = await rows(
        database,
        """
        SELECT match_key, kind, reason, min(one.number) AS one, min(other.number) AS other
        FROM person_candidates AS candidate JOIN identities ON identities.id = identity_id
        JOIN leads AS one ON one.person_id = candidate.person_id
        JOIN leads AS other ON other.person_id = candidate.other_person_id
        GROUP BY candidate.id, match_key, kind, reason ORDER BY 1, 2, 3, 4, 5
        """,
    )
    answer["history"] = await rows(
        database,
        """
        SELECT number, text, changes - 'repeat_of_id' AS changes
        FROM history JOIN leads ON leads.id = lead_id ORDER BY number, history.id
        """,
    )
    answer["aliases"] = await rows(
        database,
        "SELECT a.lead_uuid, number FROM lead_aliases AS a JOIN leads ON leads.id = a.lead_id ORDER BY a.lead_uuid",
    )
    await assert_sound(database, sent)
    return answer


@pytest.mark.parametrize("seed", range(4))
async def test_batches_of_any_size_come_to_the_same(databases: Databases, seed: int) -> None:
    """One batch, single inquiries, and batches of random sizes end with the same people, leads and history."""
    rng = random.Random(seed)
    sent = conversation(rng)
    cuts = [[sent], [[one] for one in sent], []]
    rest = list(sent)
    while rest:
        size = rng.randint(1, 9)
        cuts[2].append(rest[:size])
        rest = rest[size:]
    outcomes = []
    for batches in cuts:
        url = await databases.from_template("leads", migrate)
        database = Database(url)
        await database.open()
        for batch in batches:
            await register(database, *batch)
        outcomes.append(await outcome_of(database, sent))
        await database.close()
        await databases.drop(url)
    assert outcomes[0] == outcomes[1]
    assert outcomes[1] == outcomes[2]
