"""A decision in one sentence, made from what was recorded with it."""

from collections.abc import Mapping, Sequence
from typing import Any

_MOST_NAMED = 5


def explain(
    chosen_id: int,
    candidates: Sequence[Mapping[str, Any]],
    names: Mapping[int, str],
    *,
    is_manual: bool = False,
    decided_by: int | None = None,
    reason: str | None = None,
) -> str:
    """Say who got the lead and why, and why others did not.

    `candidates` are the recorded documents of `scoring.Candidate`, perhaps made `discreet`. Names are looked up
    now and never stored with a decision, so that erasing a member leaves none behind.
    """
    chosen = next((each for each in candidates if each["member_id"] == chosen_id), None)
    parts = [_headline(chosen_id, chosen, names, is_manual=is_manual, decided_by=decided_by, reason=reason)]
    others = [each for each in candidates if each["member_id"] != chosen_id]
    if next_best := sorted((each for each in others if each["eligible"]), key=lambda each: -(each["score"] or 0)):
        listed = [_name(each, names) + _score(each, " {:.2f}") for each in next_best]
        parts.append(f"Also free: {_shorten(listed)}")
    # Those who get no leads at all are not news, unless the person's earlier owner is among them.
    if passed_over := [each for each in others if not each["eligible"] and each["signals"]]:
        listed = [f"{_name(each, names)} ({'; '.join(each['reasons'])})" for each in passed_over]
        parts.append(f"Passed over: {_shorten(listed)}")
    return ". ".join(parts) + "."


def discreet(candidate: Mapping[str, Any], seen_by: int | None) -> Mapping[str, Any]:
    """A candidate's document as member `seen_by` may see it, or as it is for None.

    How colleagues convert is not theirs to know, nor the score, from which it could be reckoned.
    """
    if seen_by is None or candidate["member_id"] == seen_by:
        return candidate
    signals = {name: signal for name, signal in candidate["signals"].items() if name != "conversion"}
    return {**candidate, "score": None, "signals": signals}


def _headline(
    chosen_id: int,
    chosen: Mapping[str, Any] | None,
    names: Mapping[int, str],
    *,
    is_manual: bool,
    decided_by: int | None,
    reason: str | None,
) -> str:
    name = names.get(chosen_id, f"member {chosen_id}")
    if is_manual:
        return f"{name}: chosen by {_decider(decided_by, names)}" + (f" ({reason})" if reason else "")
    if chosen is None:
        return f"{name}: decided elsewhere"
    return f"{name}: {_score(chosen, 'score {:.2f} ')}({', '.join(_signals(chosen['signals']))})"


def _decider(decided_by: int | None, names: Mapping[int, str]) -> str:
    if decided_by is None:
        return "another system"
    if decided_by == 0:
        return "an admin"
    return names.get(decided_by, f"member {decided_by}")


def _score(candidate: Mapping[str, Any], form: str) -> str:
    return form.format(candidate["score"]) if candidate["score"] is not None else ""


def _signals(signals: Mapping[str, Mapping[str, Any]]) -> list[str]:
    said = []
    for name, signal in signals.items():
        if name == "workload":
            said.append(f"{signal['open_leads']} of {signal['capacity']} open leads")
        elif name == "conversion":
            said.append(f"wins {signal['rate']:.0%} where the team wins {signal['team_rate']:.0%}")
        elif name == "preferred_owner":
            if signal["is_preferred"]:
                said.append("owned this person's earlier lead")
        else:
            said.append(f"{name} {signal['value']:.2f}")
    return said


def _name(each: Mapping[str, Any], names: Mapping[int, str]) -> str:
    member_id = each["member_id"]
    return names.get(member_id, f"member {member_id}")


def _shorten(listed: Sequence[str]) -> str:
    more = len(listed) - _MOST_NAMED
    return ", ".join(listed[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
