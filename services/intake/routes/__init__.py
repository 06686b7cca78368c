"""HTTP: the public edge (webhooks, forms) and REST for receipts, forms and connected accounts."""

from services.intake.routes.attachments import router as attachments_router
from services.intake.routes.channels import router as channels_router
from services.intake.routes.lead_forms import router as lead_forms_router
from services.intake.routes.receipts import router as receipts_router
from services.intake.routes.refusals import TRANSLATIONS
from services.intake.routes.web_forms import router as web_forms_router

ROUTERS = (receipts_router, web_forms_router, channels_router, lead_forms_router, attachments_router)

__all__ = ["ROUTERS", "TRANSLATIONS"]
