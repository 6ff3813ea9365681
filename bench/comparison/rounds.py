"""The measuring itself: each round takes every party once, in an order that turns, so that what else happens falls on all."""

from __future__ import annotations

import random
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.comparison import asking, ours
from bench.comparison.country import Country
from bench.comparison.parties import Party, asked, rate, whole
from bench.comparison.processes import Failed
from bench.comparison.seen import (
    AFTER,
    AGAIN,
    ALONE,
    COPY_CSV,
    COPY_JSON,
    CSV_AGAIN,
    CSV_FIRST,
    FILE,
    FIRST,
    PAGES,
    PGBENCH,
    PLAIN,
    READS,
    RECORDS,
    Seen,
)
from bench.comparison.tables import PAGE, bare

PAGE_READERS, RECORD_READERS = 8, 16
FORMS = {"ndjson": (FIRST, AGAIN), "csv": (CSV_FIRST, CSV_AGAIN)}
SCRIPTS = {
    PAGES: r"""\set n random(1, :pages)
SELECT row_to_json(t) FROM (SELECT * FROM answer WHERE (dm, qj) >=
((SELECT dm FROM starts WHERE n = :n), (SELECT qj FROM starts WHERE n = :n)) ORDER BY dm, qj LIMIT 1000) t;
""",
    RECORDS: r"""\set n random(1, :pages)
SELECT row_to_json(t) FROM answer t JOIN starts USING (dm, qj) WHERE n = :n;
""",
}


