"""The parts on disk and in memory: opened once per process, built when missing, dropped when no longer named."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from app.catalogue.model import Dataset
from app.catalogue.units import UnitTable
from app.snapshots.building import BuiltPart, PartChanges, PartError, PartRow, build_part
from app.snapshots.few_regions import NotPlain, revised_regions
from app.snapshots.part_files import (
    SUFFIX,
    DamagedPartError,
    Part,
    candidates,
    folder_of,
    open_part,
    part_in_memory,
    write_part,
)
from app.snapshots.revising import revised_part

PartName = tuple[str, int, int]  # dataset, year, revision
Load = Callable[[], Iterable[PartRow]]
LoadChanges = Callable[[int], PartChanges]  # since an earlier revision

_LOOKED_AT = 3  # earlier revisions that are tried as a basis
_APART = 256  # epochs; a part that is further behind is made anew, so that what changed since does not grow without end
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    """A part in memory, with the catalogue it was last found right for."""

    part: Part
    dataset: Dataset
    units: UnitTable


@dataclass(slots=True)
class _Turn:
    """The lock of one part while it is opened, and how many wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: int = 0


class Parts:
    """All parts below ``folder``, which may be shared by several processes and deleted at any time.

    At most about ``memory_limit_bytes`` of files are held mapped; the least recently used go first (a part in use
    stays valid for its user).
    """

    def __init__(self, folder: Path, memory_limit_bytes: int) -> None:
        self._folder = folder
        self._limit = memory_limit_bytes
        self._held: OrderedDict[PartName, _Held] = OrderedDict()
        self._size = 0
        self._turns: dict[PartName, _Turn] = {}
        self._lock = threading.Lock()

    def open(
        self,
        dataset: Dataset,
        units: UnitTable,
        year: int,
        revision: int,
        load: Load,
        changes: LoadChanges | None = None,
    ) -> Part:
        """The part of ``dataset`` and ``year`` at ``revision``; ``load`` gives its rows and is called only to build it.

        Where an earlier revision is at hand, ``changes`` since then are asked for instead, so that a new revision
        costs what was changed, not what is held. Many threads may ask at once: one of them builds. Raises ``PartError`` where the truth cannot be represented,
        and what ``load`` raises.
        """
        name = (dataset.code, year, revision)
        found = self._recall(name, dataset, units)
        if found is not None:
            return found
        with self._lock:
            turn = self._turns.setdefault(name, _Turn())
            turn.waiting += 1
        try:
            with turn.lock:
                found = self._recall(name, dataset, units)
                if found is None:
                    found = self._open_or_build(dataset, units, year, revision, load, changes)
                    self._keep(name, _Held(found, dataset, units))
                return found
        finally:
            with self._lock:
                turn.waiting -= 1
                if not turn.waiting:
                    self._turns.pop(name, None)

    def of_regions(
        self,
        dataset: Dataset,
        units: UnitTable,
        year: int,
        revision: int,
        regions: Collection[int],
        changes: LoadChanges,
    ) -> Part | None:
        """A part with the rows of these few regions, and perhaps others, at ``revision``, from what is in memory.

        ``changes`` gives what changed in these regions alone since an earlier revision. Nothing is written or kept: the
        part itself is made when somebody needs all of it, or so much has changed that it is worth it. None: now.
        """
        found = self._recall((dataset.code, year, revision), dataset, units)
        if found is not None:
            return found
        with self._lock:
            since = max(
                (r for code, y, r in self._held if (code, y) == (dataset.code, year) and r < revision), default=0
            )
        earlier = self._recall((dataset.code, year, since), dataset, units) if revision - since <= _APART else None
        if earlier is None:
            return None
        try:
            return revised_regions(earlier, dataset, units, changes(since), regions)
        except NotPlain:
            return None

    def collect_garbage(self, named: Collection[PartName], *, older_than_seconds: float = 3600) -> int:
        """Deletes the files of parts that are not ``named`` and temporary files left behind; gives how many.

        What a named part that is not there yet would be made from stays.

        Only what is older than ``older_than_seconds`` goes, since another process may have just built it.
        """
        keep = {*named, *self._bases(named)}
        before = time.time() - older_than_seconds
        gone = 0
        for path in self._folder.glob("*/*/*"):
            if self._name_of(path) in keep:
                continue
            try:
                if path.stat().st_mtime <= before:
                    path.unlink()
                    gone += 1
            except FileNotFoundError:
                continue
        with self._lock:
            for name in [name for name in self._held if name not in keep]:
                self._size -= self._held.pop(name).part.size
        return gone

    def _bases(self, named: Collection[PartName]) -> Iterator[PartName]:
        """The latest that is there of those parts whose named revision is not made yet: it will be made from them."""
        with self._lock:
            there = set(self._held)
        there |= {name for path in self._folder.glob(f"*/*/*{SUFFIX}") if (name := self._name_of(path)) is not None}
        revisions: dict[tuple[str, int], list[int]] = {}
        for code, year, revision in there:
            revisions.setdefault((code, year), []).append(revision)
        for code, year, revision in named:
            if (code, year, revision) not in there:
                earlier = max((r for r in revisions.get((code, year), ()) if r < revision), default=None)
                if earlier is not None:
                    yield code, year, earlier

    def let_go(self) -> None:
        """Give back the memory of all mapped files; what is read again comes from the disk's cache."""
        with self._lock:
            held = [each.part for each in self._held.values()]
        for part in held:
            part.let_go()

    @property
    def held_bytes(self) -> int:
        """The size of the files that are held mapped."""
        return self._size

    def _name_of(self, path: Path) -> PartName | None:
        revision, dash, _ = path.name.partition("-")
        year = path.parent.name
        if path.suffix != SUFFIX or not dash or not revision.isdigit() or not year.lstrip("-").isdigit():
            return None
        return unquote(path.parent.parent.name), int(year), int(revision)

    def _recall(self, name: PartName, dataset: Dataset, units: UnitTable) -> Part | None:
        with self._lock:
            held = self._held.get(name)
            if held is None:
                return None
            self._held.move_to_end(name)
        if held.dataset is not dataset or held.units is not units:
            if not held.part.recipe.fits(dataset, units):
                return None
            held.dataset, held.units = dataset, units
        return held.part

    def _keep(self, name: PartName, held: _Held) -> None:
        with self._lock:
            before = self._held.pop(name, None)
            self._size += held.part.size - (before.part.size if before else 0)
            self._held[name] = held
            while self._size > self._limit and len(self._held) > 1:
                _, oldest = self._held.popitem(last=False)
                self._size -= oldest.part.size

    def _open_or_build(
        self,
        dataset: Dataset,
        units: UnitTable,
        year: int,
        revision: int,
        load: Load,
        changes: LoadChanges | None,
    ) -> Part:
        folder = folder_of(self._folder, dataset.code, year)
        found = _first_fitting(candidates(folder, revision), dataset, units)
        if found is not None:
            return found
        built = self._revised(folder, dataset, units, year, revision, changes) if changes else None
        if built is None:
            built = build_part(dataset, units, load())
        try:
            return open_part(write_part(folder, revision, built))
        except OSError as error:  # the folder was deleted meanwhile, or there is no room in it
            _log.warning("a part is kept in memory only: %s", error)
            return part_in_memory(built)

    def _revised(
        self, folder: Path, dataset: Dataset, units: UnitTable, year: int, revision: int, changes: LoadChanges
    ) -> BuiltPart | None:
        """The part from the latest earlier revision at hand; None where there is none, or it does not lead there."""
        with self._lock:
            held = {
                name[2]: kept.part
                for name, kept in self._held.items()
                if name[:2] == (dataset.code, year) and name[2] < revision
            }
        files: dict[int, list[Path]] = {}
        for path in folder.glob(f"*{SUFFIX}"):
            name = self._name_of(path)
            if name is not None and name[2] < revision:
                files.setdefault(name[2], []).append(path)
        for since in sorted({*held, *files}, reverse=True)[:_LOOKED_AT]:
            part = held.get(since) or _first_fitting(sorted(files.get(since, [])), dataset, units)
            if part is None or not part.recipe.fits(dataset, units):
                continue
            try:
                return revised_part(part, dataset, units, changes(since))
            except PartError:
                return None
        return None


def _first_fitting(paths: Iterable[Path], dataset: Dataset, units: UnitTable) -> Part | None:
    """The first of the files that is whole and still right; damaged ones are deleted."""
    for path in paths:
        try:
            part = open_part(path)
        except DamagedPartError as error:
            _log.warning("a damaged part is built anew: %s", error)
            with suppress(OSError):
                path.unlink()
            continue
        except OSError:  # deleted meanwhile, or not ours to read
            continue
        if part.recipe.fits(dataset, units):
            return part
    return None
