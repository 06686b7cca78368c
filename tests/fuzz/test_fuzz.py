"""A short run of the fuzzer; `make fuzz` is the long one."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.adapters import ADAPTERS, Tally, examine, seeds
from tests.fuzz.mutations import Mutator

_A_TIME = 20


@pytest.mark.parametrize("adapter", ADAPTERS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_no_mutation_breaks_an_adapter(adapter: str, seed: int) -> None:
    """Whatever is made of the fixtures: nothing raises, every item has one outcome, and no reason is personal."""
    mutator = Mutator(seeds(adapter), random.Random(seed))
    for _ in range(_A_TIME):
        examine(adapter, mutator.delivery(), Tally())


def test_mutations_reach_every_sort_of_outcome() -> None:
    """The fuzzer is not stuck at the surface: inquiries, updates, ignored and quarantined items all come up."""
    mutator, tally = Mutator(seeds("whatsapp"), random.Random(7)), Tally()
    for _ in range(1500):
        examine("whatsapp", mutator.delivery(), tally)
    found = set(tally.outcomes)
    assert {"text", "Edit", "IdentityChange", "Response", "OptOut", "ignored: reaction"} <= found
    assert any(name.startswith("quarantined") for name in found)
