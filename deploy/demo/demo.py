"""The demo from its first request to its last check."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from rich.console import Console

from deploy.demo.accounts import connect_accounts, count_files, read_states
from deploy.demo.checks import Evidence, Outside, check_all, check_outside
from deploy.demo.company import Company, found_company
from deploy.demo.errors import DemoFailed
from deploy.demo.graph import FakeGraph
from deploy.demo.journal import Journal
from deploy.demo.journeys import Board
from deploy.demo.lead_ads import FORM
from deploy.demo.mailbox import count_mails
from deploy.demo.messenger import PAGE
from deploy.demo.pace import Pace
from deploy.demo.report import print_report
from deploy.demo.rest import Rest
from deploy.demo.scenario import Scenario, write_scenario
from deploy.demo.screen import Screen
from deploy.demo.sender import Sender
from deploy.demo.show import live, noter, teller
from deploy.demo.stage import Shelf
from deploy.demo.target import Target
from deploy.demo.watcher import Watcher
from deploy.local.errors import PortTaken

_CONNECTIONS = httpx2.Limits(max_connections=40)
_SHORT = " That is not enough for all: the others will wait visibly in the queue until somebody's capacity is raised."


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: `seconds` for the hour, the seed of its stories, and whether only the end is shown."""

    seconds: float
    seed: int
    quiet: bool
    run: str


async def run_demo(target: Target, wish: Wish, console: Console) -> bool:
    """Play the hour into a running system and return whether everything balances; raises `DemoFailed`."""
    async with Rest.open(target) as rest, _play_graph(target) as graph:
        await rest.wait_until_ready()
        company = await found_company(rest)
        await connect_accounts(rest, graph)
        before, files = await _quiet_summary(rest), await count_files(rest)
        starts_at = time.time()
        scenario = write_scenario(wish.seed, wish.run, starts_at, wish.seconds)
        _fill(graph, scenario.shelf)
        _introduce(console, scenario, company, wish)
        journal = Journal()
        watcher = Watcher(rest, journal, scenario.people, await _last_lead_id(rest))
        pace = Pace(starts_at, wish.seconds, time.monotonic())
        journal.on_note = noter(console, pace, quiet=wish.quiet)
        watcher.news = teller(console, pace, company.names, quiet=wish.quiet)
        screen = Screen(pace, journal, watcher.board, company.names, scenario.requests)
        async with live(console, screen, quiet=wish.quiet):
            await _play(target, scenario, watcher, pace)
        await watcher.take_stock()
        evidence = await _gather(rest, journal, watcher.board, before, starts_at)
        outside = await _gather_outside(rest, scenario.shelf, files)
        return print_report(console, evidence, [*check_all(evidence), *check_outside(outside)])


@asynccontextmanager
async def _play_graph(target: Target) -> AsyncIterator[FakeGraph]:
    """Serve the Graph API where the system looks for it; raises `DemoFailed` when somebody else is there."""
    try:
        graph = await FakeGraph(target.graph_port).__aenter__()
    except PortTaken as taken:
        raise DemoFailed(f"{taken} Is another demo running?") from None
    try:
        yield graph
    finally:
        await graph.__aexit__(None, None, None)


def _fill(graph: FakeGraph, shelf: Shelf) -> None:
    for leadgen_id, answers in shelf.leads:
        graph.add_lead(leadgen_id, PAGE, answers, form_id=FORM)
    for media_id, line, content, mime_type in shelf.files:
        graph.add_media(media_id, line, content, mime_type)


async def _gather_outside(rest: Rest, shelf: Shelf, before: dict[str, int], seconds: float = 20.0) -> Outside:
    """What came of files and accounts, once no file waits any more; files take their time beside the leads."""
    deadline = time.monotonic() + seconds
    while (files := await count_files(rest))["waiting"] and time.monotonic() < deadline:
        await asyncio.sleep(0.3)
    came = {state: count - before[state] for state, count in files.items()}
    return Outside(len(shelf.files), came, await read_states(rest))


async def _play(target: Target, scenario: Scenario, watcher: Watcher, pace: Pace) -> None:
    """Send everything, and watch until all of it has come to rest or that takes too long."""
    watching = asyncio.create_task(watcher.watch())
    try:
        async with httpx2.AsyncClient(timeout=20, limits=_CONNECTIONS, follow_redirects=False) as client:
            await Sender(target, client, watcher.journal, pace, watcher).play(scenario.stories)
        await watcher.is_settled(sum(watcher.journal.leads.values()))
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def _gather(rest: Rest, journal: Journal, board: Board, before: dict[str, int], since: float) -> Evidence:
    after = await rest.get("intake", "/rest/receipts/summary")
    days = {journey.number.rpartition("-")[0] for journey in board.journeys.values()}
    numbers = [
        lead["number"] for day in sorted(days) async for lead in rest.list("leads", "/rest/leads", q=day, sort="id")
    ]
    folder = rest.target.mail_folder
    caught = await _count_own_mails(rest, board, folder, since) if folder else None
    return Evidence(journal, board, before, after, numbers, caught)


async def _count_own_mails(rest: Rest, board: Board, folder: Path, since: float) -> Counter[str]:
    """What the catcher got since the demo began, except for mails that are known to be about other leads."""
    caught = await asyncio.to_thread(count_mails, folder, since)
    own = {each["id"] for journey in board.journeys.values() for each in journey.notifications}
    if set(caught) - own:
        async for each in rest.list("notifier", "/rest/notifications"):
            if each["lead_id"] not in board.journeys:
                del caught[each["id"]]
    return caught


async def _quiet_summary(rest: Rest, seconds: float = 30.0) -> dict[str, int]:
    """The equation when nothing is in flight, to compare with; raises `DemoFailed` when that does not come."""
    deadline = time.monotonic() + seconds
    while True:
        summary = await rest.get("intake", "/rest/receipts/summary")
        if summary["in_flight"] == 0:
            return summary
        if time.monotonic() > deadline:
            raise DemoFailed(
                f"{summary['in_flight']} receipts are still in flight, so that the demo's could not be told from"
                " them. `./leadline ops status` says who is behind."
            )
        await asyncio.sleep(0.3)


async def _last_lead_id(rest: Rest) -> int:
    page = await rest.get("leads", "/rest/leads", sort="-id", limit=1)
    return page["items"][0]["id"] if page["items"] else 0


def _introduce(console: Console, scenario: Scenario, company: Company, wish: Wish) -> None:
    team = "is there already" if company.was_there else "was made"
    short = company.free_places < len(scenario.people)
    console.print(
        f"Run {wish.run}, seed {wish.seed}: {len(scenario.people)} people, {scenario.requests} requests,"
        f" an hour in {wish.seconds:g} s.\nThe team {team}; who is on shift can take {company.free_places} more leads."
        f"{_SHORT if short else ''}",
        highlight=False,
        soft_wrap=True,
    )
