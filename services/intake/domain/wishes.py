"""STOP and its like: a whole message by which people say that they want to be left alone, or no longer.

The words are the usual ones of the languages we sell in, and only such as mean nothing else to a seller: who writes
"cancel" may mean the trip. An operator may set others.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

_LONGEST = 60
_MARKS = frozenset(("Mc", "Mn"))
_VARIATIONS = frozenset(map(chr, range(0xFE00, 0xFE10)))

STOP_WORDS = (
    "stop", "s.t.o.p.", "stop all", "stopall", "unsubscribe", "opt out", "stop promotions", "stop messages",
    "remove me", "do not contact me",
    "baja", "dar de baja", "darme de baja", "quiero darme de baja", "parar", "para de escribir", "no molestar",
    "cancelar suscripción", "pare", "sair", "descadastrar", "cancelar inscrição", "parar de receber",
    "arrêt", "arrêter", "désabonner", "me désabonner", "se désabonner", "désinscription",
    "stopp", "abmelden", "abbestellen", "austragen", "keine nachrichten mehr",
    "ferma", "disiscrivimi", "cancellami", "annulla iscrizione",
    "afmelden", "uitschrijven", "wypisz", "wypisz mnie", "dur", "durdur",
    "стоп", "отписаться", "отпишите меня", "توقف", "إيقاف", "إلغاء الاشتراك", "הסר", "עצור",
    "停止", "配信停止", "退订", "退訂", "수신거부", "रोकें", "बंद करो",
)  # fmt: skip
START_WORDS = (
    "start", "unstop", "subscribe", "opt in", "resume", "alta", "darme de alta", "reanudar", "suscribirme",
    "voltar a receber", "inscrever", "reprendre", "s'abonner", "me réabonner", "anmelden", "wieder anmelden",
    "riprendi", "iscrivimi", "aanmelden", "zapisz mnie", "başlat", "старт", "подписаться", "ابدأ", "اشتراك", "התחל",
    "再開", "恢复订阅", "शुरू करें",
)  # fmt: skip
COURTESIES = ("please", "por favor", "svp", "s'il vous plaît", "bitte", "per favore")
"""What people put before or after any of these words, whichever its language."""


class Wish(Enum):
    """What a message that is nothing else asks for."""

    STOP = "stop"
    START = "start"


@dataclass(frozen=True)
class Wishes:
    """The words for both wishes, compared without case, accents and punctuation, and each with a courtesy too."""

    stop: frozenset[str]
    start: frozenset[str]

    @classmethod
    def of(cls, stop: Iterable[str] = STOP_WORDS, start: Iterable[str] = START_WORDS) -> "Wishes":
        """Prepare words as people write them; what is in both lists means stop."""
        return cls(_with_courtesies(stop), _with_courtesies(start))

    def read(self, text: str | None) -> Wish | None:
        """The wish that the whole of a text is; None for everything else."""
        if text is None or len(text) > _LONGEST:
            return None
        words = _plain(text)
        if words in self.stop:
            return Wish.STOP
        return Wish.START if words in self.start else None


def _with_courtesies(words: Iterable[str]) -> frozenset[str]:
    said = {_plain(word) for word in words} - {""}
    polite = [_plain(courtesy) for courtesy in COURTESIES]
    return frozenset(said.union(*({f"{word} {one}", f"{one} {word}"} for word in said for one in polite)))


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    kept = (character for character in decomposed if not unicodedata.combining(character))
    return " ".join("".join(character if _is_of_a_word(character) else " " for character in kept).split())


def _is_of_a_word(character: str) -> bool:
    # Vowels of Indic scripts are marks, without which a word looks like many others. Those of emoji say nothing.
    return character.isalnum() or (unicodedata.category(character) in _MARKS and character not in _VARIATIONS)


DEFAULT_WISHES = Wishes.of()
