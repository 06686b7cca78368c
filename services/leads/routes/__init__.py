"""REST: leads and their lives. An app that includes `ROUTERS` has a `Backend` as its `state.backend`."""

from services.leads.routes.backend import Backend
from services.leads.routes.experiences import router as experiences_router
from services.leads.routes.journal import router as journal_router
from services.leads.routes.leads import router as leads_router
from services.leads.routes.refusals import TRANSLATIONS

ROUTERS = (leads_router, journal_router, experiences_router)

__all__ = ["ROUTERS", "TRANSLATIONS", "Backend"]
