"""The labelled forms: reading them, scoring answers, training. Used by ``bench/match.py`` and the tests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from app.catalogue.model import Catalogue, Code, CodeList, Dataset, Element, ElementType, Measure
from app.catalogue.units import BUILTIN_UNITS
from app.matching.assignment import assign
from app.matching.columns import ReadColumn, read_form
from app.matching.features import FEATURES, Comparison, compare_all
from app.matching.form import Form, FormColumn
from app.matching.grammar import intent_of
from app.matching.index import MatchIndex
from app.matching.outcome import FormMatch
from app.matching.resolving import CANDIDATES
from app.matching.scorer import Weights
from app.matching.training import Row, fit

DATA = Path(__file__).parent.parent / "tests" / "matching" / "data"
_THRESHOLDS = [step / 4 for step in range(-12, 9)]
_HARDEST = 10  # wrong candidates a column that training looks at


@dataclass(frozen=True)
class Prepared:
    """A labelled form with everything about it that does not depend on the weights."""

    labelled: dict[str, Any]
    form: Form
    columns: list[ReadColumn]
    comparisons: list[list[Comparison]]
    free: list[bool]  # may be matched: no bookkeeping, not derived by its very name, no part of a total


def read_catalogue(path: Path = DATA / "catalogue.json") -> Catalogue:
    """The labelled set's elements as a catalogue: a dataset per letters of the code."""
    body = json.loads(path.read_text("utf-8"))
    types: dict[str, ElementType] = {"number": "decimal", "integer": "integer", "code": "code"}
    measures: dict[str, Measure] = {"rate": "ratio", "stock": "stock", "flow": "flow"}
    grouped: dict[str, list[Element]] = {}
    titles: dict[str, str] = {}
    for e in body["elements"]:
        dataset = e["code"][:3].lower()
        titles[dataset] = e["domain"]
        grouped.setdefault(dataset, []).append(
            Element(
                dataset,
                e["code"].lower(),
                e["name"],
                types.get(e["type"], "text"),
                measures.get(e["stat"], "attribute"),
                "open",
                tuple(e["aliases"]),
                e["definition"],
                e["unit"],
                codes=(e["code_list"] or "").lower() or None,
            )
        )
    datasets = {
        code: Dataset(code, titles[code], "year", "township", (), "region", "open", None, "none", tuple(elements))
        for code, elements in grouped.items()
    }
    lists = {
        code.lower(): CodeList(code.lower(), code, tuple(Code(c, label) for c, label in labels.items()))
        for code, labels in body["code_lists"].items()
    }
    return Catalogue(datasets, lists, {}, BUILTIN_UNITS)


def read_forms(*paths: Path) -> list[dict[str, Any]]:
    return [form for path in paths for form in json.loads(path.read_text("utf-8"))["forms"]]


def form_of(labelled: dict[str, Any]) -> Form:
    """The form as a department would hand it in, without the truth."""
    columns = tuple(
        FormColumn(c["name"], c.get("unit"), tuple(c.get("path", ())), tuple(c.get("samples", ())))
        for c in labelled["columns"]
    )
    return Form(
        labelled["title"],
        columns,
        labelled.get("unit_note") or "",
        labelled.get("department") or "",
        labelled.get("frequency"),
    )


def prepare(labelled: Iterable[dict[str, Any]], index: MatchIndex) -> list[Prepared]:
    prepared = []
    book = index.book
    for one in labelled:
        form = form_of(one)
        columns = read_form(form, index)
        comparisons, free = [], []
        for column in columns:
            intent = None if column.bookkeeping else intent_of(column, book)
            may = not column.bookkeeping
            near = index.nearest(column.concepts(), column.pairs | column.full_pairs, CANDIDATES) if may else []
            seen = [s for s in compare_all(column, near, index) if s.may_be_same]
            if intent is not None and intent.sure:
                seen = [s for s in seen if s.values[0] and not column.promoted]
            comparisons.append(seen)
            free.append(may)
        prepared.append(Prepared(one, form, columns, comparisons, free))
    return prepared


def code_of(path: str) -> str:
    return path.rpartition(".")[2].upper()


def train(prepared: Sequence[Prepared], *, start: Sequence[float] | None = None) -> Weights:
    """Weights, threshold of proposing (greatest F1) and of proposing automatically, from labelled forms alone."""
    rows: list[Row] = []
    for one in prepared:
        for column, seen in zip(one.labelled["columns"], one.comparisons, strict=True):
            truth = column["truth"].get("code")
            if column["truth"]["kind"] == "derived":
                continue
            hardest = sorted(seen, key=lambda s: -(s.values[0] + s.values[1] + s.values[13] - s.values[6]))[:_HARDEST]
            rows += [(s.values, code_of(s.entry.path) == truth, 1.0) for s in hardest]
    beta = fit(rows, len(FEATURES), start=start)
    plain = Weights(FEATURES, beta[0], tuple(beta[1:]), 0.0, 0.0)
    tables = [_table(one, plain) for one in prepared]
    # Of thresholds that do equally well the lowest: what is proposed is looked at, what is not is asked of townships.
    threshold = max(_THRESHOLDS, key=lambda t: (round(_f1(tables, t), 6), -t))
    wrong = [odds for odds, right in _proposals(tables, threshold) if not right]
    automatic = max([threshold + 1.0, 1.0, *(odds + 0.25 for odds in sorted(wrong)[: max(0, len(wrong) - 1)])])
    return Weights(FEATURES, round(beta[0], 4), tuple(round(b, 4) for b in beta[1:]), threshold, round(automatic, 4))


