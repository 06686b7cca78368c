"""intake's own errors as problem documents."""

from services.intake.clients.files import FileMissing, FilesAway
from services.intake.clients.form_limits import TooManyPosts
from services.intake.domain.forms import FieldRefused, FormUnreadable
from services.intake.storage.accounts import AccountNotFound
from services.intake.storage.receipt_writer import ReceiptsNotWritten
from services.intake.use_cases.capture_form import CaptureNotAllowed, FormFrozen
from services.intake.use_cases.keep_post import KeyUsedForOtherContent
from services.intake.use_cases.manage_accounts import AccountExists, AccountVersionOutdated
from services.intake.use_cases.manage_forms import FormExists, FormInconsistent, FormNotFound, FormVersionOutdated
from services.intake.use_cases.manage_lead_forms import LeadFormNotFound, LeadFormVersionOutdated, NoLeadForms
from services.intake.use_cases.replay_receipts import ReceiptNotFound, ReceiptNotPutAway
from shared.kit.problems import Problem, Translation, invalid_field
from shared.kit.sealing import SealBroken


def _field_refused(error: FieldRefused) -> Problem:
    return invalid_field(error.field, error.rule, error.message)


TRANSLATIONS: dict[type[Exception], Translation] = {
    ReceiptsNotWritten: lambda _: Problem(503, "Nothing was taken; deliver it again.", headers={"Retry-After": "5"}),
    FieldRefused: _field_refused,
    FormUnreadable: lambda error: Problem(400, str(error)),
    TooManyPosts: lambda error: Problem(
        429, "This form was sent too often; try again in a minute.", headers={"Retry-After": str(error.retry_after)}
    ),
    KeyUsedForOtherContent: lambda _: invalid_field(
        "Idempotency-Key", "idempotency_key", "this key came before with another body"
    ),
    CaptureNotAllowed: lambda _: Problem(
        403, "This form is not captured before it is sent; its `capture_before_submit` is off."
    ),
    FormFrozen: lambda _: Problem(409, "The form was submitted; it cannot change any more."),
    FormInconsistent: lambda error: invalid_field(error.field, "consistency", error.message),
    FormNotFound: lambda _: Problem(404, "There is no such form."),
    FormExists: lambda _: Problem(409, "There is a form with this key already."),
    FormVersionOutdated: lambda error: Problem(
        412, "The form was changed by somebody else; read it again.", version=error.version
    ),
    AccountNotFound: lambda _: Problem(404, "There is no such account."),
    AccountExists: lambda _: Problem(409, "This account is connected already."),
    AccountVersionOutdated: lambda error: Problem(
        412, "The account was changed by somebody else; read it again.", version=error.version
    ),
    LeadFormNotFound: lambda _: Problem(404, "There is no such lead form."),
    NoLeadForms: lambda _: Problem(409, "Only a page has lead forms."),
    LeadFormVersionOutdated: lambda error: Problem(
        412, "The lead form was changed by somebody else; read it again.", version=error.version
    ),
    FilesAway: lambda _: Problem(503, "The file store is away; try again.", headers={"Retry-After": "5"}),
    FileMissing: lambda _: Problem(410, "The file store does not have this file any more."),
    SealBroken: lambda _: Problem(
        409, "A secret cannot be opened: give the older key in INTAKE_ENCRYPTION_KEY too, or enter the secret again."
    ),
    ReceiptNotFound: lambda _: Problem(404, "There is no such receipt."),
    ReceiptNotPutAway: lambda _: Problem(409, "Only ignored and quarantined receipts can be replayed."),
}
