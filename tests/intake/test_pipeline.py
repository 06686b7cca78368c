"""intake's worker on a real broker, with a stand-in of leads that answers, dawdles, and loses its broker's log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from deploy.local.servers import Servers
from services.intake.settings import IntakeSettings
from services.intake.storage.receipt_writer import ReceiptWriter
from services.intake.use_cases.receive_delivery import ReceiveDelivery, Stamp
from services.intake.use_cases.summarise_receipts import Summary, summarise_receipts
from services.intake.wiring import MIGRATIONS, build_worker, reaching
from shared.contracts.events import EVENT_TYPE_HEADER, event_type
from shared.contracts.inquiries import AnyIntakeEvent, InquirySettled, decode_inquiry
from shared.contracts.topics import INQUIRIES, OPS_COMMANDS, SETTLEMENTS
from shared.contracts.words import Channel, SettlementOutcome
from shared.kit import outbox
from shared.kit.assembly import Assembly
from shared.kit.broker import Broker, build_producer
from shared.kit.clock import SystemClock
from shared.kit.consumer import Consumer
from shared.kit.database import Connection, Database
from shared.kit.identifiers import new_id
from shared.kit.migrations import create_database, upgrade
from shared.kit.operations import issue
from shared.kit.process import Worker
from shared.kit.records import Received
from shared.kit.relay import OutboxSource, Relay
from shared.kit.settings import CommonSettings
from tests.intake.deliveries import dumped, message, whatsapp_messages
from tests.support.waiting import eventually


class StandInForLeads:
    """Reads inquiries as leads does, and settles all but those that it is told to pass over."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.seen: list[AnyIntakeEvent] = []
        self.pass_over = 0

    def worker(self, bootstrap_servers: str) -> Worker:
        """Its consumer and its relay."""
        consumer = Consumer(
            service="leads", topic=INQUIRIES, decode=decode_inquiry, handle=self.on_inquiries, database=self.database
        )
        source = OutboxSource([SETTLEMENTS], self.database.committed)
        broker = Broker(bootstrap_servers)
        relay = Relay(source=source, database=self.database, broker=broker, service="leads")
        return Worker("leads", broker, consumers=[consumer], relays=[relay])

    async def on_inquiries(self, connection: Connection, batch: Sequence[Received[AnyIntakeEvent]]) -> None:
        """Answer each inquiry with "new"."""
        answers = []
        for event in (received.event for received in batch):
            self.seen.append(event)
            if self.pass_over:
                self.pass_over -= 1
                continue
            answer = InquirySettled(
                event_id=new_id(),
                occurred_at=event.occurred_at,
                correlation_id=event.receipt_id,
                receipt_id=event.receipt_id,
                outcome=SettlementOutcome.NEW,
            )
            answers.append((event.receipt_id, answer))
        await outbox.append(connection, SETTLEMENTS, answers)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A migrated database, open."""
    await create_database(url)
    await upgrade(url, MIGRATIONS)
    database = Database(url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[None]:
    """Run workers in the background, and stop them as a signal would."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def summary(database: Database) -> Summary:
    """The equation."""
    async with database.connection() as connection:
        return await summarise_receipts(connection)


async def test_every_receipt_is_settled_whatever_happens_to_the_broker(
    private_servers: Servers, common_settings: CommonSettings, own_settings: IntakeSettings, stamp: Stamp
) -> None:
    """Silence, a broker that is away, a log that is lost and an adapter that is not ready cost time, and no receipt."""
    bootstrap_servers = private_servers.environment["LEADLINE_KAFKA_BOOTSTRAP_SERVERS"]
    server = private_servers.environment["LEADLINE_DATABASE_URL"]
    common = common_settings.model_copy(update={"kafka_bootstrap_servers": bootstrap_servers})
    own = own_settings.model_copy(update={"sweep_seconds": 0.2})
    async with (
        opened(f"{server}/intake") as database,
        opened(f"{server}/leads") as leads_database,
        reaching(common.redis_url) as others,
    ):
        leads = StandInForLeads(leads_database)
        take = ReceiveDelivery(Channel.WHATSAPP, stamp, ReceiptWriter(database))

        async def receive(first: int, last: int) -> None:
            for number in range(first, last):
                await take(dumped(whatsapp_messages(message(f"wamid.{number}"))))

        async def is_settled(expected: int) -> bool:
            if leads.pass_over == 0:
                # The grace of half a minute is over at once.
                async with database.connection() as connection:
                    await connection.execute(
                        """
                        WITH locked AS (SELECT id FROM receipts WHERE state = 'published' ORDER BY id FOR UPDATE)
                        UPDATE receipts SET retry_at = now() FROM locked WHERE receipts.id = locked.id
                        """
                    )
            return (await summary(database)).new == expected

        leads.pass_over = 3
        intake, _ = build_worker(Assembly("intake", common, database, stamp.clock), own, others)
        workers = [intake, leads.worker(bootstrap_servers)]
        async with running(*workers):
            await receive(0, 50)
            await eventually(lambda: is_settled(50), within=30)
            assert 53 <= len(leads.seen)
            first_seen = list(dict.fromkeys(event.receipt_id for event in leads.seen))
            assert sorted(first_seen) == first_seen

            await private_servers.kafka.kill()
            await receive(50, 80)
            assert 30 == (await summary(database)).in_flight
            await private_servers.kafka.wipe()
            await private_servers.kafka.start()
            await eventually(lambda: is_settled(80), within=60)
            await receive(80, 90)
            await eventually(lambda: is_settled(90), within=30)

            await take(dumped(whatsapp_messages(message("wamid.odd", kind="hologram"))))
            await eventually(lambda: is_quarantined(database), within=10)
            async with database.connection() as connection:
                # As if an adapter had been fixed in the meantime.
                await connection.execute("UPDATE receipt_bodies SET body = (SELECT body FROM receipt_bodies LIMIT 1)")
            await command(common, "receipts.replay", reason="unknown message type")
            await eventually(lambda: is_settled(91), within=30)
        assert Summary(91, 91, 0, 0, 0, 0, 0) == await summary(database)


async def is_quarantined(database: Database) -> bool:
    """Whether one receipt waits for a better adapter."""
    return (await summary(database)).quarantined == 1


async def command(common: CommonSettings, name: str, **arguments: object) -> None:
    """Issue an operator's command to intake."""
    key = common.operations_key.get_secret_value()
    issued = issue(SystemClock(), key, target="intake", name=name, arguments=arguments, issued_by="a test")
    await Broker(common.kafka_bootstrap_servers).ensure_topics([OPS_COMMANDS])
    producer = build_producer(common.kafka_bootstrap_servers, "tests")
    await producer.start()
    try:
        headers = [(EVENT_TYPE_HEADER, event_type(issued).encode())]
        await producer.send_and_wait(OPS_COMMANDS.name, issued.model_dump_json().encode(), b"intake", headers=headers)
    finally:
        await producer.stop()
