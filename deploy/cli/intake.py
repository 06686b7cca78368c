"""intake over REST with the service token: what must not go over Kafka, since it is secret or personal."""

from types import TracebackType
from typing import Any, Self

import httpx2

from shared.kit.settings import CommonSettings


class IntakeRefused(ValueError):
    """intake does not do what was asked; the text is its own."""


class Intake:
    """intake's REST; an async context manager. Raises `IntakeRefused`, or OSError when intake is away."""

    def __init__(self) -> None:
        settings = CommonSettings()
        self._http = httpx2.AsyncClient(
            base_url=settings.intake_url,
            headers={"Authorization": f"Bearer {settings.service_token.get_secret_value()}"},
            # Connecting asks the Graph API several times.
            timeout=120,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def ask(self, method: str, path: str, **sent: Any) -> Any:
        """The JSON that intake answers; None when it answers nothing."""
        try:
            answer = await self._http.request(method, path, **sent)
        except httpx2.TransportError as error:
            raise ConnectionError(f"intake does not answer at {self._http.base_url} ({type(error).__name__})") from None
        if not answer.is_success:
            raise IntakeRefused(_detail(answer))
        return answer.json() if answer.content else None

    async def list_all(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All items of a list."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self.ask("GET", path, params=params | ({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items


def _detail(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"intake answered {answer.status_code}"