Table = list[tuple[str | None, dict[str, float]]]


def _table(one: Prepared, weights: Weights) -> Table:
    return [
        (column["truth"].get("code"), {code_of(s.entry.path): weights.log_odds(s.values) for s in seen})
        for column, seen in zip(one.labelled["columns"], one.comparisons, strict=True)
        if column["truth"]["kind"] != "derived"
    ]


def _proposals(tables: Sequence[Table], threshold: float) -> list[tuple[float, bool]]:
    found = []
    for table in tables:
        gains = [{code: odds - threshold for code, odds in row.items() if odds > threshold} for _, row in table]
        for (truth, row), code in zip(table, assign(gains), strict=True):
            if code is not None:
                found.append((row[code], code == truth))
    return found


def _f1(tables: Sequence[Table], threshold: float) -> float:
    proposals = _proposals(tables, threshold)
    right = sum(ok for _, ok in proposals)
    wanted = sum(truth is not None for table in tables for truth, _ in table)
    return 2 * right / (len(proposals) + wanted) if right else 0.0


def predictions(match: FormMatch, labelled: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers in the form the scorer reads."""
    kinds = {"held": "match", "derivable": "derived"}
    answers = []
    for column, answer in zip(labelled["columns"], match.columns, strict=True):
        one: dict[str, Any] = {"pos": column["pos"], "kind": kinds.get(answer.verdict, "none")}
        one["candidates"] = [code_of(candidate.element) for candidate in answer.candidates]
        if answer.element:
            one["code"] = code_of(answer.element)
            one["factor"] = float(Fraction(answer.conversion.factor)) if answer.conversion else 1.0
            one["code_map"] = dict(answer.code_map or {})
            one["automatic"] = answer.automatic
        if answer.expr:
            one["inputs"] = [code_of(path) for path in answer.inputs]
            one["expr"] = answer.expr
        answers.append(one)
    return answers


def score(labelled: Sequence[dict[str, Any]], answered: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Precision, recall and F1 of matches and of formulas, recall at three, traps fallen into, conversions."""
    n: Counter[str] = Counter()
    for form in labelled:
        answers = {answer["pos"]: answer for answer in answered.get(form["id"], [])}
        for column in form["columns"]:
            truth, answer = column["truth"], answers.get(column["pos"], {"kind": "none"})
            right = truth["kind"] == answer["kind"] == "match" and truth["code"] == answer["code"]
            n["match true"] += truth["kind"] == "match"
            n["match told"] += answer["kind"] == "match"
            n["match right"] += right
            n["automatic"] += bool(answer.get("automatic"))
            n["automatic right"] += bool(answer.get("automatic")) and right
            n["in three"] += truth["kind"] == "match" and truth["code"] in answer.get("candidates", [])[:3]
            n["traps"] += answer["kind"] == "match" and answer["code"] in column.get("traps", ())
            n["derived true"] += truth["kind"] == "derived"
            n["derived told"] += answer["kind"] == "derived"
            n["derived right"] += truth["kind"] == answer["kind"] == "derived" and set(
                answer["inputs"]
            ) in accepted_inputs(truth)
            if right and "conversion" in truth:
                wanted = truth["conversion"]["factor"]
                n["conversions"] += 1
                n["conversions right"] += abs(answer["factor"] - wanted) <= 1e-6 * abs(wanted)
            if right and "code_map" in truth:
                n["code maps"] += 1
                n["code maps right"] += all(
                    answer["code_map"].get(k) == v for k, v in truth["code_map"].items() if k in column["samples"]
                )
    return {
        "precision": _share(n["match right"], n["match told"]),
        "recall": _share(n["match right"], n["match true"]),
        "f1": _share(2 * n["match right"], n["match told"] + n["match true"]),
        "recall at 3": _share(n["in three"], n["match true"]),
        "trap errors": n["traps"],
        "derived precision": _share(n["derived right"], n["derived told"]),
        "derived recall": _share(n["derived right"], n["derived true"]),
        "derived f1": _share(2 * n["derived right"], n["derived told"] + n["derived true"]),
        "conversions wrong": n["conversions"] - n["conversions right"],
        "code maps wrong": n["code maps"] - n["code maps right"],
        "automatic": n["automatic"],
        "automatic precision": _share(n["automatic right"], n["automatic"]),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def accepted_inputs(truth: dict[str, Any]) -> list[set[str]]:
    others = [set(_codes(expression)) for expression in truth.get("alt_exprs", [])]
    return [set(truth["inputs"]), *others]


def _codes(expression: str) -> list[str]:
    cleaned = "".join(c if c.isalnum() else " " for c in expression)
    return [word for word in cleaned.split() if len(word) == 6 and word[:3].isupper() and word[3:].isdigit()]
