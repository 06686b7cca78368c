"""The pages: status, one lead, caught mails."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from services.console.clients.mail_folder import MailFolder
from services.console.domain.overview import LeadPage
from services.console.routes.backend import AnyBackend, Backend, SignedIn, Viewer
from services.console.use_cases.read_lead import read_lead
from shared.contracts.words import Role
from shared.kit.problems import Problem

router = APIRouter(include_in_schema=False)


@router.get("/")
async def show_status(backend: AnyBackend, viewer: Viewer) -> Response:
    """How everything is."""
    return backend.pages.render("status.html", viewer=viewer, page=await backend.overview.read(viewer.person))


@router.get("/leads/{reference}")
async def show_lead(
    backend: AnyBackend, viewer: Viewer, reference: Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$")]
) -> Response:
    """One lead by id, uuid or number."""
    page = await read_lead(backend.services, backend.clock, viewer.person, reference)
    if isinstance(page, LeadPage):
        return backend.pages.render("lead.html", viewer=viewer, page=page)
    if page.problem is None:
        raise Problem(404, "There is no such lead, or it is not yours.")
    raise Problem(503, f"The lead cannot be shown: {page.problem}.")


@router.get("/mail")
async def show_mails(backend: AnyBackend, viewer: Viewer) -> Response:
    """The mails that were caught instead of sent."""
    mails = await _folder(backend, viewer).list_latest()
    return backend.pages.render("mails.html", viewer=viewer, mails=mails, now=backend.clock.now())


@router.get("/mail/{key}")
async def show_mail(backend: AnyBackend, viewer: Viewer, key: str) -> Response:
    """One of them: its text, never its HTML."""
    mail = await _folder(backend, viewer).find(key)
    if mail is None:
        raise Problem(404, "There is no such mail.")
    return backend.pages.render("mail.html", viewer=viewer, mail=mail)


def _folder(backend: Backend, viewer: SignedIn) -> MailFolder:
    if backend.mails is None:
        raise Problem(404, "Mail is not caught here: it goes to a mail server.")
    if viewer.person is None or viewer.person.role is not Role.ADMIN:
        raise Problem(403, "The mails of everybody are for admins only.")
    return backend.mails
