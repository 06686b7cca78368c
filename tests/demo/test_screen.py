"""What one sees, in terminals of several sizes and without one."""

import io
import time

import pytest
from rich.console import Console

from deploy.demo.deliveries import Channel
from deploy.demo.journal import Answered, Journal
from deploy.demo.journeys import Board, Journey
from deploy.demo.pace import Pace
from deploy.demo.scenario import Scenario
from deploy.demo.screen import Screen
from deploy.demo.show import teller

_SUMMARY = {"received": 3, "new": 1, "repeat": 1, "update": 0, "ignored": 0, "quarantined": 0, "in_flight": 1}


@pytest.fixture
def journey(scenario: Scenario) -> Journey:
    """A lead that was told to its owner."""
    return Journey(
        1,
        "LEAD-20261122-001",
        scenario.people[0],
        owner_id=4,
        channels=[Channel.WHATSAPP, Channel.FORM],
        words="¿Cuánto cuesta?",
        said_at=1000.0,
        received_at=1000.009,
        numbered_at=1000.041,
        owned_at=1000.087,
        mailed_at=1000.160,
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (160, 50)])
def test_picture_fits(scenario: Scenario, journey: Journey, width: int, height: int) -> None:
    """The picture is no larger than the terminal, and never cuts a lead's number or its times."""
    journal, board = Journal(), Board(summary=_SUMMARY)
    board.add(journey)
    for send in scenario.sends():
        journal.begin(send.delivery, 0.0)
        journal.finish(Answered(send.delivery, send.delivery.status, 1.0, 1))
    output = io.StringIO()
    console = Console(file=output, width=width, height=height, force_terminal=True, color_system=None)
    console.print(Screen(Pace(1000.0, 75.0, time.monotonic()), journal, board, {4: "Paloma Arriaga"}, 162))
    lines = output.getvalue().splitlines()
    assert len(lines) < height
    assert max(len(line) for line in lines) <= width
    row = next(line for line in lines if "LEAD-20261122-001" in line)
    assert ["9", "41", "87", "160"] == row.split()[-4:]


def test_line_tells_the_whole_journey(journey: Journey) -> None:
    """Where there is no terminal, a lead is one readable line."""
    output = io.StringIO()
    console = Console(file=output, width=60)
    teller(console, Pace(1000.0, 75.0, time.monotonic()), {4: "Paloma Arriaga"}, quiet=False)(journey)
    line = output.getvalue()
    assert 1 == line.count("\n")
    for part in (
        "09:00",
        journey.number,
        journey.person.name,
        "WhatsApp + web form",
        "¿Cuánto cuesta?",
        "Paloma Arriaga",
    ):
        assert part in line
    assert line.rstrip().endswith("receipt 9  number 41  owner 87  mail 160")


def test_quiet_says_nothing(journey: Journey) -> None:
    """Quiet shows the end only."""
    output = io.StringIO()
    teller(Console(file=output), Pace(1000.0, 75.0, time.monotonic()), {}, quiet=True)(journey)
    assert "" == output.getvalue()
