"""Mutated deliveries: fixtures with members replaced, removed, doubled, wrapped and exchanged, and bytes damaged."""

import json
import random
from collections.abc import Sequence
from typing import Any

SECRET = "Zq7-private-9431"
"""A value that is planted as if it were personal, and must not be found in any reason."""

_Place = tuple[Any, Any]
_LONG = "x" * 30_000
_BYTES_DAMAGED = 0.1


def _nested(depth: int) -> Any:
    value: Any = SECRET
    for level in range(depth):
        value = [value] if level % 2 else {"id": value}
    return value


_SCALARS: Sequence[Any] = (
    None, True, False, 0, 1, -1, 10**17, 2**63, 10**400, 0.5, -1e300, float("nan"), float("inf"), "", " ", "0", "1",
    SECRET, f"+{SECRET}", "5215512345678", "+49 170 1234567", "kit@example.org", "MX.4455667788990011",
    "MX.ENT.9900112233445566", "wamid.X", "1795000000", "1795000000123", "stop", "START", "\x00", "\ud800",
    "a\u202eb", "\U0001f40b" * 40, _LONG, "[" * 500, "{}", "null", "2026-11-18T11:06:40+0000", "9" * 40, "١٢٣٤٥٦٧",
    [], {}, [None], [[]], [{}], {"id": SECRET}, {"body": SECRET}, {"type": "text"}, [SECRET] * 40,
)  # fmt: skip


class Mutator:
    """Makes deliveries from seeds, the same ones for the same random numbers."""

    def __init__(self, seeds: Sequence[bytes], rng: random.Random) -> None:
        self._rng = rng
        self._raw = list(seeds)
        self._trees = [tree for raw in seeds if (tree := _loaded(raw)) is not None]
        self._dumped = [json.dumps(tree) for tree in self._trees]
        self._names = sorted({name for tree in self._trees for name in _names(tree)})
        self._kinds = sorted({value for tree in self._trees for value in _kinds(tree)})
        self._parts = [json.dumps(part) for tree in self._trees for _, part in _parts(tree)]

    def delivery(self) -> bytes:
        """The next delivery."""
        while True:
            try:
                return self._mutated()
            except RecursionError:
                # Nested within what was nested: deeper than we can write ourselves.
                continue

    def _mutated(self) -> bytes:
        rng = self._rng
        if rng.random() < _BYTES_DAMAGED:
            return self._damaged(rng.choice(self._raw))
        tree = [json.loads(rng.choice(self._dumped))]
        for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
            self._mutate(tree)
        return json.dumps(tree[0], ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")

    def _mutate(self, tree: Any) -> None:
        places = [place for place, _ in _parts(tree)]
        group, key = self._rng.choice(places)
        self._rng.choice(
            (self._replace, self._replace, self._graft, self._remove, self._double, self._wrap, self._name)
        )(group, key)

    def _replace(self, group: Any, key: Any) -> None:
        if isinstance(group[key], str) and self._rng.random() < 0.4:
            group[key] = self._rng.choice(self._kinds)
        else:
            scalar = self._rng.choice(_SCALARS)
            group[key] = json.loads(json.dumps(scalar)) if isinstance(scalar, (list, dict)) else scalar
        if self._rng.random() < 0.01:
            group[key] = _nested(self._rng.choice((20, 31, 32, 33, 60, 900)))

    def _graft(self, group: Any, key: Any) -> None:
        group[key] = json.loads(self._rng.choice(self._parts))

    def _remove(self, group: Any, key: Any) -> None:
        del group[key]
        if not group and isinstance(group, list):
            group.append(None)

    def _double(self, group: Any, key: Any) -> None:
        copy = json.loads(json.dumps(group[key]))
        if isinstance(group, list):
            group.extend([copy] * self._rng.choice((1, 2, 30)))
        else:
            group[self._rng.choice(self._names)] = copy

    def _wrap(self, group: Any, key: Any) -> None:
        group[key] = [group[key]] if self._rng.random() < 0.5 else {self._rng.choice(self._names): group[key]}

    def _name(self, group: Any, key: Any) -> None:
        if isinstance(group, dict):
            group[self._rng.choice((*self._names, SECRET, "\ud800", ""))] = group.pop(key)

    def _damaged(self, raw: bytes) -> bytes:
        rng, damaged = self._rng, bytearray(raw)
        for _ in range(rng.choice((1, 1, 2, 4))):
            place = rng.randrange(len(damaged) + 1)
            match rng.randrange(4):
                case 0:
                    damaged[place : place + 1] = bytes([rng.randrange(256)])
                case 1:
                    damaged[place:place] = rng.choice(
                        (b"\\u0000", b"\\ud83d", b"\xff", b"[" * 2000, b'"', b"NaN", b"9" * 30)
                    )
                case 2:
                    del damaged[place:]
                case _:
                    del damaged[place : place + rng.randrange(1, 40)]
        return bytes(damaged)


def _loaded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _parts(tree: Any) -> list[tuple[_Place, Any]]:
    """Every member of every group, as ((group, key), member)."""
    found: list[tuple[_Place, Any]] = []
    waiting = [tree]
    while waiting:
        group = waiting.pop()
        keys = list(group) if isinstance(group, dict) else range(len(group)) if isinstance(group, list) else ()
        for key in keys:
            found.append(((group, key), group[key]))
            if isinstance(group[key], (dict, list)):
                waiting.append(group[key])
    return found


def _names(tree: Any) -> set[str]:
    return {key for (_, key), _ in _parts(tree) if isinstance(key, str)}


def _kinds(tree: Any) -> set[str]:
    """Words that say what something is, which decide more than any other value."""
    telling = ("type", "field", "object", "status", "event", "origin", "value", "source_type", "kind", "provider")
    return {value for (_, key), value in _parts(tree) if key in telling and isinstance(value, str)}
