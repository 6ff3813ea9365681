"""The template opens in LibreOffice and comes out of it, in each of its formats, as the same records."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import openpyxl
import pytest

from app.catalogue.model import Dataset
from app.catalogue.values import Reported
from app.formats.reading import read_workbook
from tests.formats.test_template import LAND_HELD, PROFILE_HELD, Held, back, made, number
from tests.intake.county import DISASTERS, FISCAL, HAZARDS, IDS, LAND, POPULATION, PROFILE, errors, warnings

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
CHANGAN = IDS["430682001"]
CASES: Mapping[str, tuple[Dataset, Held, str | None]] = {
    "land": (LAND, LAND_HELD, "2025"),
    "profile": (PROFILE, PROFILE_HELD, None),
    "population": (POPULATION, {(CHANGAN, ()): {"resident_population": number("8000", "人")}}, "2025"),
    "hazards": (HAZARDS, {(CHANGAN, ("0012",)): {"hazard_name": Reported(text="滑坡"), "threatened": number("12")}}, "2025"),
    "disasters": (DISASTERS, {(CHANGAN, ()): {"affected": number("3"), "kind": Reported(text="flood")}}, "2025-07-01"),
    "fiscal": (FISCAL, {(CHANGAN, ()): {"revenue": number("1234.56")}}, "2025-03"),
}  # fmt: skip
FORMATS = ("xlsx", "ods", "xls")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every template in every format that LibreOffice writes: one start of it for each format, none for each case."""
    if SOFFICE is None:
        pytest.skip("LibreOffice is not installed: soffice is not on the path")
    folder = tmp_path_factory.mktemp("libreoffice")
    for name, (of, held, period) in CASES.items():
        (folder / f"{name}.xlsx").write_bytes(made(of, held, period or "2025"))
    files = [str(path) for path in sorted(folder.glob("*.xlsx"))]
    for kind in FORMATS:
        words = [SOFFICE, "--headless", f"-env:UserInstallation={(folder / 'user').as_uri()}", "--convert-to", kind]
        done = subprocess.run(
            [*words, "--outdir", str(folder / kind), *files], capture_output=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
    return folder


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", CASES)
def test_a_template_saved_by_libreoffice_uploads_as_unchanged(converted: Path, name: str, kind: str) -> None:
    of, held, period = CASES[name]
    data = (converted / kind / f"{name}.{kind}").read_bytes()
    changes = back(data, of, held, period)
    assert errors(changes.findings) == []
    assert set(warnings(changes.findings)) <= {"row_passed_over"}
    assert changes.counts == {"rows": len(held), "new": 0, "changed": 0, "unchanged": len(held)}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_hidden_stamp_survives(converted: Path, kind: str) -> None:
    found = read_workbook((converted / kind / f"land.{kind}").read_bytes(), "x")
    assert (found.stamp["dataset"], found.stamp["period"], found.hidden_sheets) == ("land", "2025", ())


def test_locks_drop_downs_and_input_checks_survive(converted: Path) -> None:
    sheet = openpyxl.load_workbook(converted / "xlsx" / "profile.xlsx").worksheets[0]
    kinds = {(rule.type, str(rule.sqref)[0]) for rule in sheet.data_validations.dataValidation}
    assert kinds == {
        ("list", "C"),
        ("list", "D"),
        ("date", "E"),
        ("textLength", "F"),
        ("textLength", "H"),
        ("decimal", "I"),
    }
    assert sheet.protection.sheet
    assert [sheet[place].protection.locked for place in ("A4", "B4", "C4", "D4")] == [True, True, False, False]
