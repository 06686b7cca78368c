"""The composition root: everything of intake, built from settings. Nothing connects at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx2
from fastapi import APIRouter
from pydantic import SecretStr
from redis.asyncio import Redis
from starlette.routing import BaseRoute

from services.intake import handlers
from services.intake.clients.files import Files
from services.intake.clients.form_limits import FormLimits
from services.intake.clients.graph import GraphApi
from services.intake.clients.media import MediaHosts
from services.intake.clients.turnstile import Turnstile
from services.intake.domain.accounts import MESSENGER_DOOR, WHATSAPP_DOOR
from services.intake.domain.wishes import START_WORDS, STOP_WORDS, Wishes
from services.intake.routes import ROUTERS, TRANSLATIONS
from services.intake.routes.backend import Backend
from services.intake.routes.bodies import LIMIT
from services.intake.routes.embed import Embed
from services.intake.routes.form_desk import FormDesk
from services.intake.routes.form_providers import FormProviders
from services.intake.routes.progressive_forms import ProgressiveForms
from services.intake.routes.public_forms import PublicForms
from services.intake.routes.webhooks import Webhook
from services.intake.schedules import AccountWatch, AttachmentFetcher, EquationGauge, LeadFetcher, SilenceSweep
from services.intake.settings import IntakeSettings, parts_of
from services.intake.storage.accounts import DoorKeys
from services.intake.storage.forms import prune_posts
from services.intake.storage.receipt_writer import ReceiptWriter
from services.intake.use_cases.capture_form import CaptureForm
from services.intake.use_cases.connect_account import ConnectAccounts
from services.intake.use_cases.fetch_attachments import FetchAttachments
from services.intake.use_cases.fetch_leads import FetchLeads
from services.intake.use_cases.make_demo_form import make_demo_form
from services.intake.use_cases.manage_accounts import ManageAccounts
from services.intake.use_cases.pass_challenge import PassChallenge
from services.intake.use_cases.publish_receipts import ReceiptSource
from services.intake.use_cases.receive_answers import ReceiveAnswers
from services.intake.use_cases.receive_delivery import ReceiveDelivery, Stamp
from services.intake.use_cases.republish_receipts import RepublishReceipts
from services.intake.use_cases.submit_form import SubmitForm
from services.intake.use_cases.trust_apps import TrustedApps
from shared.contracts.inquiries import decode_settlement
from shared.contracts.topics import SETTLEMENTS
from shared.contracts.words import Channel
from shared.kit.assembly import Assembly, assembling
from shared.kit.database import Database
from shared.kit.front import Front
from shared.kit.health import Status
from shared.kit.process import Service, Worker
from shared.kit.sealing import Seal
from shared.kit.web import build_app

NAME = "intake"
MIGRATIONS = Path(__file__).parent / "storage" / "migrations"
# Settling is one statement for any number of receipts; bigger batches cost less each.
_SETTLEMENTS_AT_ONCE = 1000
# Much longer than the ten minutes in which the same content is the same post.
_POSTS_KEPT = timedelta(days=1)


def database_url() -> str:
    """The address of intake's database, from the environment."""
    return IntakeSettings().database(NAME)


@asynccontextmanager
async def wire(*, has_worker: bool = True) -> AsyncIterator[Service]:
    """Build the service from the environment; raises `ValidationError` when a setting is missing or refused."""
    own = IntakeSettings()
    async with assembling(NAME, own) as assembly, reaching(assembly.common.redis_url) as others:
        worker, status = build_worker(assembly, own, others)
        running = worker if has_worker else None
        health = assembly.health(running, status)
        trusted = build_trust(own, assembly.database)
        if assembly.common.development:
            await make_demo_form(assembly.database, build_seal(own), assembly.clock.now())
        app = build_web(assembly, own, others, trusted, health)
        yield Service(NAME, own.host, own.port, app, running, health, watches=[trusted])


@dataclass(frozen=True)
class Others:
    """Whom the edge asks while somebody waits for its answer; both may be away."""

    redis: Redis
    http: httpx2.AsyncClient


@asynccontextmanager
async def reaching(redis_url: str) -> AsyncIterator[Others]:
    """Clients that give up early; nothing connects before it is used."""
    redis = Redis.from_url(redis_url, socket_timeout=0.25, socket_connect_timeout=0.25)
    async with httpx2.AsyncClient() as http:
        try:
            yield Others(redis, http)
        finally:
            await redis.aclose()


def build_stamp(assembly: Assembly) -> Stamp:
    """What turns items into receipts."""
    common = assembly.common
    return Stamp(assembly.clock, common.time_zone, common.privacy_key.get_secret_value())


def build_seal(own: IntakeSettings) -> Seal:
    """What keeps the secrets that forms and accounts are given."""
    return Seal(*parts_of(own.encryption_key))


def build_trust(own: IntakeSettings, database: Database) -> TrustedApps:
    """Who may deliver: whom the environment names, and the connected accounts."""
    fixed = {
        WHATSAPP_DOOR: _door_keys(own.whatsapp_app_secret, own.whatsapp_verify_token),
        MESSENGER_DOOR: _door_keys(own.messenger_app_secret, own.messenger_verify_token),
    }
    return TrustedApps(database, build_seal(own), fixed)


