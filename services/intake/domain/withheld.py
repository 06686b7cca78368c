"""What no form may tell us, whoever sends it: passwords and payment cards. The embed leaves out the same."""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

REMOVED = "[card number removed]"
_PASSWORD = re.compile(r"pass[-_ ]?(?:word|wd|phrase|code)|(?<![a-z])(?:pwd|pin)(?![a-z])|kennwort|passwort|senha")
_CARD = re.compile(
    r"(?<![a-z])cc[-_ ]?(?:name|number|num|csc|cvc|cvv|exp|type|given|family|additional)"
    r"|(?<![a-z])(?:cvv2?|cvc2?|csc)(?![a-z])|card[-_ ]?(?:number|num|no(?![a-z])|code|expir|cvc|cvv|holder)"
)
# Digits in groups; what begins with a plus is a phone number, of which one in ten has a card's check digit.
_GROUPS = re.compile(r"\+?[0-9]+(?:[\s.-][0-9]+)*")
_GROUP = re.compile(r"[0-9]+")
# The first digits that card schemes give out, with how long their numbers are (ISO/IEC 7812).
_SCHEMES = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    r"|(?:5[1-5]|2[2-7])[0-9]{14}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|3[0689](?:[0-9]{12}|[0-9]{14,17})"  # Diners Club
    r"|(?:35|5[06-9])[0-9]{14,17}|6[0-9]{15,18}"  # JCB, Maestro, Discover, UnionPay
)
NAMES_PATTERN, CARDS_PATTERN = f"{_PASSWORD.pattern}|{_CARD.pattern}", _SCHEMES.pattern
"""What the embed leaves out: patterns that JavaScript reads in the same way, for lower case and for all the digits."""
_SHORTEST = 13
# How long the numbers of schemes are, by their first digit.
_LENGTHS = {"2": (16,), "3": range(14, 20), "4": (13, 16, 19), "5": range(16, 20), "6": range(16, 20)}
# Digits to their values, and to those of Luhn's test where it doubles them.
_PLAIN = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
# Phone numbers have 15 digits at most (ITU-T E.164).
_SHORTEST_BESIDE_PHONE = 16


def is_withheld(name: str) -> bool:
    """Whether a field's name says that it holds a password, or something of a payment card."""
    plain = name.lower()
    return bool(_PASSWORD.search(plain) or _CARD.search(plain))


def withhold(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields without those that must not be told; card numbers within other texts are removed from them."""
    kept = {}
    for name, value in fields.items():
        if is_withheld(name):
            continue
        cleaned = without_cards(value, _SHORTEST_BESIDE_PHONE if name == "phone" else _SHORTEST)
        if cleaned != REMOVED:
            kept[name] = cleaned
    return kept


def without_cards(value: Any, shortest: int = _SHORTEST) -> Any:
    """A JSON value with `REMOVED` in place of each payment card's number; those below `shortest` digits stay."""
    if isinstance(value, str):
        return _GROUPS.sub(lambda found: _without_card(found[0], shortest), value)
    if isinstance(value, int) and not isinstance(value, bool):
        return REMOVED if without_cards(str(value), shortest) == REMOVED else value
    if isinstance(value, list):
        return [without_cards(item, shortest) for item in value]
    if isinstance(value, dict):
        return {name: without_cards(item, shortest) for name, item in value.items() if not is_withheld(name)}
    return value


def _without_card(run: str, shortest: int) -> str:
    """Groups of digits without those that are a card's number together; what follows it may be its month or code.

    Linear in what anybody sends: each group is the first of a few candidates, and check digits cost no counting.
    """
    if len(run) < shortest or run.startswith("+"):
        return run
    groups = list(_GROUP.finditer(run))
    digits = "".join(group[0] for group in groups)
    starts = [0, *accumulate(len(group[0]) for group in groups)]
    ends = {end: group.end() for end, group in zip(starts[1:], groups, strict=True)}
    sums = _luhn_sums(digits)
    kept, read_up_to, free = "", 0, 0
    for first, group in zip(starts[:-1], groups, strict=True):
        for length in _LENGTHS.get(digits[first], ()) if first >= free else ():
            end = first + length
            if end not in ends or length < shortest or not _has_check_digit(sums, first, end):
                continue
            if _SCHEMES.fullmatch(digits, first, end):
                kept += run[read_up_to : group.start()] + REMOVED
                read_up_to, free = ends[end], end
                break
    return kept + run[read_up_to:]


def _luhn_sums(digits: str) -> Sequence[Sequence[int]]:
    """The sums of all beginnings of a number, with every other digit doubled: first those at even places."""
    found = []
    for doubled in (0, 1):
        values = bytearray(digits.encode().translate(_PLAIN))
        values[doubled::2] = digits.encode().translate(_DOUBLED)[doubled::2]
        found.append(list(accumulate(values, initial=0)))
    return found


def _has_check_digit(sums: Sequence[Sequence[int]], first: int, end: int) -> bool:
    """Luhn's test (ISO/IEC 7812-1), in which every other digit before the last one is doubled."""
    told = sums[end % 2]
    return (told[end] - told[first]) % 10 == 0
