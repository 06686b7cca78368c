"""Sealed secrets: only the right key opens them."""

import pytest

from shared.kit.sealing import Seal, SealBroken


def test_a_sealed_text_comes_back() -> None:
    """What is sealed shows nothing, differs each time, and opens to the same text."""
    seal = Seal("a key of ours")
    first, second = seal.close("geheim ñ"), seal.close("geheim ñ")
    assert first != second
    assert "geheim" not in first
    assert ["geheim ñ", "geheim ñ"] == [seal.open(first), Seal("a key of ours").open(second)]


@pytest.mark.parametrize("spoilt", ["", "x", "gAAAAA", "ñ"])
def test_what_was_not_sealed_here_does_not_open(spoilt: str) -> None:
    """Another key, a changed value and no value at all are one error, which tells nothing."""
    sealed = Seal("a key of ours").close("geheim")
    for key, value in (("another key", sealed), ("a key of ours", spoilt), ("a key of ours", sealed[:-4])):
        with pytest.raises(SealBroken):
            Seal(key).open(value)


def test_keys_are_changed_without_losing_anything() -> None:
    """A new first key opens what the old one sealed; what is resealed opens without the old one."""
    sealed = Seal("old key").close("geheim", "table/1")
    both = Seal("new key", "old key")
    assert "geheim" == both.open(sealed, "table/1")
    assert "geheim" == Seal("new key").open(both.reseal(sealed), "table/1")
    with pytest.raises(SealBroken):
        Seal("new key").reseal(sealed)


def test_a_secret_does_not_open_at_another_place() -> None:
    """Who can write to the database cannot give one account's secret to another."""
    seal = Seal("a key of ours")
    for place in ("table/2", ""):
        with pytest.raises(SealBroken):
            seal.open(seal.close("geheim", "table/1"), place)
