"""Phone numbers: reading them in any spelling, and the key under which two spellings are the same number.

The key is separate from the number: it undoes what national numbering plans changed and people still write
both ways. It is for comparing only; replies always go to the number as it came. The library's own
`is_number_match` is no duplicate test for these countries.
"""

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers

_LONGEST = 64
_PLATFORM_ID = re.compile(r"\+?[0-9]{5,20}")
_EXTENSION = re.compile(
    r"[\s,;.(]*(?:;ext=|extension|extn?|x|#|ramal|interno|int|anexo)[\s.:]*(?P<digits>[0-9]{1,7})[\s).]*$",
    re.IGNORECASE,
)

_MEXICO, _ARGENTINA, _BRAZIL = 52, 54, 55
# 1: between 2001 and 2019 before a mobile seen from abroad; 044, 045 and 01: before one dialled at home.
_MEXICAN_TRUNK = re.compile(r"0?(?:1|44|45)([0-9]{10})")
_BRAZILIAN_WITHOUT_NINTH = re.compile(r"([1-9][0-9])([6-9][0-9]{7})")
_ARGENTINE_MOBILE = re.compile(r"9([0-9]{10})")


@dataclass(frozen=True, slots=True)
class Phone:
    """A number that could be read.

    `e164` has the plus and no extension. `match_key` is digits only; equal keys mean the same number.
    `is_valid` says that the numbering plan of the country (after the national rules of the key) has room for
    it: not that it is in use. Numbers that are not valid should not join people.
    """

    e164: str
    match_key: str
    extension: str | None
    is_valid: bool


def parse_phone(text: str, default_region: str | None = None) -> Phone | None:
    """Read a number that a person typed; None when it is none.

    A national number needs `default_region` (two letters, such as `MX`), or it cannot be read. Digits of any
    script are understood, letters are refused (they would be converted to digits). Never give it an id of a
    platform: `US.6502530000` would be a valid number of somebody else.
    """
    cleaned = _ascii_digits(text)
    if cleaned is None:
        return None
    extension = None
    if found := _EXTENSION.search(cleaned):
        extension = found["digits"]
        cleaned = cleaned[: found.start()]
    if any(character.isalpha() for character in cleaned):
        return None
    bare = cleaned.lstrip(" (")
    international = f"+{bare[2:]}" if bare.startswith("00") else cleaned
    try:
        number = phonenumbers.parse(international, default_region)
    except phonenumbers.NumberParseException:
        return None
    return _phone(number, extension or number.extension)


def parse_wa_id(wa_id: str) -> Phone | None:
    """Read the phone that is a WhatsApp sender's id; None when it is another sort of id.

    It always has its country code but no plus: read without one, foreign numbers become valid domestic ones.
    The platform vouches for it, so that it has a key even where the library does not know the number.
    """
    if not _PLATFORM_ID.fullmatch(wa_id):
        return None
    digits = wa_id.removeprefix("+")
    try:
        return _phone(phonenumbers.parse(f"+{digits}"), None)
    except phonenumbers.NumberParseException:
        return Phone(e164=f"+{digits}", match_key=digits, extension=None, is_valid=False)


def match_key(text: str, default_region: str | None = None) -> str | None:
    """The key of a number in any spelling, valid or not; None when it cannot be read."""
    phone = parse_phone(text, default_region)
    return phone.match_key if phone else None


def is_region(code: str) -> bool:
    """Whether `code` is a region that national numbers can be read in, such as `MX`."""
    return code in phonenumbers.SUPPORTED_REGIONS


def _ascii_digits(text: str) -> str | None:
    if len(text) > _LONGEST:
        return None
    kept = []
    for character in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(character)
        if category == "Nd":
            kept.append(str(unicodedata.decimal(character)))
        elif category not in ("Cf", "Cc", "Cs"):
            kept.append(character)
    return "".join(kept).strip().removeprefix("tel:")


def _phone(number: phonenumbers.PhoneNumber, extension: str | None) -> Phone:
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    national = phonenumbers.national_significant_number(number)
    valid = phonenumbers.is_valid_number(number)
    if number.country_code == _MEXICO and not valid and (found := _MEXICAN_TRUNK.fullmatch(national)):
        if national.startswith(("0", "4")):
            # Dialled at home only: no number of this spelling could be called from anywhere else.
            e164 = f"+{_MEXICO}{found[1]}"
        national = found[1]
        valid = _is_valid(_MEXICO, national)
    elif number.country_code == _BRAZIL and not valid and (found := _BRAZILIAN_WITHOUT_NINTH.fullmatch(national)):
        # Mobiles have had a ninth digit since 2016; wa_ids made before lack it. Landlines start 2-5.
        national = f"{found[1]}9{found[2]}"
        valid = _is_valid(_BRAZIL, national)
    key = national
    if number.country_code == _ARGENTINA and (found := _ARGENTINE_MOBILE.fullmatch(national)):
        # With and without the 9 are both valid, and people write the same mobile both ways.
        key = found[1]
    return Phone(e164=e164, match_key=f"{number.country_code}{key}", extension=extension or None, is_valid=valid)


def _is_valid(country_code: int, national: str) -> bool:
    return phonenumbers.is_valid_number(
        phonenumbers.PhoneNumber(country_code=country_code, national_number=int(national))
    )
