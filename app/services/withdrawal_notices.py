"""That a record was withdrawn, told to those who received its figures."""

from __future__ import annotations

from datetime import timedelta

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.services.figure_notices import of_withdrawal, received, tell
from app.services.registry import Registry, State
from app.store import records
from app.store.database import Write

_LONGEST_READING = timedelta(minutes=5)


class WithdrawalNotice:
    """Looks through the audit before the transaction begins, so that others' writes need not wait for it.

    ``tell`` looks at what was read in the meantime, and announces.
    """

    def __init__(
        self, registry: Registry, state: State, dataset: Dataset, place: tuple[int, Period, tuple[str, ...]]
    ) -> None:
        self._registry, self._state, self._dataset, self._place = registry, state, dataset, place
        self._begun = registry.now()
        region_id, period, key = place
        with registry.database.read() as cx:
            history = records.history(cx, dataset.code, region_id, period, key)
        self._who: dict[str, set[str]] = {}
        if history and not history[0].withdrawn:
            change = of_withdrawal(dataset, (region_id, period.ordinal, key), history[0], 2**62)
            self._who = received(registry, state, change, history)

    def tell(self, write: Write, epoch: int) -> None:
        """Announce the withdrawal made at ``epoch``, within its transaction."""
        region_id, period, key = self._place
        history = records.history(write.connection, self._dataset.code, region_id, period, key)[1:]
        change = of_withdrawal(self._dataset, (region_id, period.ordinal, key), history[0], epoch)
        since = self._begun - _LONGEST_READING
        for department, codes in received(self._registry, self._state, change, history, since).items():
            self._who.setdefault(department, set()).update(codes)
        tell(self._registry, write, self._state, change, self._who)