def build_graph(own: IntakeSettings, others: Others) -> GraphApi:
    """Meta's Graph API."""
    return GraphApi(others.http, own.graph_url, own.graph_version)


def _door_keys(secrets: SecretStr, tokens: SecretStr) -> DoorKeys:
    return DoorKeys(
        tuple(part.encode() for part in parts_of(secrets)), tuple(part.encode() for part in parts_of(tokens))
    )


def build_web(
    assembly: Assembly, own: IntakeSettings, others: Others, trusted: TrustedApps, health: APIRouter
) -> Front:
    """The HTTP side: the webhooks in front, then the rest of the public edge, and REST behind it."""
    app = build_app(
        title="Leadline intake",
        gate=assembly.gate(),
        routers=[*ROUTERS, health],
        edge=build_forms(own, assembly, others),
        translations=TRANSLATIONS,
        body_limit=LIMIT,
    )
    database, seal, public_url = assembly.database, build_seal(own), assembly.common.public_url
    graph = build_graph(own, others)
    connecting = ConnectAccounts(database, seal, assembly.clock, graph, public_url, own.development)
    accounts = ManageAccounts(database, seal)
    app.state.backend = Backend(database, assembly.clock, seal, accounts, connecting, public_url, Files(own.files_url))
    return Front(app, build_webhooks(trusted, assembly), TRANSLATIONS)


def build_webhooks(trusted: TrustedApps, assembly: Assembly) -> list[Webhook]:
    """The platforms' webhooks, which share one writer and with it each other's commits."""
    writer, stamp = ReceiptWriter(assembly.database), build_stamp(assembly)
    whatsapp = Webhook(
        "/webhooks/whatsapp",
        ReceiveDelivery(Channel.WHATSAPP, stamp, writer),
        partial(trusted.keys, WHATSAPP_DOOR),
    )
    messenger = Webhook(
        "/webhooks/messenger",
        ReceiveDelivery(Channel.MESSENGER, stamp, writer),
        partial(trusted.keys, MESSENGER_DOOR),
    )
    return [whatsapp, messenger]


def build_forms(own: IntakeSettings, assembly: Assembly, others: Others) -> list[BaseRoute]:
    """The public side of web forms."""
    database, stamp, seal = assembly.database, build_stamp(assembly), build_seal(own)
    desk = FormDesk(database, FormLimits(others.redis, assembly.clock, stamp.privacy_key), own.proxies)
    challenge = PassChallenge(seal, Turnstile(others.http, own.turnstile_url))
    submit_form = SubmitForm(stamp, database, challenge)
    capture_form = CaptureForm(stamp, database, challenge, timedelta(hours=own.form_hours))
    return [
        *PublicForms(desk, submit_form).routes(),
        *FormProviders(desk, submit_form, ReceiveAnswers(stamp, database), seal).routes(),
        *ProgressiveForms(desk, capture_form).routes(),
        *Embed(has_demo=assembly.common.development).routes(),
    ]


def build_wishes(own: IntakeSettings) -> Wishes:
    """The words that mean STOP and START."""
    stop, start = own.opt_out_words.split(","), own.opt_in_words.split(",")
    return Wishes.of(
        stop if own.opt_out_words.strip() else STOP_WORDS, start if own.opt_in_words.strip() else START_WORDS
    )


def build_attachments(assembly: Assembly, own: IntakeSettings, others: Others) -> FetchAttachments:
    """What fetches the files that people sent."""
    graph = build_graph(own, others)
    hosts = MediaHosts(others.http, own.graph_url, own.attachment_bytes)
    return FetchAttachments(assembly.database, build_seal(own), assembly.clock, graph, hosts, Files(own.files_url))


def build_worker(assembly: Assembly, own: IntakeSettings, others: Others) -> tuple[Worker, Status]:
    """The receipts on their way out, the settlements on their way in, and the sweep between."""
    database = assembly.database
    republish = RepublishReceipts(database, assembly.broker)
    return assembly.worker(
        [assembly.consumer(SETTLEMENTS, decode_settlement, handlers.on_settlements, max_records=_SETTLEMENTS_AT_ONCE)],
        sources=[ReceiptSource(build_stamp(assembly), database.committed, build_wishes(own))],
        loops=[
            SilenceSweep(republish, timedelta(seconds=own.sweep_seconds)),
            EquationGauge(database),
            AccountWatch(database),
            AttachmentFetcher(build_attachments(assembly, own, others)),
            LeadFetcher(FetchLeads(database, build_seal(own), assembly.clock, build_graph(own, others))),
        ],
        operations={
            "receipts.replay": handlers.on_replay_command,
            "attachments.retry": handlers.on_retry_attachments_command,
            "secrets.reseal": partial(handlers.on_reseal_command, build_seal(own)),
        },
        prunes=[partial(prune_posts, older_than=_POSTS_KEPT)],
    )
