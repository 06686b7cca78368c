"""The file port: a folder by default, or any object store that obstore knows, chosen by an address."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

_CHUNK = 256 * 1024


class FilesAway(Exception):
    """The store cannot be used now; the text names no secret."""


class FileMissing(LookupError):
    """The store has no such file."""


class Files:
    """Files by keys of our own making. `url` is `file:///folder`, or `s3://bucket/prefix` with AWS_* beside it."""

    def __init__(self, url: str) -> None:
        self._store = _open(url)

    async def put(self, key: str, file: IO[bytes]) -> None:
        """Keep a file whole or not at all, in place of one of the same key; raises `FilesAway`."""
        try:
            await obstore.put_async(self._store, key, file)
        except (BaseError, OSError) as error:
            raise FilesAway(type(error).__name__) from None

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of a file; raises `FileMissing` and `FilesAway` before the first of them."""
        try:
            found = await obstore.get_async(self._store, key)
        except FileNotFoundError:
            raise FileMissing(key) from None
        except (BaseError, OSError) as error:
            raise FilesAway(type(error).__name__) from None

        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in found.stream(min_chunk_size=_CHUNK):
                yield bytes(chunk)

        return chunks()

    async def delete(self, key: str) -> None:
        """Remove a file, if it is there; raises `FilesAway`."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise FilesAway(type(error).__name__) from None


def _open(url: str) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)), mkdir=True)
    return from_url(url)
