"""The four encodings in which a form arrives."""

from collections.abc import AsyncGenerator
from typing import Any

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from services.intake.domain.forms import (
    MOST_FIELDS,
    FieldRefused,
    FormUnreadable,
    join_pairs,
    parse_json_form,
    parse_plain_form,
    parse_urlencoded_form,
)
from shared.kit.problems import Problem

_MOST_FILES = 100


def media_type(headers: Headers) -> str:
    """The bare content type, in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a content type is some sort of JSON."""
    return media == "application/json" or (media.startswith("application/") and media.endswith("+json"))


async def parse_form(headers: Headers, raw: bytes) -> dict[str, Any]:
    """The fields of a posted form, unchecked.

    Raises `FormUnreadable`, `FieldRefused`, or a `Problem` with 415 for an encoding that no form has.
    """
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "Send the form without Content-Encoding.")
    media = media_type(headers)
    if is_json(media):
        return parse_json_form(raw)
    if media == "application/x-www-form-urlencoded":
        return parse_urlencoded_form(raw)
    if media == "multipart/form-data":
        return await _parse_multipart(headers, raw)
    if media in ("text/plain", ""):
        return parse_plain_form(raw)
    raise Problem(415, "Send JSON, urlencoded, multipart/form-data or text/plain.")


async def _parse_multipart(headers: Headers, raw: bytes) -> dict[str, Any]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield raw

    parser = MultiPartParser(
        headers,
        stream(),
        max_files=_MOST_FILES,
        max_fields=MOST_FIELDS * 4,
        max_part_size=len(raw) + 1,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many"):
            raise FieldRefused("body", "too_many_fields", f"a form may have {MOST_FIELDS} fields") from None
        raise FormUnreadable("The body is not multipart/form-data.") from None
    except (KeyError, ValueError, LookupError):
        raise FormUnreadable("The body is not multipart/form-data.") from None
    try:
        return join_pairs((name, value) for name, value in form.multi_items() if isinstance(value, str))
    finally:
        await form.close()
