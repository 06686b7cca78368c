"""What fields are called, in several languages and spellings, and what people are."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from services.intake.domain.form_rules import OWN_FIELDS
from services.intake.domain.values import as_text

LONGEST_NAME = 100
REDIRECT_FIELD = "redirect_to"
# In lower case, without accents, and with underscores between words; nothing that could mean something else.
_BY_FIELD = {
    "first_name": """
        firstname forename given_name vorname prenom primer_nombre nombres primeiro_nome
        """,
    "last_name": """
        lastname surname family_name apellido apellidos nachname familienname sobrenome nom_de_famille
        """,
    "name": """
        full_name fullname nombre nombre_completo nombre_y_apellido nombre_y_apellidos vollstandiger_name
        vor_und_nachname nome nome_completo nom nom_complet nom_et_prenom
        """,
    "email": """
        mail e_mail email_address e_mail_address correo correo_electronico email_adresse e_mail_adresse
        endereco_de_email endereco_de_e_mail courriel adresse_email adresse_e_mail adresse_mail
        """,
    "phone": """
        tel telephone phone_number phonenumber mobile mobile_phone mobile_number cell_phone cellphone contact_number
        telephone_number telefono numero_de_telefono telefono_celular telefono_movil numero_de_celular celular movil
        telefon telefonnummer handynummer mobiltelefon rufnummer telefone telemovel numero_de_telefone
        numero_de_telephone
        """,
    "message": """
        comment comments mensaje comentario comentarios nachricht kommentar mensagem commentaire commentaires
        """,
}
SPELLINGS = {spelling: field for field, spellings in _BY_FIELD.items() for spelling in spellings.split()}
# What pages put around the fields of the person who fills them in; `passenger[name]` is somebody else's.
_PERSONS = r"(?:contact|customer|data|fields|form|form_fields|lead|person|user|visitor)"
_OF_A_PERSON = re.compile(_PERSONS)
_IN_BRACKETS = re.compile(_PERSONS + r"\[([^\[\]]+)\]")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
_BEFORE_NAMES = ("your_", "contact_", "customer_")
# Behind a comma they are no first name.
_BEHIND_NAMES = frozenset(("jr", "sr", "ii", "iii", "iv", "phd", "ph.d", "md", "m.d", "mba", "esq"))


@lru_cache(maxsize=2048)
def guess_name(name: str) -> str | None:
    """Which of our fields a name usually means, in a few languages and spellings; None for what could be anything."""
    if len(name) > LONGEST_NAME:
        return None
    if inner := _IN_BRACKETS.fullmatch(name):
        name = inner[1]
    decomposed = unicodedata.normalize("NFKD", _HUMP.sub("_", name))
    words = _WORD.findall("".join(one for one in decomposed if not unicodedata.combining(one)).lower())
    if len(words) > 1 and words[-1].isdecimal():
        # Page builders number fields of the same name: `Email 2`, `tel-123`.
        words.pop()
    plain = "_".join(words)
    bare = next((plain.removeprefix(before) for before in _BEFORE_NAMES if plain.startswith(before)), plain)
    return _meant(plain) or _meant(bare)


def _meant(plain: str) -> str | None:
    return plain if plain in OWN_FIELDS or plain == REDIRECT_FIELD else SPELLINGS.get(plain)


def is_of_a_person(name: str) -> bool:
    """Whether an object of this name has fields of the person who fills the form in."""
    return _OF_A_PERSON.fullmatch(name) is not None


class PersonName(NamedTuple):
    """First and last name, and the full one if it was told beside them and says something else."""

    first: str | None
    last: str | None
    spare: str | None = None


def read_name(told: Mapping[str, Any]) -> PersonName:
    """What somebody is called, by `first_name`, `last_name` and `name`, of which some may be missing."""
    first, last = _trimmed(told.get("first_name")), _trimmed(told.get("last_name"))
    full = _trimmed(told.get("name"))
    if not (first or last):
        return PersonName(*split_name(full))
    if full and not first:
        # The field is for the first name, or for all of it.
        return PersonName(_without(full, last, is_behind=True), last)
    if full and not last and (rest := _without(full, first)) != full:
        return PersonName(first, rest)
    return PersonName(first, last, full)


def split_name(name: Any) -> tuple[str | None, str | None]:
    """First and last name of a full one: the first word, and the rest; `Surname, Name` is the other way round."""
    full = _trimmed(name) or ""
    before, _, behind = (part.strip() for part in full.partition(","))
    if before and behind and "," not in behind and behind.rstrip(".").lower() not in _BEHIND_NAMES:
        return behind, before
    first, _, last = full.partition(" ")
    return first or None, last or None


def _trimmed(name: Any) -> str | None:
    return " ".join((as_text(name) or "").split()) or None


def _without(full: str, part: str | None, *, is_behind: bool = False) -> str | None:
    """A full name without the words that it begins or ends with."""
    words, known = full.split(), (part or "").split()
    at = len(words) - len(known) if is_behind else 0
    if known and [word.casefold() for word in words[max(at, 0) :][: len(known)]] == [word.casefold() for word in known]:
        words = words[:at] if is_behind else words[len(known) :]
    return " ".join(words) or None
