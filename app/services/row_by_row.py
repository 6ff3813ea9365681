"""Views whose every row rests on the records of its own region alone: mapped anew only where something changed.

What such a view shows of some regions is the same whether the others are there or not. So after a small change the rows
of the regions it touched are mapped, and put among the rows that stand.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby

import polars as pl

from app.mapping.plan import OutputField, Plan
from app.mapping.run import Mapped
from app.mapping.steps import finer_in_time
from app.policy.scopes import Scope
from app.services.few_rows import PlaceIndex
from app.services.frame_digests import column_digests, digest_of_columns
from app.services.refinements import conditions_on
from app.services.registry import State

LARGEST = 16_384  # rows of a stretch above which it is parted further
_MOST_CHUNKS = 64  # that the columns of a frame lie in before they are put together again
_PREFIXES = (4, 5, 6)  # of codes: prefectures, tens of counties, counties


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows next to each other whose codes begin alike, with the digest of what they show."""

    prefix: str | None
    start: int
    length: int
    digest: bytes
    columns: tuple[bytes, ...] = ()
    """The digest of each column, in order, of which ``digest`` is made."""


def is_row_by_row(plan: Plan, state: State, scope: Scope) -> bool:
    """Whether every row rests on records of its own region alone, and on what is covered of them by region and period."""
    used = {path.partition(".")[0] for path in plan.elements}
    datasets = [plan.datasets[code] for code in used]
    return (
        plan.spec.regions != "present"
        and all(dataset.level == plan.level and not finer_in_time(dataset, plan.frequency) for dataset in datasets)
        and all(not dataset.key or dataset is plan.list_dataset for dataset in datasets)
        and not conditions_on(state, scope, used)
        and not any(scope.refined(path) for path in plan.elements)
    )


def stretches(frame: pl.DataFrame, known: Mapping[str | None, Stretch] | None = None) -> tuple[Stretch, ...]:
    """The rows of a mapped frame in stretches; where they are parted depends on the codes that are shown, on nothing else.

    ``known`` has stretches by their prefix, for those that are known to show what they did, though perhaps elsewhere.
    """
    parted = _parted(frame["code"], 0, _PREFIXES)
    stood = known or {}
    stand = {prefix for prefix, _, length in parted if prefix in stood and stood[prefix].length == length}
    anew = [(start, length) for prefix, start, length in parted if prefix not in stand]
    found = iter(column_digests(frame.drop("region"), anew))
    return tuple(
        replace(stood[prefix], start=start) if prefix in stand else _digested(prefix, start, length, next(found))
        for prefix, start, length in parted
    )


def stretches_again(
    earlier: pl.DataFrame, frame: pl.DataFrame, parts: Sequence[Stretch], changed: Sequence[tuple[int, int]]
) -> tuple[Stretch, ...]:
    """The stretches of ``frame``, which differs in the rows ``changed`` from ``earlier``, of which ``parts`` are."""
    starts = [part.start for part in parts]
    names = [name for name in frame.columns if name != "region"]
    # Mostly a few figures change: what the other columns show was digested before.
    columns: dict[int, set[str]] = {}
    for first, end in changed:
        before, after = earlier.slice(first, end - first), frame.slice(first, end - first)
        differing = {name for name in names if not before[name].equals(after[name])}
        for number in range(bisect_right(starts, first) - 1, bisect_right(starts, end - 1)):
            columns.setdefault(number, set()).update(differing)
    found = list(parts)
    for number, differing in columns.items():
        part = parts[number]
        asked = [name for name in names if name in differing]
        of_part = pl.DataFrame([frame[name].slice(part.start, part.length) for name in asked])
        anew = dict(zip(asked, column_digests(of_part, [(0, part.length)])[0], strict=True))
        told = [anew.get(name, known) for name, known in zip(names, part.columns, strict=True)]
        found[number] = _digested(part.prefix, part.start, part.length, told)
    return tuple(found)


def _digested(prefix: str | None, start: int, length: int, columns: Sequence[bytes]) -> Stretch:
    return Stretch(prefix, start, length, digest_of_columns(length, columns), tuple(columns))


def digest_of(prefix: str, fields: Sequence[OutputField], parts: Sequence[Stretch]) -> str:
    """A digest of everything that is shown, apart from the registry's internal region ids."""
    digest = sha256(prefix.encode())
    for field in fields:
        digest.update(f"\0{field.name}\0{field.kind}\0{field.decimals}".encode())
    for part in parts:
        digest.update(part.digest)
    return digest.hexdigest()


