"""The schema folder as its readers see it: plain documents, and what the app makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "schemas"
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Plain:
    """The documents of the folder read with nothing but a YAML parser, by code."""

    datasets: Mapping[str, Document]
    codelists: Mapping[str, Document]
    departments: Mapping[str, str]
    views: Mapping[str, Document]
    agreements: Mapping[str, Document]

    def elements(self) -> Iterator[tuple[Document, Document]]:
        """Every element with its dataset."""
        for dataset in self.datasets.values():
            for element in dataset["elements"]:
                yield dataset, element

    def element(self, path: str) -> Document:
        """The element ``dataset.element`` names; KeyError if there is none."""
        dataset, _, code = path.partition(".")
        elements: dict[str, Document] = {each["code"]: each for each in self.datasets[dataset]["elements"]}
        return elements[code]

    def sharing(self, path: str) -> str:
        """The sharing class of an element, its own or its dataset's."""
        own = self.element(path).get("sharing")
        return str(own or self.datasets[path.partition(".")[0]]["sharing"])

    def opened(self, agreement: Document) -> frozenset[str]:
        """The paths an agreement opens: those it names and what ``dataset.*`` stands for, without the closed."""
        found: set[str] = set()
        for pattern in agreement["elements"]:
            dataset, _, code = pattern.partition(".")
            codes = [e["code"] for e in self.datasets[dataset]["elements"]] if code == "*" else [code]
            found.update(f"{dataset}.{each}" for each in codes if self.sharing(f"{dataset}.{each}") != "closed")
        return frozenset(found)


def _documents(kind: str) -> dict[str, Document]:
    found = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted((FOLDER / kind).glob("*.yaml"))}
    for name, document in found.items():
        assert document["code"] == name, f"{kind}/{name}.yaml defines {document['code']}"
    return found


@pytest.fixture(scope="session")
def plain() -> Plain:
    departments = yaml.safe_load((FOLDER / "departments.yaml").read_text("utf-8"))["departments"]
    return Plain(
        _documents("datasets"),
        _documents("codelists"),
        {each["code"]: each["name"] for each in departments},
        _documents("views"),
        _documents("agreements"),
    )


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """Every file of the folder by its name in it, as ``township apply`` hands them to the catalogue."""
    return {
        path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in sorted(FOLDER.rglob("*")) if path.is_file()
    }
