"""A form that is being filled in: what its requests supplied, folded to what it says now.

Each field has the version of the request that told it last: its sequence, then its receipt. Folding is therefore
the same in whatever order requests come, and a late one erases nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from services.leads.domain.people import StatedName
from shared.contracts.inquiries import (
    Experience,
    FormProgress,
    FormProgressed,
    Identity,
    InquiryReceived,
    Sender,
)
from shared.contracts.words import IdentityKind, LeadStep

_CONTACT = ("first_name", "last_name", "phone", "email")
_MESSAGE = "message"
_IDENTIFYING = {"phone": IdentityKind.PHONE, "email": IdentityKind.EMAIL}
_LANGUAGE = "(language)"
_KEPT = {"consent": "(consent)", "flags": "(flags)"}

FormRequest = InquiryReceived | FormProgressed


class Version(NamedTuple):
    """Which of two requests counts: the higher sequence, then the later receipt."""

    sequence: int
    receipt: str


class Told(NamedTuple):
    """A value with the version of the request that told it."""

    version: Version
    value: Any


@dataclass(slots=True)
class FormDraft:
    """What a form says so far, and which lead it is about; `lead_id` is empty until the form's beginning has come.

    `person_id` is the lead's, `receipt_id` that of the inquiry which shows the form. The names of facts that are no
    fields stand in parentheses, which no page's field can be called by.
    """

    lead_uuid: UUID
    lead_id: int | None = None
    person_id: int | None = None
    receipt_id: UUID | None = None
    fields: dict[str, Told] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)
    parts: dict[str, Told] = field(default_factory=dict)
    list_of_experiences: Told | None = None
    step: LeadStep | None = None
    submitted: Version | None = None
    attribution: dict[str, Any] = field(default_factory=dict)

    def take(self, request: FormRequest) -> bool:
        """Fold a request in, and say whether it said anything new; after the submission nothing later counts."""
        progress = request.progress
        if progress is None:
            return False
        version = Version(progress.sequence, request.receipt_id.hex)
        if self.submitted is not None and version >= self.submitted:
            return False
        before = self.to_json()
        for name, value in progress.fields.items():
            if _tell(self.fields, name, version, value) and name in _IDENTIFYING:
                self._identify(name, request.sender)
        for name, value in self._facts(request).items():
            _tell(self.fields, name, version, value)
        for name, value in progress.experience.items():
            _tell(self.parts, name, version, value)
        if progress.experiences is not None and _is_newer(self.list_of_experiences, version):
            told = [one.model_dump(mode="json") for one in progress.experiences]
            self.list_of_experiences = Told(version, told)
        steps = [step for step in (self.step, progress.step) if step is not None]
        self.step = min(steps, default=None)
        self.submitted = version if progress.is_submitted else self.submitted
        self.attribution = self.attribution or dict(request.attribution)
        return before != self.to_json()

    @property
    def identities_told(self) -> tuple[Identity, ...]:
        """The addresses that the form gives now."""
        return tuple(self.identities[name] for name in _IDENTIFYING if name in self.identities)

    @property
    def name(self) -> StatedName:
        """What the visitor calls themselves in it."""
        return StatedName(self._text("first_name"), self._text("last_name"))

    @property
    def sender(self) -> Sender:
        """The visitor, as if all of it had come at once."""
        contact = {name: self._text(name) for name in _CONTACT}
        return Sender(identities=self.identities_told, language=self._text(_LANGUAGE), **contact)

    @property
    def message(self) -> str | None:
        """What they wrote."""
        return self._text(_MESSAGE)

    @property
    def content(self) -> dict[str, Any]:
        """What has no field of its own, and what is known beside the fields."""
        apart = {*_CONTACT, _MESSAGE, _LANGUAGE, *_KEPT.values()}
        extra = {name: told.value for name, told in self.fields.items() if name not in apart and told.value != ""}
        content: dict[str, Any] = {"extra": extra} if extra else {}
        kept = {name: self.fields[fact].value for name, fact in _KEPT.items() if fact in self.fields}
        return content | kept | {"is_submitted": self.submitted is not None}

    @property
    def experiences(self) -> list[Experience]:
        """What they want: all that were told together, else the one that single fields tell."""
        if self.list_of_experiences is not None and self.list_of_experiences.value:
            return [Experience.model_validate(one) for one in self.list_of_experiences.value]
        told = {name: told.value for name, told in self.parts.items() if told.value is not None}
        return [Experience.model_validate(told)] if any(told.values()) else []

    def as_inquiry(self, begun: InquiryReceived) -> InquiryReceived:
        """The form's beginning with everything that is known of it by now."""
        news = {"sender": self.sender, "text": self.message, "content": self.content, "progress": self._progress()}
        return begun.model_copy(update=news | {"attribution": self.attribution})

    def as_new_inquiry(self, request: FormProgressed) -> InquiryReceived:
        """The whole form as an inquiry of its own, for when the lead that it began is closed."""
        facts = request.model_dump(exclude={"type", "progress", "content", "attribution", "sender", "lead_uuid"})
        return InquiryReceived(
            **facts,
            kind="form",
            sender=self.sender,
            text=self.message,
            content=self.content,
            attribution=self.attribution,
            progress=self._progress(),
        )

    def to_json(self) -> dict[str, Any]:
        """The state as JSON."""
        return {
            "fields": {name: [*told.version, told.value] for name, told in self.fields.items()},
            "identities": {name: one.model_dump(mode="json") for name, one in self.identities.items()},
            "parts": {name: [*told.version, told.value] for name, told in self.parts.items()},
            "experiences": self.list_of_experiences and [*self.list_of_experiences[0], self.list_of_experiences[1]],
            "step": self.step,
            "submitted": self.submitted,
            "attribution": self.attribution,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state that was written as JSON."""
        self.fields = {name: _told(told) for name, told in state["fields"].items()}
        self.identities = {name: Identity.model_validate(one) for name, one in state["identities"].items()}
        self.parts = {name: _told(told) for name, told in state["parts"].items()}
        self.list_of_experiences = _told(state["experiences"]) if state["experiences"] else None
        self.step = LeadStep(state["step"]) if state["step"] else None
        self.submitted = Version(*state["submitted"]) if state["submitted"] else None
        self.attribution = state["attribution"]

    def _identify(self, name: str, sender: Sender) -> None:
        found = next((one for one in sender.identities if one.kind is _IDENTIFYING[name]), None)
        if found is None:
            self.identities.pop(name, None)
        else:
            self.identities[name] = found

    def _facts(self, request: FormRequest) -> dict[str, Any]:
        facts = {fact: request.content[name] for name, fact in _KEPT.items() if request.content.get(name)}
        return facts | ({_LANGUAGE: request.sender.language} if request.sender.language else {})

    def _text(self, name: str) -> str | None:
        told = self.fields.get(name)
        return told.value if told and isinstance(told.value, str) and told.value.strip() else None

    def _progress(self) -> FormProgress:
        return FormProgress(sequence=0, step=self.step, is_submitted=self.submitted is not None)


def _tell(told: dict[str, Told], name: str, version: Version, value: Any) -> bool:
    if not _is_newer(told.get(name), version):
        return False
    told[name] = Told(version, value)
    return True


def _is_newer(told: Told | None, version: Version) -> bool:
    return told is None or told.version < version


def _told(stored: Any) -> Told:
    sequence, receipt, value = stored
    return Told(Version(sequence, receipt), value)
