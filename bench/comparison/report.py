"""The report: goals with met or not met, the figures with their spread, and what they do not prove."""

from __future__ import annotations

from collections.abc import Sequence

from bench.comparison.seen import (
    AFTER,
    AGAIN,
    ALONE,
    CSV_AGAIN,
    CSV_FIRST,
    FIRST,
    GOALS,
    PAGES,
    READS,
    RECORDS,
    UPLOADS,
    Goal,
    Run,
    Seen,
    Spread,
)

BUSY = 0.7
DATABASES = ("SQLite", "PostgreSQL")
HEAD = """# Beside its peers

Written by `make bench`; do not edit. One interleaved run: in each round every party is measured once, in turning order, and the
ratios are of the same round. Shown are medians, with the least and the most in brackets. What is asked: a department reads the
townships' monthly figures in its own names, units and codes, with agreement, audit and exact decimals on.
"""
PARTIES = """
*Ours* is `township serve` with its standard settings. *Second time* is the same view asked again; whoever keeps no answers takes
as long as the first time. *The plain service* (`bench/peers/plain_service.py`) reads typed columns with an ORM, maps in response models
and looks a key up; it has neither agreements nor audit. psql, pgbench, Datasette, roapi and PostgREST read a table that was mapped
beforehand and check no key. The plain service and the empty handler run under our own server with its settings. Everything
is asked by one and the same small client in a process of its own: a whole answer over a new connection, pages over 8 kept ones,
single records over 16, chosen at random with a fixed seed.
"""
NOT_PROVED = """## What this does not prove

- Client, servers and databases share the machine's cores. On machines of their own the rates would be higher, and two workers
  would gain more; the load of the client is told beside each rate.
- Figures of a machine that others use at the time are noise; see the load average. Ratios of the same round stand it better.
- No TLS, no compression, no network: loopback only.
- One view of one dataset and one department that may read everything. A narrower agreement reads less and keeps an answer of its own.
- The data is made by arithmetic: its values repeat more than life's do.
- pgbench's clients are in C and speak PostgreSQL's own protocol; pages repeat in all parties, so that kept pages are met again.
- Datasette and roapi read floating-point columns and are not asked to be exact. roapi's pages are unsorted, by offset.
- The plain service keeps a row of history for each row of an upload as the registry does, but no findings by cell.
- Sustained uploads with readers on are another command, `python -m bench.load`.
"""


def report(run: Run, picture: str | None) -> str:
    """The whole page in Markdown. ``picture``: the chart's file beside it."""
    parts = [HEAD, f"{run.size}.\n", *_doubts(run)]
    if picture:
        parts.append(f"![The chart of the medians]({picture})\n")
    parts += [
        "## Goals\n",
        goals(run.seen),
        "## Whole views, seconds\n",
        _spreads(run.seen, (FIRST, AGAIN, CSV_FIRST, CSV_AGAIN), 3),
    ]
    parts += ["## Answers a second\n", _rates(run)]
    after = [f"{read} {when}" for read in READS for when in (ALONE, AFTER)]
    parts += ["## Reading right after one township has reported, milliseconds\n", _spreads(run.seen, after, 1, 1_000)]
    parts += ["## Upload of a workbook, seconds\n", _spreads(run.seen, UPLOADS, 2)]
    memory = [[name, f"{began >> 20:,}", f"{most >> 20:,}"] for name, (began, most) in run.memory.items()]
    parts += ["## Memory of the servers, MiB\n", table(["party", "when it began to listen", "most"], memory)]
    parts += [
        "Processes of one party are added up, pages they share counted in each; PostgreSQL's own are not in it.\n"
    ]
    parts += ["## Who takes part\n", PARTIES.lstrip("\n")]
    parts += ["## Whether they answer the same\n", _lines(run.equal)]
    parts += ["## Machine and versions\n", table(["what", ""], [[*pair] for pair in run.machine.items()])]
    parts += [", ".join(f"{name} {number}" for name, number in run.versions.items()) + ".\n"]
    if run.notes:
        parts += ["## Notes of this run\n", _lines(run.notes)]
    parts.append(NOT_PROVED)
    return "\n".join(parts)


def _doubts(run: Run) -> list[str]:
    """What takes the worth from all of it, said before anything else."""
    before = run.machine.get("load average before", "0").split()[0]
    if float(before) <= BUSY:
        return []
    return [
        f"**The machine was busy with other things (load average {before} before anything was started): a trial, no measurement.**\n"
    ]


def goals(seen: Seen) -> str:
    rows = []
    for goal in GOALS:
        row = [goal.title, f"{goal.sense} {goal.bound:g}"]
        for database in DATABASES:
            row += judged(goal, goal.judged(seen, database))
        rows.append(row)
    return table(["ratio", "goal", *(part for database in DATABASES for part in (database, ""))], rows)


def judged(goal: Goal, ratio: Spread | None) -> list[str]:
    """The ratio and the judgement, as two cells."""
    if ratio is None:
        return ["not measured", ""]
    return [shown(ratio, 2), "met" if goal.met(ratio) else "**not met**"]


def shown(spread: Spread, digits: int, factor: float = 1) -> str:
    middle, least, most = (f"{part * factor:,.{digits}f}" for part in (spread.middle, spread.least, spread.most))
    return f"{middle} ({least}–{most})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown. Raises ValueError where a row has another number of cells than the head."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"{len(row)} cells under {len(head)} titles: {row}")
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |")
    return "\n".join([*lines, ""])


def _spreads(seen: Seen, measures: Sequence[str], digits: int, factor: float = 1) -> str:
    names = list(dict.fromkeys(party for measure in measures for party in seen.parties(measure)))
    rows = []
    for name in names:
        spreads = (seen.spread(measure, name) for measure in measures)
        rows.append([name, *("" if spread is None else shown(spread, digits, factor) for spread in spreads)])
    return table(["party", *measures], rows)


def _rates(run: Run) -> str:
    names = list(dict.fromkeys([*run.seen.parties(PAGES), *run.seen.parties(RECORDS)]))
    rows = []
    for name in names:
        spreads = (run.seen.spread(measure, name) for measure in (PAGES, RECORDS))
        share = run.client.get(name)
        rows.append(
            [
                name,
                *("" if spread is None else shown(spread, 0) for spread in spreads),
                "" if share is None else f"{share:.0%}",
            ]
        )
    return table(["party", PAGES, RECORDS, "the client's share of a core beside single records"], rows)


def _lines(texts: Sequence[str]) -> str:
    return "".join(f"- {' '.join(text.split())}\n" for text in texts)
