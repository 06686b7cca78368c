"""assignment's REST, as far as leads needs it: decisions by hand, which assignment alone may make."""

from typing import Protocol

import httpx2
from pydantic import BaseModel, ValidationError

_PATH = "/rest/assignments"
_PASSED_ON = (404, 409, 422)


class Decision(BaseModel):
    """assignment's decision as it answers it, new or made before."""

    id: int
    lead_id: int
    decision_number: int
    chosen_member_id: int
    previous_member_id: int | None = None
    is_manual: bool = True


class DecisionRefused(Exception):
    """assignment may not give the lead to this member; the message says why, in assignment's words."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        super().__init__(detail)


class AssignmentAway(Exception):
    """assignment did not answer, or not with anything that leads understands; nothing is known of a decision."""


class Assignment(Protocol):
    """What leads asks of assignment."""

    async def assign(self, lead_id: int, member_id: int, decided_by: int | None) -> Decision:
        """Decide that a member owns a lead, for `decided_by` or a service; may be repeated.

        Raises `DecisionRefused` and `AssignmentAway`.
        """
        ...


class AssignmentOverHttp:
    """assignment at the base URL of `client`, which sends the service token and has a timeout."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def assign(self, lead_id: int, member_id: int, decided_by: int | None) -> Decision:
        """Decide that a member owns a lead; see `Assignment`."""
        wish = {"lead_id": lead_id, "member_id": member_id}
        if decided_by is not None:
            wish["decided_by"] = decided_by
        try:
            response = await self._client.post(_PATH, json=wish)
        except httpx2.TransportError as error:
            raise AssignmentAway from error
        if response.is_success:
            return _decision(response)
        if response.status_code in _PASSED_ON:
            raise DecisionRefused(response.status_code, _detail(response))
        raise AssignmentAway


def connect(base_url: str, service_token: str) -> httpx2.AsyncClient:
    """The client to hand to `AssignmentOverHttp`, and to close with `aclose()` when the service stops."""
    return httpx2.AsyncClient(
        base_url=base_url, headers={"Authorization": f"Bearer {service_token}"}, timeout=5.0, follow_redirects=False
    )


def _decision(response: httpx2.Response) -> Decision:
    try:
        return Decision.model_validate_json(response.content)
    except ValidationError:
        # Not chained: it holds what the other side sent.
        raise AssignmentAway from None


def _detail(response: httpx2.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return "assignment refused the decision."
