"""Secrets that others gave us, kept so that a copy of the database alone does not tell them."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class SealBroken(Exception):
    """A sealed secret cannot be opened: it was sealed under another key or for another place, or changed."""

    def __init__(self) -> None:
        super().__init__("the secret was sealed under another key: enter it again")


class Seal:
    """Encrypts texts; the first key seals, all of them open.

    To change keys while everything runs: put the new one first, have all secrets resealed, drop the old one. A key is
    any long random text, from which the one that encrypts is derived. A text may be sealed for a `place`, such as a
    row and column, so that nobody can move it to another. The same text sealed twice gives two values; each is ASCII
    of some 100 characters more.
    """

    def __init__(self, *keys: str) -> None:
        self._fernet = MultiFernet([Fernet(_derive(key)) for key in keys])

    def close(self, text: str, place: str = "") -> str:
        """Seal a text."""
        return self._fernet.encrypt(_bound(text, place)).decode("ascii")

    def open(self, sealed: str, place: str = "") -> str:
        """The text that was sealed; raises `SealBroken`."""
        try:
            opened = self._fernet.decrypt(sealed.encode()).decode()
        except (InvalidToken, UnicodeError):
            raise SealBroken from None
        sealed_for, _, text = opened.partition("\0")
        if sealed_for != place:
            raise SealBroken
        return text

    def reseal(self, sealed: str) -> str:
        """The same text sealed by the first key; raises `SealBroken`."""
        try:
            return self._fernet.rotate(sealed.encode()).decode("ascii")
        except (InvalidToken, UnicodeError):
            raise SealBroken from None


def _bound(text: str, place: str) -> bytes:
    return f"{place}\0{text}".encode()


def _derive(key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"leadline sealed secrets").derive(key.encode())
    return base64.urlsafe_b64encode(derived)
