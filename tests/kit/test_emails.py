"""Mail addresses in the spellings in which people type them."""

import pytest

from shared.kit.emails import read_email


@pytest.mark.parametrize(
    "text",
    ["ada@example.com", " Ada@Example.COM ", "mailto:ada@example.com", "ada@example.com.", "\uff21da\uff20example.com"],
)
def test_spellings_of_one_address(text: str) -> None:
    """Case, blanks, a link's prefix, a sentence's dot and full-width letters make no other address."""
    assert "ada@example.com" == read_email(text)


@pytest.mark.parametrize(
    "text", ["", "ada", "ada@", "@example.com", "ada@localhost", "a@b@example.com", "a" * 250 + "@example.com"]
)
def test_what_is_no_address(text: str) -> None:
    """What cannot be written to has no key."""
    assert read_email(text) is None
