"""What every REST route needs, taken from the app it is part of."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request

from services.intake.clients.files import Files
from services.intake.use_cases.connect_account import ConnectAccounts
from services.intake.use_cases.manage_accounts import ManageAccounts
from shared.contracts.words import Role
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.sealing import Seal
from shared.kit.security import Caller, require


@dataclass(frozen=True)
class Backend:
    """The app's `state.backend`; `public_url` is empty while nobody said where the public finds us."""

    database: Database
    clock: Clock
    seal: Seal
    accounts: ManageAccounts
    connecting: ConnectAccounts
    public_url: str
    files: Files


def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


AnyBackend = Annotated[Backend, Depends(_backend)]
Reader = Annotated[Caller, Depends(require(Role.SALESPERSON))]
Supervisor = Annotated[Caller, Depends(require(Role.SUPERVISOR))]
Admin = Annotated[Caller, Depends(require(Role.ADMIN))]
Limit = Annotated[int, Query(ge=1, le=200)]
