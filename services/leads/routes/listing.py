"""How a list of leads is asked for."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from services.leads.routes.models import LARGEST, has_digits
from services.leads.storage.lead_search import LeadFilter, LeadOrder
from services.leads.use_cases.search_leads import read_phone
from shared.contracts.words import LeadStatus, LeadStep
from shared.kit.web import QueryText

T = TypeVar("T", date, datetime)
_FIRST_YEAR, _LAST_YEAR = 1970, 2999

Sort = Literal[
    "created_at", "-created_at", "updated_at", "-updated_at", "number", "-number", "status", "-status", "id", "-id"
]


def _plausible(instant: T) -> T:
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise ValueError(f"the year must be from {_FIRST_YEAR} to {_LAST_YEAR}")
    return instant


Instant = Annotated[AwareDatetime, AfterValidator(_plausible)]
Day = Annotated[date, AfterValidator(_plausible)]
Text = Annotated[QueryText, Field(min_length=1, max_length=200)]


class LeadQuery(BaseModel):
    """Filters, order and page. Repeated `status`, `step`, `source` and `assigned_id` mean any of them.

    A day in `created_from` and `created_to` is one of the business's time zone and belongs to the range; an
    instant in `created_to` does not. `assigned_id=none` finds leads without an owner. All words of `q` must occur
    in a name, the mail address, the phone or the number.
    """

    model_config = ConfigDict(extra="forbid")

    phone: Annotated[QueryText, Field(min_length=1, max_length=64), AfterValidator(has_digits)] | None = None
    q: Text | None = None
    status: list[LeadStatus] = Field(default_factory=list)
    step: list[LeadStep] = Field(default_factory=list)
    source: Annotated[list[Text], Field(max_length=50)] = Field(default_factory=list)
    assigned_id: Annotated[list[Annotated[int, Field(ge=1, le=LARGEST)] | Literal["none"]], Field(max_length=100)] = (
        Field(default_factory=list)
    )
    tag: Annotated[list[Text], Field(max_length=50)] = Field(default_factory=list)
    ready: bool | None = None
    repeat: bool | None = None
    created_from: Instant | Day | None = None
    created_to: Instant | Day | None = None
    sort: Sort = "-created_at"
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=1000)] | None = None

    def filter(self, zone: ZoneInfo, default_region: str | None) -> LeadFilter:
        """What the list is narrowed to."""
        return LeadFilter(
            phone=read_phone(self.phone, default_region) if self.phone else None,
            words=self.q.split() if self.q else (),
            statuses=self.status,
            steps=self.step,
            sources=self.source,
            assigned_ids=[owner for owner in self.assigned_id if owner != "none"],
            is_unassigned="none" in self.assigned_id,
            tags=self.tag,
            is_ready=self.ready,
            is_repeat=self.repeat,
            created_from=_instant(self.created_from, zone, _first),
            created_to=_instant(self.created_to, zone, _after_last),
        )

    def order(self) -> LeadOrder:
        """The order of the list."""
        return LeadOrder(self.sort.removeprefix("-"), self.sort.startswith("-"))


def _instant(
    bound: datetime | date | None, zone: ZoneInfo, of_day: Callable[[date, ZoneInfo], datetime]
) -> datetime | None:
    if bound is None or isinstance(bound, datetime):
        return bound
    return of_day(bound, zone)


def _first(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _after_last(day: date, zone: ZoneInfo) -> datetime:
    return _first(day + timedelta(days=1), zone)
