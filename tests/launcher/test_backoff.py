"""The pause before a service that ended is started again."""

from deploy.local.backoff import LONGEST, RECOVERED, Backoff


def test_the_pause_doubles_up_to_a_limit() -> None:
    """Each early end doubles the pause, up to fifteen seconds."""
    backoff = Backoff()

    assert [0.5, 1.0, 2.0, 4.0, 8.0, LONGEST, LONGEST] == [backoff.after_running(1) for _ in range(7)]


def test_a_long_run_is_a_recovery() -> None:
    """A service that ran for half a minute starts again at once when it ends."""
    backoff = Backoff()
    for _ in range(5):
        backoff.after_running(1)

    assert 0.5 == backoff.after_running(RECOVERED)
