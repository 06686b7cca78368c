"""The people of the demo: who they are, and the addresses by which the channels know them.

All are invented. Their numbers are valid, because others would not be compared, but drawn anew in each run; nothing
is ever sent to them.
"""

import random
from dataclasses import dataclass, field
from typing import Final

from deploy.demo.mint import Mint


@dataclass(frozen=True, slots=True)
class Plan:
    """How a country writes a mobile number: as WhatsApp's id, and as one types it at home.

    `head` has the digits that may come first in `a`; the lengths are those of `a` and `b`.
    """

    wa_id: str
    typed: str
    abroad: str
    head: str = "0123456789"
    lengths: tuple[int, int] = (4, 4)


# WhatsApp's ids of Mexico carry a 1, those of Brazil may lack the 9, those of Argentina have one that nobody dials.
PLANS: Final = {
    "MX": Plan("52155{a}{b}", "55 {a} {b}", "+52 55 {a} {b}"),
    "BR": Plan("5541{a}{b}", "(41) 9{a}-{b}", "+55 41 9{a}-{b}", head="89"),
    "AR": Plan("54911{a}{b}", "011 15 {a}-{b}", "+54 11 {a}-{b}", head="23456"),
    "CO": Plan("57310{a}{b}", "310 {a} {b}", "+57 310 {a} {b}", lengths=(3, 4)),
    "DE": Plan("49170{a}{b}", "0170 {a}{b}", "+49 170 {a}{b}", lengths=(3, 4)),
    "ES": Plan("346{a}{b}", "6{a} {b}", "+34 6{a} {b}"),
    "FR": Plan("3361{a}{b}", "06 1{a} {b}", "+33 6 1{a} {b}", lengths=(3, 4)),
    "GB": Plan("447400{a}{b}", "07400 {a}{b}", "+44 7400 {a}{b}", lengths=(3, 3)),
    "IT": Plan("39333{a}{b}", "333 {a}{b}", "+39 333 {a}{b}", lengths=(3, 4)),
    "US": Plan("1415{a}{b}", "(415) {a}-{b}", "+1 415 {a} {b}", head="23456789", lengths=(3, 4)),
}

_NAMES: Final = {
    "MX": """Lucía Hernández, Diego Ramírez, Ximena Ortega, Emiliano Castro, Renata Villaseñor, Mateo Aguirre,
        Fernanda Solís, Rodrigo Tapia, Itzel Navarro, Bruno Escamilla, Camila Rentería, Joaquín Beltrán""",
    "BR": """Thaís Nogueira, Caio Antunes, Larissa Peixoto, Rafael Monteiro, Beatriz Sampaio, Vinícius Prado,
        Helena Cordeiro, Otávio Lacerda""",
    "AR": """Martina Quiroga, Facundo Ledesma, Julieta Sosa, Tomás Echeverría, Milagros Funes, Ignacio Paz,
        Agustina Roldán""",
    "CO": "Valentina Ospina, Andrés Cárdenas, Mariana Restrepo, Samuel Quintero",
    "ES": "Nerea Iglesias, Álvaro Sanchis, Aitana Robles, Jordi Puig",
    "US": "Hannah Whitlock, Marcus Delgado, Priya Raman, Tyler Brennan, Grace Okafor, Noah Lindqvist",
    "GB": "Imogen Hartley, Callum Pryce, Anika Sethi",
    "DE": "Jana Brückner, Moritz Feldmann, Svenja Lorenz, Emre Şahin",
    "FR": "Capucine Morel, Théo Lambert",
    "IT": "Ginevra Conti, Lorenzo Bellini",
}
_LANGUAGES: Final = {
    "MX": "es",
    "BR": "pt",
    "AR": "es",
    "CO": "es",
    "ES": "es",
    "US": "en",
    "GB": "en",
    "DE": "de",
    "FR": "fr",
    "IT": "it",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks about a trip. Which of the addresses the system gets to see is up to the story."""

    key: str
    first_name: str
    last_name: str
    region: str
    language: str
    wa_id: str
    phone_at_home: str
    phone_abroad: str
    scoped_id: str
    page_id: str
    instagram_id: str
    email: str

    @property
    def name(self) -> str:
        """The whole name."""
        return f"{self.first_name} {self.last_name}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Everything by which an inquiry can be known to be this person's."""
        return (self.wa_id, self.phone_at_home, self.scoped_id, self.page_id, self.instagram_id, self.email)


@dataclass
class Cast:
    """Everybody who may appear, each once; the same seed gives the same order."""

    choice: random.Random
    mint: Mint
    taken: list[Person] = field(default_factory=list)
    _waiting: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._waiting = [
            (region, first, last)
            for region, names in _NAMES.items()
            for first, _, last in (name.strip().partition(" ") for name in names.split(","))
        ]
        self.choice.shuffle(self._waiting)

    def take(self, *regions: str) -> Person:
        """The next one who has not appeared, from one of these regions or from anywhere."""
        place = next(i for i, (region, _, _) in enumerate(self._waiting) if not regions or region in regions)
        person = self._make(*self._waiting.pop(place))
        self.taken.append(person)
        return person

    def take_all(self) -> list[Person]:
        """All who are left."""
        return [self.take() for _ in range(len(self._waiting))]

    def _make(self, region: str, first: str, last: str) -> Person:
        plan = PLANS[region]
        a = self.mint.digits(plan.lengths[0], head=plan.head)
        b = self.mint.digits(plan.lengths[1])
        return Person(
            key=f"person-{len(self.taken) + 1}",
            first_name=first,
            last_name=last,
            region=region,
            language=_LANGUAGES[region],
            wa_id=plan.wa_id.format(a=a, b=b),
            phone_at_home=plan.typed.format(a=a, b=b),
            phone_abroad=plan.abroad.format(a=a, b=b),
            scoped_id=f"{region}.{self.mint.token(22)}",
            page_id=self.mint.digits(16, head="23456789"),
            instagram_id=self.mint.digits(17, head="1"),
            email=self.mint.email(first, last),
        )