def spliced(
    earlier: Mapped, parts: Sequence[Stretch], anew: Mapped, touched: frozenset[int]
) -> tuple[Mapped, dict[str | None, Stretch]] | None:
    """``earlier`` with the rows of the ``touched`` regions as they are in ``anew``; and the stretches that stand.

    None where the rows cannot be put among the others by their codes.
    """
    if not parts or earlier.frame["code"].null_count() or anew.frame["code"].null_count():
        return None
    marked = earlier.frame["region"].is_in(sorted(touched))
    positions = marked.arg_true().to_list()
    starts = [part.start for part in parts]
    firsts = [str(earlier.frame["code"][start]) for start in starts]
    hit = {bisect_right(starts, row) - 1 for row in positions}
    places = [max(0, bisect_right(firsts, code) - 1) for code in anew.frame["code"].to_list()]
    hit.update(places)
    place = pl.Series("place", places, dtype=pl.Int64)
    order = ["code", "period", *(name for name in earlier.frame.columns if name.startswith("key:")), "region"]
    pieces: list[pl.DataFrame] = []
    since = 0
    for number in sorted(hit):
        part = parts[number]
        pieces.append(earlier.frame.slice(since, part.start - since))
        stay = earlier.frame.slice(part.start, part.length).filter(~marked.slice(part.start, part.length))
        come = anew.frame.filter(place == number)
        pieces.append(pl.concat([stay, come], how="vertical_relaxed").sort(order, nulls_last=True))
        since = part.start + part.length
    pieces.append(earlier.frame.slice(since))
    frame = pl.concat(pieces, how="vertical_relaxed", rechunk=True)
    standing = {part.prefix: part for number, part in enumerate(parts) if number not in hit}
    return replace(earlier, frame=frame), standing


def in_place(
    earlier: Mapped, index: PlaceIndex, anew: Mapped, touched: frozenset[int]
) -> tuple[Mapped, list[tuple[int, int]]] | None:
    """As ``spliced``, with the ranges of rows that changed; None unless the touched regions have the same rows as before.

    The same are rows of the same codes, periods and keys; then all rows stand where they stood, and nothing is copied.
    """
    order = ["region", "code", "period", *(name for name in earlier.frame.columns if name.startswith("key:"))]
    rows: dict[int, tuple[int, int]] = {}
    begin = 0
    for region, group in groupby(anew.frame["region"].to_list()):
        end = begin + sum(1 for _ in group)
        if region in rows:
            return None
        rows[region] = begin, end
        begin = end
    changed: list[tuple[int, int]] = []
    pieces: list[pl.DataFrame] = []
    come = _as(anew.frame, earlier.frame)
    if come is None:
        return None
    since = 0
    for (first, end), region in sorted((run, each) for each in touched for run in index.runs(each)):
        low, high = rows.pop(region, (0, 0))
        old, new = earlier.frame.slice(first, end - first), come.slice(low, high - low)
        if not all(old[name].equals(new[name]) for name in order):
            return None
        pieces += (earlier.frame.slice(since, first - since), new)
        changed.append((first, end))
        since = end
    if rows:
        return None
    pieces.append(earlier.frame.slice(since))
    frame = pl.concat([piece for piece in pieces if piece.height] or [earlier.frame], rechunk=False)
    if frame.n_chunks() > _MOST_CHUNKS:
        frame = frame.rechunk()
    return replace(earlier, frame=frame), changed


def _as(frame: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame | None:
    """The frame with the types of another, where those hold all its values."""
    kinds = like.schema
    differing = [name for name, kind in frame.schema.items() if kind != kinds[name]]
    if any((frame.schema[name], kinds[name]) != (pl.Int64(), pl.Int128()) for name in differing):
        return None
    return frame.with_columns(frame[name].cast(pl.Int128) for name in differing) if differing else frame


def prefix_of(codes: pl.Expr) -> pl.Expr:
    """The beginning of codes by which rows are parted first."""
    return codes.str.slice(0, _PREFIXES[0])


def _parted(codes: pl.Series, start: int, prefixes: Sequence[int]) -> list[tuple[str | None, int, int]]:
    runs = codes.str.slice(0, prefixes[0]).rle().struct
    found: list[tuple[str | None, int, int]] = []
    begin = 0
    for length, prefix in zip(runs.field("len").to_list(), runs.field("value").to_list(), strict=True):
        if length > LARGEST and len(prefixes) > 1:
            found += _parted(codes.slice(begin, length), start + begin, prefixes[1:])
        else:
            found.append((prefix, start + begin, length))
        begin += length
    return found
