"""One scenario for all tests that only read it."""

import pytest

from deploy.demo.scenario import Scenario, write_scenario


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    """The hour of `make demo`, as of some run in 2026."""
    return write_scenario(seed=7, run="test", starts_at=1_790_000_000.0, seconds=75.0)
