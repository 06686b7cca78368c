"""The four encodings in which a form arrives."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from services.intake.domain.forms import (
    MOST_PAIRS,
    NO_MAPPING,
    SMALL_FORM,
    FormUnreadable,
    check_fields,
    join_pairs,
    parse_json_form,
    parse_plain_form,
    parse_urlencoded_form,
    too_many_fields,
)
from services.intake.routes.bodies import LIMIT
from shared.kit.problems import Problem

# All that a form may say, with each byte escaped to three.
FORM_LIMIT = 320 * 1024
_MOST_FILES = 100
_MULTIPART = "multipart/form-data"
# Threads of their own, so that a flood of forms does not hold up the webhooks, which split in threads as well.
_READERS = ThreadPoolExecutor(2, "form reader")


def media_type(headers: Headers) -> str:
    """The bare content type, in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a content type is some sort of JSON."""
    return media == "application/json" or (media.startswith("application/") and media.endswith("+json"))


def body_limit(headers: Headers) -> int:
    """How many bytes a form may have; files, which only multipart carries, are ignored and still must be read."""
    return LIMIT if media_type(headers) == _MULTIPART else FORM_LIMIT


async def read_fields(headers: Headers, raw: bytes, mapping: Mapping[str, str | None] = NO_MAPPING) -> dict[str, Any]:
    """The checked fields of a posted form; a large one is read in a thread, where it holds up nobody.

    Raises `FormUnreadable`, `FieldRefused`, or a `Problem` with 415 for an encoding that no form has.
    """
    return await _aside(raw, lambda: _read(headers, raw, mapping))


async def read_pairs(headers: Headers, raw: bytes) -> dict[str, Any]:
    """What a body of any encoding says, unchecked; raises as `read_fields` does."""
    return await _aside(raw, lambda: _parse(headers, raw))


async def _aside(raw: bytes, read: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    if len(raw) <= SMALL_FORM:
        return await read()
    return await asyncio.get_running_loop().run_in_executor(_READERS, lambda: asyncio.run(read()))


async def _read(headers: Headers, raw: bytes, mapping: Mapping[str, str | None]) -> dict[str, Any]:
    return check_fields(await _parse(headers, raw), mapping)


async def _parse(headers: Headers, raw: bytes) -> dict[str, Any]:
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "Send the form without Content-Encoding.")
    media = media_type(headers)
    if is_json(media):
        return parse_json_form(raw)
    if media == "application/x-www-form-urlencoded":
        return parse_urlencoded_form(raw)
    if media == _MULTIPART:
        return await _parse_multipart(headers, raw)
    if media in ("text/plain", ""):
        return parse_plain_form(raw)
    raise Problem(415, "Send JSON, urlencoded, multipart/form-data or text/plain.")


async def _parse_multipart(headers: Headers, raw: bytes) -> dict[str, Any]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield raw

    try:
        parser = MultiPartParser(
            _without_charset(headers),
            stream(),
            max_files=_MOST_FILES,
            max_fields=MOST_PAIRS,
            max_part_size=len(raw) + 1,
        )
        # Files stay in memory, where the body is already, and are thrown away with it.
        parser.spool_max_size = LIMIT + 1
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many"):
            raise too_many_fields() from None
        raise FormUnreadable("The body is not multipart/form-data.") from None
    except (KeyError, ValueError, LookupError):
        raise FormUnreadable("The body is not multipart/form-data.") from None
    try:
        return join_pairs((name, value) for name, value in form.multi_items() if isinstance(value, str))
    finally:
        await form.close()


def _without_charset(headers: Headers) -> Headers:
    """The content type with its boundary alone: browsers send UTF-8, and some codecs take quadratic time."""
    _, parameters = parse_options_header(headers["content-type"])
    boundary = parameters[b"boundary"].replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return Headers(raw=[(b"content-type", b'multipart/form-data; boundary="' + boundary + b'"')])
