"""What no form may tell us, whoever sends it: passwords and payment cards. The embed leaves out the same."""

import re
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
_SHORTEST, _LONGEST = 13, 19
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
    """Groups of digits without those that are a card's number together; what follows it may be its month or code."""
    if len(run) < shortest or run.startswith("+"):
        return run
    groups = list(_GROUP.finditer(run))
    for place, first in enumerate(groups):
        digits = ""
        for last in groups[place:]:
            digits += last[0]
            if len(digits) > _LONGEST:
                break
            if len(digits) >= shortest and _SCHEMES.fullmatch(digits) and _has_check_digit(digits):
                return run[: first.start()] + REMOVED + _without_card(run[last.end() :], shortest)
    return run


def _has_check_digit(digits: str) -> bool:
    """Luhn's test (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
