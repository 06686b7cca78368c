"""What a web form posts: fields with limits, whichever of the four encodings a browser or a script chose."""

import codecs
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from services.intake.domain.form_rules import OWN_FIELDS
from services.intake.domain.values import as_text
from services.intake.domain.withheld import is_withheld, withhold
from shared.kit.text import UnreadableJson, clean_text, dump_json, parse_json

MOST_FIELDS = 100
# Fields that come again, such as checkboxes, are several pairs.
MOST_PAIRS = MOST_FIELDS * 4
LONGEST_NAME = 100
LONGEST_POST = 100_000
SMALL_FORM = 16 * 1024
"""How many bytes are checked so quickly that nobody notices, whatever they are."""
# Below it, floats have every digit.
_EXACT = 2**53
REDIRECT_FIELD = "redirect_to"
_LONGEST_VALUE = 4_000
_LONGEST = {
    "first_name": 200,
    "last_name": 200,
    "name": 400,
    "email": 254,
    "phone": 64,
    "message": 10_000,
    REDIRECT_FIELD: 2_000,
}
_ALIASES = {
    "firstname": "first_name",
    "lastname": "last_name",
    "surname": "last_name",
    "full_name": "name",
    "fullname": "name",
    "tel": "phone",
    "telephone": "phone",
    "phone_number": "phone",
    "mobile": "phone",
    "mail": "email",
    "e_mail": "email",
    "email_address": "email",
    "comment": "message",
    "comments": "message",
}
# Behind a comma they are no first name.
_BEHIND_NAMES = frozenset(("jr", "sr", "ii", "iii", "iv", "phd", "ph.d", "md", "m.d", "mba", "esq"))
NO_MAPPING: Mapping[str, str | None] = {}


class FieldRefused(ValueError):
    """A field breaks its limit: `field` as the sender named it, `rule`, and a sentence for a person."""

    def __init__(self, field: str, rule: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.rule = rule
        self.message = message


class FormUnreadable(ValueError):
    """The body is not what its content type says; the message has nothing of it."""


def parse_json_form(raw: bytes) -> dict[str, Any]:
    """The fields of a JSON object; members that are null are left out."""
    try:
        value = parse_json(raw)
    except UnreadableJson as error:
        raise FormUnreadable(f"The body is {error}.") from None
    if not isinstance(value, dict):
        raise FormUnreadable("The body is not a JSON object.")
    return {name: item for name, item in value.items() if item is not None}


def parse_urlencoded_form(raw: bytes) -> dict[str, Any]:
    """The fields of `application/x-www-form-urlencoded`."""
    try:
        text = raw.decode("utf-8", "replace")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PAIRS, errors="replace")
    except ValueError:
        raise too_many_fields() from None
    return join_pairs(pairs)


def parse_plain_form(raw: bytes) -> dict[str, Any]:
    """The fields of `text/plain`: what a browser writes as `name=value` lines, or JSON from `sendBeacon`."""
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if raw.lstrip()[:1] == b"{":
        return parse_json_form(raw)
    return join_pairs(_plain_pairs(_one_kind_of_line(raw.decode("utf-8", "replace"))))


def _plain_pairs(text: str) -> Iterator[tuple[str, str]]:
    """Names and values of lines; a line without `=` goes on with the value before it."""
    name, lines = None, list[str]()
    for line in text.rstrip("\n").split("\n"):
        begun, found, value = line.partition("=")
        if found:
            if name is not None:
                yield name, "\n".join(lines)
            name, lines = begun, [value]
        else:
            lines.append(line)
    if name is not None:
        yield name, "\n".join(lines)


def _one_kind_of_line(text: str) -> str:
    """Browsers end lines with CR LF wherever they do not send JSON."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def join_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Fields from names and values; a name that comes again, such as of checkboxes, joins its values.

    Raises `FieldRefused` as soon as there are too many.
    """
    found: dict[str, list[str]] = {}
    for number, (name, value) in enumerate(pairs):
        if number == MOST_PAIRS:
            raise too_many_fields()
        found.setdefault(name, []).append(value)
    return {name: ", ".join(filter(None, values)) for name, values in found.items()}


def too_many_fields() -> FieldRefused:
    """What is said of a form with more fields than anybody fills in."""
    return FieldRefused("body", "too_many_fields", f"a form may have {MOST_FIELDS} fields")


