"""What a web form posts: fields with limits, whichever of the four encodings a browser or a script chose."""

import codecs
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from services.intake.domain.field_names import LONGEST_NAME, REDIRECT_FIELD, SPELLINGS, guess_name, is_of_a_person
from services.intake.domain.form_rules import OWN_FIELDS
from services.intake.domain.withheld import is_withheld, withhold
from shared.kit.text import UnreadableJson, clean_text, dump_json, parse_json

MOST_FIELDS = 100
# Fields that come again, such as checkboxes, are several pairs.
MOST_PAIRS = MOST_FIELDS * 4
LONGEST_POST = 100_000
SMALL_FORM = 16 * 1024
"""How many bytes are checked so quickly that nobody notices, whatever they are."""
# Below it, floats have every digit.
_EXACT = 2**53
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
    fields = _opened(fields, mapping)
    checked: dict[str, Any] = {}
    for name, value in fields.items():
        if len(name) > LONGEST_NAME:
            raise FieldRefused(clean_text(name[:LONGEST_NAME]), "name_too_long", "the name is too long")
        if is_withheld(name):
            continue
        known = clean_text(_place(name, value, fields, mapping))
        if _is_told(checked.get(known)):
            # Two names for one field: the first that says something has it, the other is kept beside it.
            known = clean_text(name)
        _keep(checked, known, _check(name, known, value))
    if len(dump_json(checked)) > LONGEST_POST:
        raise FieldRefused("body", "too_long", f"all fields together may have {LONGEST_POST} bytes")
    return withhold(checked)


def content_hash(fields: dict[str, Any]) -> str:
    """The same text for the same fields in the same order, whatever their encoding was."""
    return hashlib.sha256(dump_json(list(fields.items()))).hexdigest()


def is_known(name: str, mapping: Mapping[str, str | None]) -> bool:
    """Whether a form asks for a field: it lists it, or lists none and the name is one that we know."""
    return name in mapping if mapping else guess_name(name) is not None


KNOWN_NAMES = sorted({*_LONGEST, *OWN_FIELDS, *SPELLINGS} - {REDIRECT_FIELD})
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


def _place(name: str, value: Any, fields: Mapping[str, Any], mapping: Mapping[str, str | None]) -> str:
    """The name under which a field is kept: a guess that is of another type than its value is none."""
    known = _known_name(name, fields, mapping)
    if known not in _LONGEST:
        return known
    if known != name and name not in mapping:
        return name if isinstance(value, bool) or _joined(value) is None else known
    return f"{known} (extra)" if isinstance(value, bool) else known


def _keep(checked: dict[str, Any], known: str, told: Any) -> None:
    if _is_told(told) or not _is_told(checked.get(known)):
        checked[known] = told


def _is_told(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def _opened(fields: Mapping[str, Any], mapping: Mapping[str, str | None]) -> dict[str, Any]:
    """The fields, with those that stand one level deeper, as in `{"contact": {"email": …}}`, as `contact[email]`."""
    if not any(isinstance(value, dict) for value in fields.values()):
        return dict(fields)
    opened: dict[str, Any] = {}
    for name, value in fields.items():
        if not isinstance(value, dict) or name in mapping or not is_of_a_person(name) or len(value) > MOST_FIELDS:
            opened[name] = value
            continue
        inner = {f"{name}[{key}]": item for key, item in value.items() if isinstance(item, (str, int, float))}
        known = {key: item for key, item in inner.items() if key in mapping or guess_name(key)}
        others = {key: item for key, item in value.items() if f"{name}[{key}]" not in known}
        opened |= known | ({name: others} if others or not known else {})
    if len(opened) > MOST_FIELDS:
        raise too_many_fields()
    return opened


def _check(name: str, known: str, value: Any) -> Any:
    longest = _LONGEST.get(known, _LONGEST_VALUE)
    if known in _LONGEST:
        if (text := _joined(value)) is None:
            raise FieldRefused(name, "text_type", "this must be a text")
        value = text
    if isinstance(value, str):
        if len(value) > longest:
            raise FieldRefused(name, "too_long", f"this may have {longest} characters")
        return clean_text(_one_kind_of_line(value))
    if len(dump_json(value)) > _LONGEST_VALUE:
        raise FieldRefused(name, "too_long", f"this may have {_LONGEST_VALUE} bytes")
    return value


def _joined(value: Any) -> str | None:
    """One text of a value or of several; None if there is more to it than texts and numbers."""
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, (str, int, float)) for item in items):
        return None
    return ", ".join(filter(None, map(as_told, items)))


def as_told(value: Any) -> str | None:
    """A text or a number as somebody typed it, `5512345678.0` without its point; None for anything else."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
