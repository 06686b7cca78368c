"""Ids that no other run has: message ids, platform ids, numbers and mail addresses."""

import random
import string
import unicodedata
from dataclasses import dataclass, field

_LETTERS = string.ascii_letters + string.digits


@dataclass
class Mint:
    """Makes ids from the name of the run: the same run gives the same ones, in the same order."""

    run: str
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(f"leadline demo {self.run}")

    def digits(self, count: int, head: str = string.digits) -> str:
        """So many digits, the first one of `head`."""
        return self._random.choice(head) + "".join(self._random.choices(string.digits, k=count - 1))

    def token(self, length: int) -> str:
        """Letters and digits."""
        return "".join(self._random.choices(_LETTERS, k=length))

    def whatsapp_id(self) -> str:
        """The id of a WhatsApp message."""
        return f"wamid.{self.token(52)}=="

    def messenger_id(self) -> str:
        """The id of a Messenger message."""
        return f"m_{self.token(64)}"

    def email(self, first: str, last: str) -> str:
        """A mail address under a domain that is reserved for examples."""
        plain = "".join(c for c in unicodedata.normalize("NFKD", f"{first}.{last}") if c.isascii() and c != " ")
        return f"{plain.lower()}.{self.token(5).lower()}@example.com"
