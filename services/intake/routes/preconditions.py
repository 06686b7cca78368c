"""`If-Match`: change only what is still as it was read."""

from typing import Annotated

from fastapi import Header

from shared.kit.problems import invalid_field

IfMatch = Annotated[str | None, Header()]


def version_of(if_match: str | None) -> int | None:
    """The version that the caller has read; None when any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    # Nine digits fit into the column that it is compared with.
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid_field("If-Match", "version", 'the version as it was read, such as "3"')
    return int(text)
