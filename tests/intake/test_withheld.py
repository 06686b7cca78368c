"""Passwords and payment cards: what looks like one never becomes part of a receipt."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.forms import check_fields
from services.intake.domain.withheld import REMOVED, is_withheld, withhold, without_cards

# Numbers that card schemes publish for tests.
CARDS = [
    "4111111111111111",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "6011111111111117",
    "3530111333300000",
    "6200000000000005",
]


@pytest.mark.parametrize("number", CARDS)
@pytest.mark.parametrize("told", ["{}", "{}\n", "card {} please", "{} 12/27 123", "{}, {}", "x{}x"], ids=range(6))
@pytest.mark.parametrize("gap", ["", " ", "-"])
def test_a_card_number_is_removed(number: str, told: str, gap: str) -> None:
    """However it is grouped and whatever stands around it, the number is gone and the words stay."""
    spaced = gap.join(number[start : start + 4] for start in range(0, len(number), 4))
    kept = without_cards(told.format(spaced, spaced))
    assert spaced not in kept
    assert told.replace("{}", REMOVED) == kept


@pytest.mark.parametrize(
    "text",
    [
        "+52 1 55 1234 5678",
        "5215512345678",
        "4111111111111112",
        "20261127120000",
        "1234567890123",
        "4111 1111",
        "+4111111111111111",
        "9111111111111111",
    ],
)
def test_what_is_no_card_number_stays(text: str) -> None:
    """Phone numbers, times and numbers with another check digit are kept as they came."""
    assert text == without_cards(text)


@pytest.mark.parametrize("text", ["4 " * 32_000, "4222222222222 " * 5_000], ids=range(2))
def test_no_text_takes_long(text: str) -> None:
    """Whatever a sender makes of digits costs a moment, and no depth of the stack."""
    started = time.thread_time()
    without_cards(text)
    assert time.thread_time() - started < 1


SECRET_NAMES = [
    "password", "user_password", "Passwort", "pwd", "PIN", "cc-number", "cc-csc", "cc_exp", "cardNumber", "card number",
    "cvv", "cvc2", "card-holder", "passphrase",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_field_is_withheld_by_its_name(name: str) -> None:
    """Whatever is in it, it is not kept."""
    assert is_withheld(name)
    assert {} == check_fields({name: "x"})


@pytest.mark.parametrize("name", ["passengers", "passport_country", "opinion", "account", "discard", "shipping", "cc"])
def test_a_field_with_a_similar_name_is_kept(name: str) -> None:
    """A name that only begins like one of those is an ordinary field."""
    assert {name: "x"} == check_fields({name: "x"})


def test_a_phone_is_not_taken_for_a_card() -> None:
    """Beside a phone's name only what is too long for a phone is a card's number."""
    assert {"phone": "378282246310005"} == withhold({"phone": "378282246310005"})
    assert {} == withhold({"phone": CARDS[0], "note": CARDS[0], "number": int(CARDS[0])})
    assert {"deep": {"a": [REMOVED]}} == withhold({"deep": {"a": [CARDS[0]], "cvv": "123"}})


values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(values, st.sampled_from(CARDS))
def test_no_value_hides_a_card(value: Any, card: str) -> None:
    """A card's number is found in any place, and what is clean stays as it is."""
    clean = without_cards(value)
    assert clean == without_cards(clean)
    assert card not in str(without_cards({"a": [value, f"{card} "]}))
