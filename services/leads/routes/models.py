"""What clients may write about leads: a model for each role, in which nothing else may be."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, FiniteFloat, StringConstraints, model_validator

from services.leads.use_cases.change_status import Transition
from services.leads.use_cases.create_lead import NewLead
from shared.contracts.words import LeadOutcome, LeadStatus, LeadStep
from shared.kit.web import WriteModel

Day = date
LARGEST = 2**63 - 1
_FEWEST_DIGITS = 5
_OLDER_SPELLING = "abadon_reason"


def _empty_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def has_digits(text: str | None) -> str | None:
    """A phone as it came; refuses what has too few digits to be one."""
    if text is not None and sum(character.isdecimal() for character in text) < _FEWEST_DIGITS:
        raise ValueError("a phone number has 5 digits at least")
    return text


def _fits(value: Any) -> Any:
    # Or it would become a float and lose digits.
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError("an integer must fit 64 bits")
    return value


def _distinct(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


Id = Annotated[int, Field(ge=1, le=LARGEST, strict=True)]
Line = Annotated[Annotated[str, StringConstraints(max_length=200)] | None, BeforeValidator(_empty_is_none)]
Prose = Annotated[Annotated[str, StringConstraints(max_length=10_000)] | None, BeforeValidator(_empty_is_none)]
Phone = Annotated[
    Annotated[str, StringConstraints(max_length=64)] | None,
    BeforeValidator(_empty_is_none),
    AfterValidator(has_digits),
]
Email = Annotated[
    Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$")] | None,
    BeforeValidator(_empty_is_none),
]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Tags = Annotated[list[Tag], Field(max_length=50), AfterValidator(_distinct)]
Source = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,50}$")]
"""A slug, because it is published in events, which must not hold whatever somebody types."""
CustomName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
CustomText = Annotated[str, StringConstraints(max_length=2000)]
CustomValue = Annotated[
    bool | int | FiniteFloat | CustomText | Annotated[list[CustomText], Field(max_length=100)] | None,
    BeforeValidator(_fits),
]
Custom = Annotated[dict[CustomName, CustomValue], Field(max_length=100)]


class _Reasoned(WriteModel):
    abandon_reason: Line = None
    abadon_reason: Line = Field(None, description="The older spelling of abandon_reason.")

    @model_validator(mode="after")
    def _one_spelling(self) -> Self:
        if {"abandon_reason", _OLDER_SPELLING} <= self.model_fields_set and self.abandon_reason != self.abadon_reason:
            raise ValueError("abandon_reason and abadon_reason are the same field; send one of them")
        return self


class LeadEdit(_Reasoned):
    """What a salesperson may change on a lead of theirs; what is left out stays, null empties.

    Of `custom` only the given keys change, and null removes one. `status` follows the table of moves; `outcome`
    says how it closes and comes with it.
    """

    first_name: Line = None
    last_name: Line = None
    phone: Phone = None
    email: Email = None
    note: Prose = None
    step: LeadStep | None = None
    tags: Tags = Field(default_factory=list)
    custom: Custom = Field(default_factory=dict)
    status: LeadStatus | None = None
    outcome: LeadOutcome | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for name in ("status", "tags", "custom"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} must not be null; leave it out if it does not change")
        if self.outcome is not None and self.status is not LeadStatus.CLOSED:
            raise ValueError("outcome comes with status 3 only")
        return self

    def columns(self) -> dict[str, Any]:
        """The columns that are to change."""
        return _columns(self, {"status", "outcome", "assigned_id"})

    def transition(self) -> Transition | None:
        """The move that is asked for."""
        return Transition(self.status, self.outcome) if self.status is not None else None


class LeadEditBySupervisor(LeadEdit):
    """What a supervisor may change beyond that. `assigned_id` is decided by assignment, which may refuse."""

    source: Source | None = None
    assigned_id: Id | None = None

    @model_validator(mode="after")
    def _no_nulls(self) -> Self:
        for name in ("source", "assigned_id"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} must not be null; leave it out if it does not change")
        return self


class LeadToAdd(_Reasoned):
    """Somebody to register, by hand or by another system; a name, a phone or a mail address is needed."""

    first_name: Line = None
    last_name: Line = None
    phone: Phone = None
    email: Email = None
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$")] | None = None
    message: Prose = None
    source: Source = "rest"
    note: Prose = None
    step: LeadStep | None = None
    tags: Tags = Field(default_factory=list)
    custom: Custom = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if not (self.first_name or self.last_name or self.phone or self.email):
            raise ValueError("give at least one of first_name, last_name, phone and email")
        return self

    def person(self, region: str | None) -> NewLead:
        """What is registered."""
        return NewLead(
            first_name=self.first_name,
            last_name=self.last_name,
            phone=self.phone,
            email=self.email,
            language=self.language,
            message=self.message,
            region=region,
            attribution={"source": self.source},
        )

    def columns(self) -> dict[str, Any]:
        """The columns that are written beside what is registered."""
        return _columns(self, {"first_name", "last_name", "phone", "email", "language", "message"})


class TransitionWish(WriteModel):
    """A move along the table; closing without an outcome means lost."""

    to: LeadStatus
    outcome: LeadOutcome | None = None
    reason: Line = None


class ExperienceToAdd(WriteModel):
    """What somebody wants; at least one of its parts. Passengers are objects of a few texts and numbers each."""

    name: Line = None
    date: Day | None = None
    passengers: Annotated[list[Annotated[Custom, Field(max_length=20)]], Field(max_length=100)] = Field(
        default_factory=list
    )
    passenger_count: Annotated[int, Field(ge=1, le=999, strict=True)] | None = None
    details: Custom = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.name or self.date or self.passengers or self.passenger_count or self.details):
            raise ValueError("give at least one of name, date, passengers, passenger_count and details")
        return self

    def columns(self) -> dict[str, Any]:
        """The columns of the experience; who is named is counted."""
        return self.model_dump() | {"passenger_count": self.passenger_count or len(self.passengers) or None}


class CommentToAdd(WriteModel):
    """A comment for colleagues."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=10_000)]


def _columns(model: BaseModel, others: set[str]) -> dict[str, Any]:
    columns = model.model_dump(mode="json", include=model.model_fields_set - others)
    if _OLDER_SPELLING in columns:
        columns["abandon_reason"] = columns.pop(_OLDER_SPELLING)
    return columns
