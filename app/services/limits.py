"""What one reading uses up of the limits it stands under: counted before it is answered, given back when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.policy.callers import Caller
from app.services.answers import Answer
from app.services.registry import Registry, State


class Limits:
    """The limits of the agreements that a reading of a view rests on. Making it counts the reading: it may raise 429."""

    def __init__(self, registry: Registry, state: State, caller: Caller, agreements: Sequence[str]) -> None:
        self._registry = registry
        self._caller = caller
        found = (state.agreements.get(name) for name in agreements)
        self._agreements = [item.agreement for item in found if item is not None]
        self._headers = registry.quotas.reading(self._agreements)

    def settle(self, answer: Answer) -> None:
        """Count the rows of the answer and, where it is streamed, its place among the exports. Raises 429."""
        self._headers = joined(self._headers, self._registry.quotas.rows(self._agreements, answer.rows))
        if self._headers:
            answer.headers = {**answer.headers, **self._headers}
        if answer.stream is not None:
            answer.release = self._registry.exports.begin(self._caller, self._agreements)
            answer.longest_seconds = self._registry.settings.longest_export_seconds


def joined(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """The headers of both; items of the same one follow each other."""
    return {name: ", ".join(filter(None, (one.get(name), other.get(name)))) for name in {**one, **other}}
