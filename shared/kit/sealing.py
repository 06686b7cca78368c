"""Secrets that others gave us, kept so that a copy of the database alone does not tell them."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class SealBroken(Exception):
    """A sealed secret cannot be opened: it was sealed under another key, or somebody changed it."""

    def __init__(self) -> None:
        super().__init__("the secret was sealed under another key: enter it again")


class Seal:
    """Encrypts texts under a key derived from one of the system's secrets (`LEADLINE_PRIVACY_KEY`).

    The same text sealed twice gives two values; each is ASCII of some 100 characters more.
    """

    def __init__(self, secret: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"leadline sealed secrets").derive(
            secret.encode()
        )
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def close(self, text: str) -> str:
        """Seal a text."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """The text that was sealed; raises `SealBroken`."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except (InvalidToken, UnicodeDecodeError):
            raise SealBroken from None
