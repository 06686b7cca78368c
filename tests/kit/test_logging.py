"""Nothing that people told us reaches a log, not even when things go wrong."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.kit.logging import configure_logging, describe, get_logger

CANARY = "marisol@example.com"


@pytest.fixture
def restored() -> Iterator[None]:
    """Undo what the test configures."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def fail(phone: str) -> None:
    """Raise with a text and a local variable that are personal."""
    raise ValueError(f"bad phone {phone}")


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_exceptions_are_logged_without_their_words(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    """Type and place of an exception are logged, by us and by libraries; its text and its variables are not."""
    configure_logging("tested", log_format=log_format)
    try:
        fail(CANARY)
    except ValueError as error:
        get_logger().error("it fails", exc_info=error)
        get_logger().exception("it fails again")
        logging.getLogger("a library").exception("and again")
        get_logger().error("described", error=describe(error))
    logged = capsys.readouterr().out
    assert 4 <= logged.count("ValueError")
    assert "test_logging.py" in logged
    assert CANARY not in logged


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_fields_that_may_be_personal_are_redacted(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    """A field with the name of something personal is never written, whoever logs it."""
    configure_logging("tested", log_format=log_format)
    get_logger().info("a lead", email=CANARY, lead_id=7)
    logged = capsys.readouterr().out
    assert CANARY not in logged
    assert "[redacted]" in logged
    assert "7" in logged
