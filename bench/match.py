"""Figures of the form gate on labelled forms, each answered by weights trained on the others; and the training.

python -m bench.match                      leave one form out, print the figures
python -m bench.match --train              train on all labelled forms and write the weights
python -m bench.match --write FILE         write the answers in the scorer's format
python -m bench.match --errors             print what went wrong
python -m bench.match --speed              30 columns against 3,000 elements
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.catalogue.model import Catalogue
from app.matching import Form, MatchIndex, match_form
from bench.labelled_forms import (
    DATA,
    Prepared,
    accepted_inputs,
    predictions,
    prepare,
    read_catalogue,
    read_forms,
    score,
    train,
)

WEIGHTS = Path(__file__).parent.parent / "app" / "matching" / "knowledge" / "weights.json"


def leave_one_out(
    prepared: Sequence[Prepared], index: MatchIndex, *, scored: Sequence[str] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Answers to every form (or those whose id is in ``scored``) by weights and thresholds of the others."""
    start = train(prepared)
    beta = [start.bias, *start.weights]
    answers = {}
    for one in prepared:
        if scored is None or one.labelled["id"] in scored:
            weights = train([other for other in prepared if other is not one], start=beta)
            answers[one.labelled["id"]] = predictions(match_form(one.form, index, weights=weights), one.labelled)
    return answers


def print_errors(labelled: Sequence[dict[str, Any]], answers: dict[str, list[dict[str, Any]]]) -> None:
    for form in labelled:
        for column, answer in zip(form["columns"], answers[form["id"]], strict=True):
            truth = column["truth"]
            wanted = truth.get("code") or truth.get("expr") or "-"
            given = answer.get("code") or answer.get("expr") or "-"
            right = answer["kind"] == truth["kind"] and (truth["kind"] != "match" or wanted == given)
            if truth["kind"] == answer["kind"] == "derived":
                right = set(answer["inputs"]) in accepted_inputs(truth)
            if not right:
                print(
                    form["id"],
                    column["pos"],
                    column["name"],
                    column["path"],
                    column["unit"],
                    "| wanted",
                    wanted,
                    "| given",
                    given,
                    "| near",
                    answer["candidates"][:3],
                )


def speed(catalogue: Catalogue, form: Form) -> None:
    """Time of 30 columns against about 3,000 elements: the catalogue many times over, with other titles."""
    datasets = dict(catalogue.datasets)
    for copy in range(1, 11):
        for dataset in catalogue.datasets.values():
            code = f"{dataset.code}{copy}"
            elements = tuple(
                replace(e, dataset=code, title=f"{e.title}{chr(0x4E00 + 97 * copy)}") for e in dataset.elements
            )
            datasets[code] = replace(dataset, code=code, elements=elements)
    large = replace(catalogue, datasets=datasets)
    begun = time.perf_counter()
    index = MatchIndex.build(large)
    built = time.perf_counter()
    match_form(replace(form, columns=(form.columns * 30)[:30]), index)
    print(f"elements {len(index.entries)}: index {built - begun:.2f} s, 30 columns {time.perf_counter() - built:.3f} s")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--forms", type=Path, nargs="*", default=sorted(DATA.glob("forms*.json")))
    asked.add_argument("--score", type=Path, nargs="*", help="only these files are scored; all are trained on")
    for flag in ("--train", "--errors", "--speed"):
        asked.add_argument(flag, action="store_true")
    asked.add_argument("--write", type=Path)
    options = asked.parse_args()
    catalogue = read_catalogue()
    index = MatchIndex.build(catalogue)
    labelled = read_forms(*options.forms)
    prepared = prepare(labelled, index)
    if options.speed:
        speed(catalogue, prepared[0].form)
        return
    if options.train:
        weights = train(prepared)
        WEIGHTS.write_text(weights.document() + "\n", "utf-8")
        print(f"{len(prepared)} forms; threshold {weights.threshold}, automatic from {weights.automatic}")
        for name, weight in zip(weights.features, weights.weights, strict=True):
            print(f"{weight:8.2f}  {name}")
        return
    chosen = read_forms(*options.score) if options.score else labelled
    answers = leave_one_out(prepared, index, scored=[form["id"] for form in chosen])
    if options.errors:
        print_errors(chosen, answers)
    if options.write:
        options.write.write_text(json.dumps({"forms": answers}, ensure_ascii=False), "utf-8")
    for name, value in score(chosen, answers).items():
        print(f"{name:20} {round(value, 4):g}")


if __name__ == "__main__":
    main()
