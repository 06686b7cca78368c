"""Numbers in the spellings that people and platforms use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.phones import Phone, is_region, match_key, parse_phone, parse_wa_id


@pytest.mark.parametrize(
    ("wa_id", "typed", "region"),
    [
        ("5215512345678", "55 1234 5678", "MX"),
        ("5215512345678", "+52 55 1234 5678", None),
        ("5215512345678", "044 55 1234 5678", "MX"),
        ("5215512345678", "01 (55) 1234-5678", "MX"),
        ("554188887777", "(41) 98888-7777", "BR"),
        ("554188887777", "41 8888-7777", "BR"),
        ("5541988887777", "0 41 98888-7777", "BR"),
        ("5491123456789", "011 15 2345-6789", "AR"),
        ("5491123456789", "+54 11 2345-6789", None),
        ("4915112345678", "0151 12345678", "DE"),
        ("4915112345678", "0049 151 12345678", None),
    ],
)
def test_the_same_number_in_two_spellings_has_one_key(wa_id: str, typed: str, region: str | None) -> None:
    """What WhatsApp calls a sender and what the same person types into a form compare as equal."""
    from_platform = parse_wa_id(wa_id)
    from_form = parse_phone(typed, region)
    assert from_platform is not None and from_form is not None
    assert from_platform.match_key == from_form.match_key
    assert from_form.is_valid


@pytest.mark.parametrize(
    ("typed", "region", "key"),
    [
        ("(11) 3333-4444", "BR", "551133334444"),
        ("+39 06 1234 5678", None, "390612345678"),
        ("٠١٠٠١٢٣٤٥٦٧", "EG", "201001234567"),
        ("+\uff15\uff12 5\uff15 1234 567\uff18", None, "525512345678"),
        ("\u202a+52 55 1234 5678\u202c", None, "525512345678"),
        ("tel:+525512345678", None, "525512345678"),
    ],
)
def test_scripts_marks_and_landlines(typed: str, region: str | None, key: str) -> None:
    """Digits of any script count, invisible marks do not, and Brazilian landlines get no ninth digit."""
    assert key == match_key(typed, region)


@pytest.mark.parametrize("typed", ["+1 650 253 0000 ext. 12", "+1 650 253 0000 x12", "+1 650 253 0000;ext=12"])
def test_an_extension_is_kept_apart(typed: str) -> None:
    """An extension is no part of the number."""
    phone = parse_phone(typed)
    expected = Phone(e164="+16502530000", match_key="16502530000", extension="12", is_valid=True)
    assert expected == phone


@pytest.mark.parametrize("typed", ["1-800-FLOWERS", "US.6502530000", "", "+", "call me", "5" * 200, "\ud800", "\x00"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    """Letters are never converted to digits, and nothing unreadable raises."""
    assert parse_phone(typed, "US") is None


def test_a_national_number_needs_a_region() -> None:
    """Without a region a national number is not guessed at."""
    assert parse_phone("55 1234 5678") is None
    assert parse_phone("55 1234 5678", "XX") is None
    assert is_region("MX") and not is_region("XX")


@pytest.mark.parametrize(
    "wa_id", ["US.6502530000", "CO.1047385771169864", "US.ENT.118157", "name", "12", "٠١٠٠١٢٣٤٥٦٧"]
)
def test_a_platform_id_that_is_no_phone_is_never_parsed(wa_id: str) -> None:
    """A business-scoped id never becomes somebody's number."""
    assert parse_wa_id(wa_id) is None


def test_a_wa_id_unknown_to_the_library_still_has_a_key() -> None:
    """The platform vouches for its ids, whatever the numbering plans say."""
    expected = Phone(e164="+99912345678", match_key="99912345678", extension=None, is_valid=False)
    assert expected == parse_wa_id("99912345678")


@given(st.text(max_size=80), st.sampled_from([None, "MX", "BR", "AR", "US", "DE"]))
def test_reading_never_raises(typed: str, region: str | None) -> None:
    """Any text is either a number with a key of digits, or none."""
    phone = parse_phone(typed, region)
    assert phone is None or phone.match_key.isdecimal()


@given(st.from_regex(r"\+?[0-9]{0,22}", fullmatch=True))
def test_a_wa_id_never_raises(wa_id: str) -> None:
    """Any digits are either an id with a key, or none."""
    phone = parse_wa_id(wa_id)
    assert phone is None or phone.match_key.isdecimal()