@dataclass(slots=True)
class Measuring:
    """What all the rounds have in common. ``views`` counts the views that nobody has asked yet."""

    registries: Mapping[str, Party]  # by name, each of one worker
    doubled: Mapping[str, Party]  # the same with two
    peers: Sequence[Party]
    sender: Party
    binaries: Path
    database: str
    folder: Path
    country: Country
    seconds: float
    chance: random.Random
    seen: Seen = field(default_factory=Seen)
    notes: list[str] = field(default_factory=list)
    count: int = 0  # records of the answer
    client: dict[str, float] = field(default_factory=dict)
    views: int = 1
    _broken: set[tuple[str, str]] = field(default_factory=set)

    def tried(self, measure: str, party: str, turn: int, measured: Callable[[], float]) -> None:
        """Note a figure; whoever fails is told once, and left out of this measure from then on."""
        if (measure, party) in self._broken:
            return
        try:
            self.seen.note(measure, party, turn, measured())
        except (Failed, OSError, subprocess.SubprocessError, ValueError) as fault:
            self._broken.add((measure, party))
            self.notes.append(f"{party}, {measure}: {fault}")

    def whole_views(self, turn: int, *, slow: bool) -> None:
        """``slow``: whether those who take seconds take part, too."""
        errands: list[Callable[[], None]] = []
        for form, (first, again) in FORMS.items():
            path = ours.view_path(self.views, f"format={form}")
            self.views += 1
            errands += [self._both_times(party, path, first, again, turn) for party in self.registries.values()]
            errands.append(self._once(self.sender, FILE, form, (again,), turn))
            errands += [
                self._once(peer, peer.name, form, (first, again), turn)
                for peer in self.peers
                if form in peer.whole and (slow or turn == 0)
            ]
        errands.append(self._copied(COPY_CSV, "COPY answer TO STDOUT (FORMAT csv)", (CSV_FIRST, CSV_AGAIN), turn))
        errands.append(
            self._copied(COPY_JSON, "COPY (SELECT row_to_json(a) FROM answer a) TO STDOUT", (FIRST, AGAIN), turn)
        )
        self._in_turn(errands, turn)

    def _both_times(self, party: Party, path: str, first: str, again: str, turn: int) -> Callable[[], None]:
        def errand() -> None:
            for measure in (first, again):
                self.tried(measure, party.name, turn, lambda: float(whole(party, path)["seconds"]))

        return errand

    def _once(self, party: Party, name: str, form: str, measures: Sequence[str], turn: int) -> Callable[[], None]:
        """For those to whom every time is the first."""

        def errand() -> None:
            headers = party.whole_headers.get(form, ())
            self._shared(measures, name, turn, lambda: float(whole(party, party.whole[form], headers)["seconds"]))

        return errand

    def _copied(self, name: str, statement: str, measures: Sequence[str], turn: int) -> Callable[[], None]:
        command = [str(self.binaries / "psql"), "-X", "-q", "-d", bare(self.database), "-c", statement]

        def errand() -> None:
            self._shared(measures, name, turn, lambda: float(asked({"do": "command", "command": command})["seconds"]))

        return errand

    def _shared(self, measures: Sequence[str], name: str, turn: int, measured: Callable[[], float]) -> None:
        self.tried(measures[0], name, turn, measured)
        found = self.seen.figure(measures[0], name, turn)
        if found is not None:
            for measure in measures[1:]:
                self.seen.note(measure, name, turn, found)

    def rates(self, turn: int) -> None:
        parties = [*self.registries.values(), *self.doubled.values(), *self.peers]
        for measure, readers in ((PAGES, PAGE_READERS), (RECORDS, RECORD_READERS)):
            errands = [self._rated(party, measure, readers, turn) for party in parties]
            errands.append(self._pgbench(measure, readers, turn))
            self._in_turn(errands, turn)

    def _rated(self, party: Party, measure: str, readers: int, turn: int) -> Callable[[], None]:
        paths = party.pages if measure == PAGES else party.records
        start = self.chance.randrange(1 << 20)

        def measured() -> float:
            # Whatever was put out of memory by others' turns, in any of the workers, is there again.
            rate(party, paths, readers, self.seconds / 4, start)
            found = rate(party, paths, readers, self.seconds, start)
            if measure == RECORDS:
                self.client[party.name] = found["client"]
            return float(found["rate"])

        def errand() -> None:
            if paths:
                self.tried(measure, party.name, turn, measured)

        return errand

    def _pgbench(self, measure: str, readers: int, turn: int) -> Callable[[], None]:
        def measured() -> float:
            script = self.folder / "pgbench.sql"
            script.write_text(SCRIPTS[measure], encoding="utf-8")
            seconds = str(max(1, round(self.seconds)))
            pages = -(-self.count // PAGE)
            command = [
                str(self.binaries / "pgbench"), "-n", "-M", "prepared", "-c", str(readers), "-j", "1", "-T", seconds,
                "-D", f"pages={pages}", "-f", str(script), bare(self.database),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
            found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
            if done.returncode or found is None:
                raise Failed(done.stderr.strip()[-200:])
            return float(found[1])

        return lambda: self.tried(measure, PGBENCH, turn, measured)

    def after_writes(self, turn: int, keys: Mapping[str, ours.Keys], department: Mapping[str, str]) -> None:
        """Each read without a write and right after one. ``department``: the view's paths of each read, by its name."""
        number = self.views
        self.views += 1
        for name, party in self.registries.items():
            paths = {**department, READS[2]: ours.view_path(number, "format=ndjson")}
            for read, path in paths.items():
                order = {
                    "host": party.server.host, "port": party.server.port, "path": path, "headers": party.headers
                }  # fmt: skip
                if read != READS[2]:
                    asking.whole(order)  # whatever the write before has left to do is done
                self.tried(f"{read} {ALONE}", name, turn, lambda order=order: _seconds(order))  # type: ignore[misc]
                figure = 1_000_000 + self.chance.randrange(1 << 30)
                ours.write_one(party.server, keys[name], self.country, figure)
                self.tried(f"{read} {AFTER}", name, turn, lambda order=order: _seconds(order))  # type: ignore[misc]

    def uploads(self, turn: int, upload: str, book: bytes, keys: Mapping[str, ours.Keys], plain_key: str) -> None:
        """The workbook given to everybody who takes one; ``upload`` is the measure."""
        body, kind = ours.form({"dataset": "figures", "mode": "apply"}, book)

        def reported(party: Party, path: str, key: str) -> Callable[[], None]:
            return lambda: self.tried(
                upload, party.name, turn, lambda: ours.posted(party.server, path, key, body, kind)[0]
            )

        errands = [reported(party, "/v1/submissions", keys[name].clerk) for name, party in self.registries.items()]
        errands += [reported(peer, "/uploads", plain_key) for peer in self.peers if peer.name == PLAIN]
        self._in_turn(errands, turn)

    @staticmethod
    def _in_turn(errands: Sequence[Callable[[], None]], turn: int) -> None:
        """Each round begins elsewhere, every second one goes the other way round."""
        begin = turn * 3 % max(1, len(errands))
        turned = [*errands[begin:], *errands[:begin]]
        for errand in turned if turn % 2 == 0 else reversed(turned):
            errand()


def _seconds(order: Mapping[str, object]) -> float:
    found = asking.whole(dict(order))
    if found["status"] != 200:
        raise Failed(f"answers with status {found['status']}")
    return float(found["seconds"])


def rounds(wanted: int, until: float, one: Callable[[int], None]) -> int:
    """Take so many rounds, or as many as end by then (a time of the monotonic clock; at least one); gives how many."""
    longest = 0.0
    for turn in range(wanted):
        started = time.monotonic()
        if turn and started + longest > until:
            return turn
        one(turn)
        longest = max(longest, time.monotonic() - started)
    return wanted
