"""`/rest/receipts/{id}/attachments` and `/rest/attachments/{id}`: what people sent, as downloads only."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from services.intake.routes.backend import Admin, AnyBackend, Supervisor
from services.intake.storage import attachments
from services.intake.use_cases.replay_receipts import ReceiptNotFound
from shared.kit.paging import Page
from shared.kit.problems import Problem

router = APIRouter(prefix="/rest", tags=["attachments"])


class AttachmentView(BaseModel):
    """A file and what became of it. `file_name` is the sender's, and of no use as a path."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")

    id: UUID
    receipt_id: UUID
    kind: str
    state: Literal["waiting", "stored", "failed"]
    reason: str | None
    file_name: str | None
    mime_type: str | None
    size: int | None
    attempts: int
    created_at: datetime
    stored_at: datetime | None


class AttachmentCount(BaseModel):
    """How many files are in a state, and for those that are not stored why."""

    state: str
    reason: str | None
    count: int


@router.get("/attachments/reasons")
async def count(backend: AnyBackend, _: Supervisor) -> Page[AttachmentCount]:
    """How many files are in which state, by reason."""
    async with backend.database.connection() as connection:
        rows = await attachments.count_by_reason(connection)
    return Page(items=[AttachmentCount(**row) for row in rows], next_cursor=None, total=len(rows))


@router.get("/receipts/{receipt_id}/attachments")
async def list_all(backend: AnyBackend, _: Supervisor, receipt_id: UUID) -> Page[AttachmentView]:
    """The files of a receipt; personal, and who owns a lead is not known here: for supervisors and services."""
    async with backend.database.connection() as connection:
        rows = await attachments.list_of_receipt(connection, receipt_id)
    if rows is None:
        raise ReceiptNotFound
    return Page(items=[AttachmentView.model_validate(row) for row in rows], next_cursor=None, total=len(rows))


@router.get("/attachments/{attachment_id}", response_class=StreamingResponse)
async def download(backend: AnyBackend, _: Supervisor, attachment_id: UUID) -> StreamingResponse:
    """The file, which no browser opens by itself: a download under a name of ours; 409 while it is not kept."""
    found = await _find(backend, attachment_id)
    if found["state"] != "stored":
        raise Problem(409, f"The file is {found['state']}: {found['reason'] or 'it is being fetched'}.")
    chunks = await backend.files.read(found["file_key"])
    return StreamingResponse(
        chunks,
        media_type=found["mime_type"],
        headers={
            "Content-Disposition": f'attachment; filename="{found["kind"]}-{attachment_id.hex[-8:]}{found["ending"]}"',
            "Content-Length": str(found["size"]),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-store",
        },
    )


@router.post("/attachments/{attachment_id}/retry", status_code=202)
async def retry(backend: AnyBackend, _: Admin, attachment_id: UUID) -> AttachmentView:
    """Try a file that failed once more; 409 when it did not fail."""
    async with backend.database.transaction() as connection:
        again = await attachments.retry(connection, attachment_id=attachment_id)
    found = await _find(backend, attachment_id)
    if not again:
        raise Problem(409, "Only a file that failed can be tried again.")
    return AttachmentView.model_validate(found)


async def _find(backend: AnyBackend, attachment_id: UUID) -> dict[str, Any]:
    async with backend.database.connection() as connection:
        found = await attachments.find_attachment(connection, attachment_id)
    if found is None:
        raise Problem(404, "There is no such file.")
    return found
