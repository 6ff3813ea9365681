"""The threat model names tests that are there, and a test for every threat."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("|")][2:]
TESTS = {
    found
    for path in (ROOT / "tests").rglob("test_*.py")
    for found in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def test_every_test_that_is_named_is_there():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named - TESTS == set()


def test_every_threat_has_its_test():
    assert len(ROWS) >= 20
    assert [threat.strip() for threat, _, proof in ROWS if "`test_" not in proof] == []
