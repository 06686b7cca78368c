"""Events and commands in: what leads says about our inquiries, and what operators want."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.intake.storage import attachments
from services.intake.storage.sealed import reseal_secrets
from services.intake.use_cases.replay_receipts import (
    MOST,
    ReceiptNotFound,
    ReceiptNotPutAway,
    replay_receipt,
    replay_receipts,
)
from services.intake.use_cases.settle_receipts import settle_receipts
from shared.contracts.inquiries import InquirySettled
from shared.kit.database import Connection
from shared.kit.operations import OperationRefused
from shared.kit.records import Received
from shared.kit.sealing import Seal, SealBroken


async def on_settlements(connection: Connection, batch: Sequence[Received[InquirySettled]]) -> None:
    """End the receipts of a batch of settlements."""
    await settle_receipts(connection, [received.event for received in batch])


async def on_replay_command(connection: Connection, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`receipts.replay`: one receipt (`id`), or the oldest of a `reason` and a `state`, at most `limit`.

    Without any of them nothing is replayed, so that a slip does not run a year of statuses again.
    """
    if unknown := sorted(set(arguments) - {"id", "reason", "state", "limit"}):
        raise OperationRefused(f"unknown arguments: {', '.join(unknown)}")
    if "id" in arguments:
        return await _replay_one(connection, arguments["id"])
    reason, state = arguments.get("reason"), arguments.get("state")
    if state not in (None, "ignored", "quarantined"):
        raise OperationRefused("state must be ignored or quarantined")
    if reason is not None and not isinstance(reason, str):
        raise OperationRefused("reason must be a text")
    if reason is None and state is None:
        raise OperationRefused("say which: id, reason or state")
    limit = arguments.get("limit", MOST)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise OperationRefused("limit must be a whole number above 0")
    return {"replayed": await replay_receipts(connection, reason=reason, state=state, limit=limit)}


async def on_retry_attachments_command(connection: Connection, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`attachments.retry`: try files that failed again, of one `reason` or all."""
    reason = arguments.get("reason")
    if set(arguments) - {"reason"} or not (reason is None or isinstance(reason, str)):
        raise OperationRefused("this takes a reason, as a text, or nothing")
    return {"retried": await attachments.retry(connection, reason=reason)}


async def on_reseal_command(seal: Seal, connection: Connection, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`secrets.reseal`: seal all secrets anew with the first of INTAKE_ENCRYPTION_KEY's keys."""
    if arguments:
        raise OperationRefused("this takes no arguments")
    try:
        return {"resealed": await reseal_secrets(connection, seal)}
    except SealBroken as error:
        raise OperationRefused(f"nothing was changed, because for one of them {error}, or give the older key") from None


async def _replay_one(connection: Connection, receipt_id: Any) -> dict[str, Any]:
    try:
        await replay_receipt(connection, UUID(str(receipt_id)))
    except ValueError:
        raise OperationRefused("id must be the id of a receipt") from None
    except ReceiptNotFound:
        raise OperationRefused("there is no such receipt") from None
    except ReceiptNotPutAway:
        raise OperationRefused("only ignored and quarantined receipts can be replayed") from None
    return {"replayed": 1}
