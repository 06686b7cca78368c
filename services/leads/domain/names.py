"""Names of people: their words, and when two names contradict each other."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")


def name_words(*names: str | None) -> frozenset[str]:
    """The words of a name without case, accents and punctuation: `José  Pérez-Gil` gives jose, perez, gil."""
    text = unicodedata.normalize("NFKD", " ".join(name for name in names if name)).casefold()
    plain = "".join(character for character in text if not unicodedata.combining(character))
    return frozenset(_WORD.findall(plain))


def names_conflict(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two stated names contradict each other: neither has all the words of the other.

    Somebody without a stated name contradicts nobody.
    """
    return not (one <= other or other <= one)


def split_name(name: str) -> tuple[str, str | None]:
    """First word and the rest, for a name that came in one piece, such as a channel profile's."""
    first, _, rest = name.strip().partition(" ")
    return first, rest.strip() or None
