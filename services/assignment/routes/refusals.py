"""How the rules' refusals look on the wire."""

from services.assignment.domain.errors import CapacityFull, LeadUnknown, MemberUnknown, Refused, VersionPassed
from shared.kit.problems import Problem, Translation


def _not_found(error: Exception) -> Problem:
    return Problem(404, str(error))


def _conflict(error: Exception) -> Problem:
    return Problem(409, str(error))


def _full(error: CapacityFull) -> Problem:
    return Problem(409, str(error), capacity=error.capacity, open_leads=error.open_leads)


def _passed(error: VersionPassed) -> Problem:
    return Problem(412, str(error), version=error.version)


TRANSLATIONS: dict[type[Exception], Translation] = {
    LeadUnknown: _not_found,
    MemberUnknown: _not_found,
    Refused: _conflict,
    CapacityFull: _full,
    VersionPassed: _passed,
}
