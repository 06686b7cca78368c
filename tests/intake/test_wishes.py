"""Which messages are STOP or START, and which merely contain the word."""

import pytest

from services.intake.domain.wishes import DEFAULT_WISHES, Wish, Wishes


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        " Stop! ",
        "¡Stop!",
        "Arrêt",
        "ARRET.",
        "Désabonner",
        "dar de baja",
        "Стоп",
        "توقف",
        "停止",
        "रोकें",
        "S.T.O.P",
        "Stop please",
        "Stop, por favor",
        "Please, unsubscribe!",
        "Me désabonner svp",
        "Quiero darme de baja.",
    ],
)
def test_a_whole_message_is_stop(text: str) -> None:
    """Case, accents, punctuation and spaces make no difference, in any script."""
    assert Wish.STOP is DEFAULT_WISHES.read(text)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "!",
        "Where does the bus stop?",
        "stop at the hotel",
        "Don't stop",
        "Can you stop, please?",
        "please",
        "¿Quiero darme de baja o no?",
        "Stop 2 please",
        "non-stop",
        "cancel",
        "🛑",
        "रुको",
        "रुकें",
        "x" * 99,
    ],
)
def test_a_word_among_others_is_no_wish(text: str | None) -> None:
    """A sentence with the word in it, and words that may mean the trip, are inquiries."""
    assert DEFAULT_WISHES.read(text) is None


def test_start_takes_back() -> None:
    """START and its like are the other wish."""
    assert Wish.START is DEFAULT_WISHES.read("Start")
    assert Wish.START is DEFAULT_WISHES.read("darme de alta.")


def test_words_are_the_operators() -> None:
    """Configured words take the place of the usual ones; what is in both lists means stop."""
    wishes = Wishes.of(["Basta ya", ""], ["Otra vez", "basta ya"])
    assert Wish.STOP is wishes.read("¡basta YA!")
    assert Wish.START is wishes.read("otra vez")
    assert wishes.read("stop") is None
    assert wishes.read("…") is None
