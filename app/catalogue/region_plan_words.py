"""A plan for regions in readable lines, for whoever is about to apply it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from app.catalogue.model import LEVELS, Level
from app.catalogue.region_files import SuccessionRow
from app.catalogue.regions import RegionIndex, RegionState, Succession, SuccessionKind

_LISTED = 20  # so many new regions are listed by name; beyond that they are counted by level

SuccessionKey = tuple[date, SuccessionKind, str, str]


class PlanInWords:
    """The plan in readable lines."""

    def __init__(self, present: RegionIndex) -> None:
        self._present = present
        self._new: list[str] = []
        self._levels: Counter[Level] = Counter()
        self._changed: list[str] = []
        self._edges: list[str] = []

    def created(self, states: Sequence[RegionState]) -> None:
        if states:
            self._levels[states[-1].level] += 1
            if len(self._new) < _LISTED:
                self._new.append(f"+ {states[-1].code} {states[-1].name}{_since(states[0])}")

    def changed(self, added: Sequence[RegionState], ended: Sequence[RegionState]) -> None:
        before = {(state.valid_from or date.min): state for state in ended}
        for state in added:
            old = before.pop((state.valid_from or date.min), None)
            if old is None:
                self._changed.append(f"~ {state.code} {state.name}{_since(state)}")
                continue
            parts = [f"名称 {old.name} → {state.name}"] * (old.name != state.name)
            parts += [f"代码 {old.code} → {state.code}"] * (old.code != state.code)
            parts += [f"上级 {self._code(old)} → {self._code(state)}"] * (old.parent_id != state.parent_id)
            parts += [f"止于 {state.valid_to or '—'}"] * (old.valid_to != state.valid_to)
            self._changed.append(f"~ {old.code} {old.name}: {'；'.join(parts)}")
        self._changed += [f"~ {state.code} {state.name}{_since(state)}: 并入相邻时段" for state in before.values()]

    def _code(self, state: RegionState) -> str:
        parent = None if state.parent_id is None else self._present.state(state.parent_id, state.valid_to or date.max)
        return "—" if state.parent_id is None else parent.code if parent is not None else "（新增）"

    def successions(
        self, edges: Mapping[SuccessionKey, Succession], given: Mapping[SuccessionKey, SuccessionRow]
    ) -> None:
        for key in edges:
            row = given[key]
            share = f"（{row.share}）" if row.share is not None else ""
            self._edges.append(f"+ {row.date} {row.kind} {row.old_code} → {row.new_code}{share}")

    def lines(self) -> list[str]:
        total = sum(self._levels.values())
        if total <= _LISTED:
            return [*self._new, *self._changed, *self._edges]
        counts = "，".join(f"{level} {self._levels[level]}" for level in LEVELS if self._levels[level])
        return [f"+ 区划 {total} 个（regions）：{counts}", *self._changed, *self._edges]


def _since(state: RegionState) -> str:
    first = f"，自 {state.valid_from}" if state.valid_from else ""
    return first + (f"，至 {state.valid_to}" if state.valid_to else "")
