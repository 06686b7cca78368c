"""REST: the team, suggestions, decisions and assignments."""

from services.assignment.routes.assignments import router as assignments_router
from services.assignment.routes.explanations import router as explanations_router
from services.assignment.routes.refusals import TRANSLATIONS
from services.assignment.routes.team import router as team_router

ROUTERS = (team_router, assignments_router, explanations_router)

__all__ = ["ROUTERS", "TRANSLATIONS"]
