"""What the payloads of form providers answer, as the fields that a post of the same form would have."""

from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

from services.intake.domain.field_names import LONGEST_NAME, guess_name
from services.intake.domain.form_rules import Provider
from services.intake.domain.forms import MOST_FIELDS, longest_value
from services.intake.domain.values import as_list, as_mapping, as_text
from shared.kit.text import dump_json

# What kinds of questions ask for, where neither the form's mapping nor a name says it.
_BY_TYPE = {
    "email": "email",
    "phone_number": "phone",
    "long_text": "message",
    "INPUT_EMAIL": "email",
    "INPUT_PHONE_NUMBER": "phone",
    "TEXTAREA": "message",
}

_HIDDEN = frozenset(("hidden", "HIDDEN_FIELDS", "CALCULATED_FIELDS"))


class Answer(NamedTuple):
    """An answered question: what it may be called, the most exact name first, its type, and what was answered."""

    names: tuple[str, ...]
    type: str
    value: Any


class AnswersUnknown(ValueError):
    """A payload is not what this provider sends; the message has nothing of it."""


def is_whole(provider: Provider, payload: dict[str, Any]) -> bool:
    """Whether somebody sent a form; providers also tell of halves of forms, and of other things."""
    if provider is Provider.TYPEFORM:
        return bool(payload.get("event_type") == "form_response")
    if provider is Provider.TALLY:
        return bool(payload.get("eventType") == "FORM_RESPONSE")
    kind = payload.get("triggerType")
    return kind == "form_submission" or (kind is None and bool(_webflow_data(payload)))


def answered_at(provider: Provider, payload: dict[str, Any]) -> Any:
    """When somebody sent the form, as the provider says it."""
    return {
        Provider.TYPEFORM: as_mapping(payload.get("form_response")).get("submitted_at"),
        Provider.TALLY: payload.get("createdAt"),
    }.get(provider, as_mapping(payload.get("payload")).get("submittedAt"))


def read_answers(provider: Provider, payload: dict[str, Any], mapping: Mapping[str, str | None]) -> dict[str, Any]:
    """The fields of a payload, cut to what a post may have; raises `AnswersUnknown`.

    What only a page filled in, in fields that it hides, is no answer unless it tells of a person.
    """
    readers = {Provider.TYPEFORM: _typeform, Provider.TALLY: _tally}
    read = [answer._replace(value=_plain(answer.value)) for answer in readers.get(provider, _webflow)(payload)]
    answers = [answer for answer in read if answer.value not in (None, "")]
    # A question of this name may come behind one that is only of its type.
    named = {guess_name(name) for answer in answers if (name := _telling_name(answer, mapping))}
    fields: dict[str, Any] = {}
    known: set[str] = {target for target in mapping.values() if target}
    is_answered = False
    for answer in answers[:MOST_FIELDS]:
        name = _name(answer, mapping, fields, known, named)
        target = mapping[name] if name in mapping else guess_name(name)
        if target:
            known.add(target)
        is_answered = is_answered or bool(target) or answer.type not in _HIDDEN
        fields[name] = answer.value[: longest_value(name)] if isinstance(answer.value, str) else answer.value
    return fields if is_answered else {}


def _plain(value: Any) -> Any:
    """A value as a form would post it: several as one text, tables as JSON."""
    if isinstance(value, list):
        return ", ".join(item if isinstance(item, str) else dump_json(item).decode() for item in value)
    return dump_json(value).decode() if isinstance(value, dict) else value


def _name(
    answer: Answer, mapping: Mapping[str, str | None], taken: Container[str], known: set[str], named: set[str | None]
) -> str:
    """What an answer is called among the fields: nothing that is taken, nor what means a field that is known."""
    listed = next((name for name in answer.names if name in mapping), None)
    if listed is not None and listed not in taken:
        return listed
    telling = _telling_name(answer, mapping)
    if telling and guess_name(telling) not in known:
        return _free(telling, taken)
    of_type = _BY_TYPE.get(answer.type)
    if of_type and not telling and of_type not in known | named:
        return _free(of_type, taken)
    # The last name is the question as people read it.
    asked = [name[:LONGEST_NAME] for name in reversed(answer.names) if name] or [answer.type[:LONGEST_NAME]]
    return next((name for name in asked if name not in taken), None) or _free(asked[0], taken)


def _telling_name(answer: Answer, mapping: Mapping[str, str | None]) -> str | None:
    """The first of its names that usually means one of our fields; a form's mapping says more than that."""
    if any(name in mapping for name in answer.names):
        return None
    return next((name for name in answer.names if guess_name(name)), None)


def _free(name: str, taken: Container[str]) -> str:
    numbered = (f"{name[: LONGEST_NAME - 6]} ({number})" for number in range(2, MOST_FIELDS + 2))
    return next(one for one in (name, *numbered) if one not in taken)


def _typeform(payload: dict[str, Any]) -> Iterator[Answer]:
    """Typeform: Webhooks, example payload. Answers of people who answered nothing are null."""
    response = payload.get("form_response")
    if not isinstance(response, dict):
        raise AnswersUnknown("no form_response")
    asked = [as_mapping(one) for one in as_list(as_mapping(response.get("definition")).get("fields"))]
    titles = {one.get("id"): as_text(one.get("title")) or "" for one in asked if isinstance(one.get("id"), str)}
    for answer in map(as_mapping, as_list(response.get("answers"))):
        field, kind = as_mapping(answer.get("field")), as_text(answer.get("type")) or ""
        ids = [as_text(field.get(name)) or "" for name in ("ref", "id")]
        yield Answer((*ids, titles.get(ids[1], "")), as_text(field.get("type")) or kind, _chosen(answer.get(kind)))
    for name, value in as_mapping(response.get("hidden")).items():
        yield Answer((name,), "hidden", value)


def _chosen(value: Any) -> Any:
    """What was answered; of choices their labels, and what was typed instead of them."""
    if not isinstance(value, dict):
        return value
    labels = value.get("labels") if isinstance(value.get("labels"), list) else [value.get("label")]
    return [label for label in (*as_list(labels), value.get("other")) if isinstance(label, str)] or value


def _tally(payload: dict[str, Any]) -> Iterator[Answer]:
    """Tally: Webhooks, payload. Chosen options come as their ids, beside a list of all options."""
    answers = as_mapping(payload.get("data"))
    if not isinstance(answers.get("fields"), list):
        raise AnswersUnknown("no data fields")
    for field in map(as_mapping, answers["fields"]):
        options = [as_mapping(one) for one in as_list(field.get("options"))]
        texts = {one.get("id"): one.get("text") for one in options if isinstance(one.get("id"), str)}
        value = field.get("value")
        if texts and isinstance(value, (list, str)):
            chosen = value if isinstance(value, list) else [value]
            value = [str(texts.get(one, one)) if isinstance(one, str) else str(one) for one in chosen]
        names = (as_text(field.get("key")) or "", as_text(field.get("label")) or "")
        yield Answer(names, as_text(field.get("type")) or "", value)


def _webflow(payload: dict[str, Any]) -> Iterator[Answer]:
    """Webflow: Webhooks, form submission. The keys are the labels that the page's author gave."""
    told = _webflow_data(payload)
    if not isinstance(told, dict):
        raise AnswersUnknown("no payload data")
    for name, value in told.items():
        yield Answer((name,), "", value)


def _webflow_data(payload: dict[str, Any]) -> Any:
    """Older webhooks have the answers at the top, and name no trigger."""
    return as_mapping(payload.get("payload", payload)).get("data")
