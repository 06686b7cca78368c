"""Passwords are kept as argon2 hashes."""

import asyncio

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher


class Passwords:
    """Hashes and checks passwords in threads, two at a time, since each takes 64 MB and tens of milliseconds."""

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(),))
        self._slots = asyncio.Semaphore(2)

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, kept: str | None) -> bool:
        """Whether the password is the one whose hash was kept; takes as long where there is none."""
        if kept is None:
            await self.hash(password)
            return False
        async with self._slots:
            try:
                return await asyncio.to_thread(self._hasher.verify, password, kept)
            except UnknownHashError:
                return False