def check_fields(fields: dict[str, Any], mapping: Mapping[str, str | None] = NO_MAPPING) -> dict[str, Any]:
    """The fields under their known names, clean, and without what must not be told.

    Raises `FieldRefused` for the first that breaks a limit. `mapping` is the form's own; what its author does not
    list and calls `tel` or `Full name` is our `phone` and `name`, unless those are there as well.
    """
    if len(fields) > MOST_FIELDS:
        raise too_many_fields()
    checked: dict[str, Any] = {}
    for name, value in fields.items():
        if len(name) > LONGEST_NAME:
            raise FieldRefused(clean_text(name[:LONGEST_NAME]), "name_too_long", "the name is too long")
        if is_withheld(name):
            continue
        known = clean_text(_known_name(name, fields, mapping))
        if known in _LONGEST and isinstance(value, bool):
            known = f"{known} (extra)"
        if _is_told(checked.get(known)):
            # Two names for one field: the first that says something has it, the other is kept beside it.
            known = clean_text(name)
        told = _check(name, known, value)
        if _is_told(told) or not _is_told(checked.get(known)):
            checked[known] = told
    if len(dump_json(checked)) > LONGEST_POST:
        raise FieldRefused("body", "too_long", f"all fields together may have {LONGEST_POST} bytes")
    return withhold(checked)


def content_hash(fields: dict[str, Any]) -> str:
    """The same text for the same fields in the same order, whatever their encoding was."""
    return hashlib.sha256(dump_json(list(fields.items()))).hexdigest()


def is_known(name: str, mapping: Mapping[str, str | None]) -> bool:
    """Whether a form asks for a field: it lists it, or lists none and the name is one that we know."""
    return name in mapping if mapping else guess_name(name) is not None


KNOWN_NAMES = sorted({*_LONGEST, *OWN_FIELDS, *_ALIASES} - {REDIRECT_FIELD})
"""Names, in lower case with underscores, that mean one of our fields where a form has no mapping of its own."""


def longest_value(name: str) -> int:
    """How many characters a field may have, by the name that it comes under."""
    return _LONGEST.get(guess_name(name) or name, _LONGEST_VALUE)


def _known_name(name: str, fields: Mapping[str, Any], mapping: Mapping[str, str | None]) -> str:
    if name in mapping:
        # Kept as extra by the form's own wish, so that its name must not mean anything.
        return mapping[name] or (f"{name} (extra)" if name in _LONGEST or name in OWN_FIELDS else name)
    known = guess_name(name) or name
    if known == name and known in mapping.values():
        # What the form lists under another name is not what has this one by chance.
        return f"{name} (extra)"
    return name if known != name and (_is_told(fields.get(known)) or known in mapping.values()) else known


def _is_told(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def guess_name(name: str) -> str | None:
    """Which of our fields a name usually means; None for what could be anything."""
    plain = name.strip(" ?:*").lower().replace("-", "_").replace(" ", "_").removeprefix("your_")
    return plain if plain in _LONGEST or plain in OWN_FIELDS else _ALIASES.get(plain)


def _check(name: str, known: str, value: Any) -> Any:
    longest = _LONGEST.get(known, _LONGEST_VALUE)
    if known in _LONGEST:
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, (str, int, float)) for item in items):
            raise FieldRefused(name, "text_type", "this must be a text")
        value = ", ".join(filter(None, map(as_told, items)))
    if isinstance(value, str):
        if len(value) > longest:
            raise FieldRefused(name, "too_long", f"this may have {longest} characters")
        return clean_text(_one_kind_of_line(value))
    if len(dump_json(value)) > _LONGEST_VALUE:
        raise FieldRefused(name, "too_long", f"this may have {_LONGEST_VALUE} bytes")
    return value


class PersonName(NamedTuple):
    """First and last name, and the full one if it was told beside them and says something else."""

    first: str | None
    last: str | None
    spare: str | None = None


def read_name(told: Mapping[str, Any]) -> PersonName:
    """What somebody is called, by `first_name`, `last_name` and `name`, of which some may be missing."""
    first, last = _trimmed(told.get("first_name")), _trimmed(told.get("last_name"))
    full = _trimmed(told.get("name"))
    if not (first or last):
        return PersonName(*split_name(full))
    if full and not first:
        # The field is for the first name, or for all of it.
        return PersonName(_without(full, last, is_behind=True), last)
    if full and not last and (rest := _without(full, first)) != full:
        return PersonName(first, rest)
    return PersonName(first, last, full)


def as_told(value: Any) -> str | None:
    """A text or a number as somebody typed it, `5512345678.0` without its point; None for anything else."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None


def split_name(name: Any) -> tuple[str | None, str | None]:
    """First and last name of a full one: the first word, and the rest; `Surname, Name` is the other way round."""
    full = _trimmed(name) or ""
    before, _, behind = (part.strip() for part in full.partition(","))
    if before and behind and "," not in behind and behind.rstrip(".").lower() not in _BEHIND_NAMES:
        return behind, before
    first, _, last = full.partition(" ")
    return first or None, last or None


def _trimmed(name: Any) -> str | None:
    return " ".join((as_text(name) or "").split()) or None


def _without(full: str, part: str | None, *, is_behind: bool = False) -> str | None:
    """A full name without the words that it begins or ends with."""
    words, known = full.split(), (part or "").split()
    at = len(words) - len(known) if is_behind else 0
    if known and [word.casefold() for word in words[max(at, 0) :][: len(known)]] == [word.casefold() for word in known]:
        words = words[:at] if is_behind else words[len(known) :]
    return " ".join(words) or None
