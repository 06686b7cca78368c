"""How the rules' refusals look on the wire."""

from services.leads.clients.assignment import AssignmentAway, DecisionRefused
from services.leads.domain.errors import LeadNotFound, VersionConflict
from services.leads.domain.lifecycle import IllegalTransition
from services.leads.storage.answers import KeyReused
from shared.kit.problems import FieldError, Problem, Translation, invalid_field


def _not_found(error: LeadNotFound) -> Problem:
    return Problem(404, str(error))


def _conflict(error: VersionConflict) -> Problem:
    return Problem(412, _sentence(error), version=error.version, headers={"ETag": f'"{error.version}"'})


def _illegal(error: IllegalTransition) -> Problem:
    return Problem(
        409,
        _sentence(error),
        errors=[FieldError("status", "transition", _sentence(error))],
        status_now=int(error.status),
        legal_moves=[{"to": int(move.to), "outcome": move.outcome} for move in error.legal],
    )


def _refused(error: DecisionRefused) -> Problem:
    # What assignment cannot find is no page that is missing here.
    status = 409 if error.status == 404 else error.status
    return Problem(status, str(error), errors=[FieldError("assigned_id", "assignment", str(error))])


def _away(_: AssignmentAway) -> Problem:
    return Problem(503, "assignment, which decides who owns a lead, is away; try again.", headers={"Retry-After": "5"})


def _key_reused(_: KeyReused) -> Problem:
    return invalid_field("Idempotency-Key", "reused", "it came with another request before; take a new one")


def after_decision(error: VersionConflict | IllegalTransition | DecisionRefused, member_id: int) -> Problem:
    """A refusal that comes when assignment has decided on the owner already: the lead is no longer as it was read."""
    problem = TRANSLATIONS[type(error)](error)
    detail = (
        f"{problem.detail} Nothing else was changed, but assignment decided meanwhile that member {member_id} owns "
        "the lead, so that its owner may have changed: read it again."
    )
    return Problem(
        problem.status,
        detail,
        errors=problem.errors,
        headers=problem.headers,
        **problem.extra,
        decided_member_id=member_id,
    )


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


TRANSLATIONS: dict[type[Exception], Translation] = {
    LeadNotFound: _not_found,
    VersionConflict: _conflict,
    IllegalTransition: _illegal,
    DecisionRefused: _refused,
    AssignmentAway: _away,
    KeyReused: _key_reused,
}
