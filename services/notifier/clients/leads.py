"""leads' REST: what a mail tells is asked when it is sent, and kept nowhere."""

from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, Field, ValidationError

from services.notifier.domain.delivery import LeadsAway
from shared.kit.problems import MEDIA_TYPE as PROBLEM_DOCUMENT

M = TypeVar("M", bound=BaseModel)

_TIMEOUT = httpx2.Timeout(5.0)


class LeadOnWire(BaseModel):
    """The part of a lead that notifier reads."""

    id: int
    number: str
    first_name: str | None = None
    last_name: str | None = None
    status: int
    assigned_id: int | None = None
    source: str = ""
    is_repeat: bool = False

    @property
    def name(self) -> str:
        """First and last name, as far as they are known."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)


class SenderOnWire(BaseModel):
    """The part of an inquiry's sender that notifier reads."""

    profile_name: str | None = None


class InquiryOnWire(BaseModel):
    """The part of an inquiry that notifier reads."""

    channel: str = ""
    text: str | None = None
    sender: SenderOnWire = SenderOnWire()


class _Inquiries(BaseModel):
    items: list[InquiryOnWire] = Field(default_factory=list)


class LeadsClient:
    """Asks leads with the service token; raises `LeadsAway` for every answer that decides nothing."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def find_lead(self, lead_id: int) -> LeadOnWire | None:
        """The lead, or None when it does not exist any more."""
        answer = await self._get(f"/rest/leads/{lead_id}")
        return None if answer is None else _read(LeadOnWire, answer)

    async def find_first_inquiry(self, lead_id: int) -> InquiryOnWire | None:
        """The inquiry that opened the lead; leads lists them in the order in which they were sent."""
        answer = await self._get(f"/rest/leads/{lead_id}/inquiries", params={"limit": "1"})
        inquiries = _Inquiries() if answer is None else _read(_Inquiries, answer)
        return inquiries.items[0] if inquiries.items else None

    async def _get(self, path: str, params: dict[str, str] | None = None) -> Any:
        """The JSON at a path, or None when leads itself says 404 or 410.

        A proxy, or something else on leads' port, says 404 as well; only leads says it in a problem document.
        """
        try:
            response = await self._http.get(path, params=params)
        except httpx2.HTTPError as error:
            raise LeadsAway(f"leads cannot be reached: {type(error).__name__}") from None
        if response.status_code in (404, 410) and _media_type(response) == PROBLEM_DOCUMENT:
            return None
        if response.status_code != 200:
            raise LeadsAway(f"leads answered {response.status_code}")
        try:
            return response.json()
        except ValueError:
            raise LeadsAway("leads answered something that is not JSON") from None


def build_http(url: str, service_token: str) -> httpx2.AsyncClient:
    """The HTTP client for leads; connects with its first request."""
    return httpx2.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {service_token}"}, timeout=_TIMEOUT, trust_env=False
    )


def _media_type(response: httpx2.Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _read(model: type[M], answer: Any) -> M:
    try:
        return model.model_validate(answer)
    except ValidationError:
        raise LeadsAway("leads answered in a shape that notifier does not know") from None
