"""Following from the client: by the class and by the command, against a real registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import program
from app.client.http import Township
from tests.fixtures.house import serving
from tests.stories.conftest import apply_small

VIEW = "people-view"


def test_a_follower_is_given_each_change_once_and_goes_on_where_it_was(
    filled_url: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(filled_url("sqlite", "small", apply_small), tmp_path / "data") as house:
        key = house.key(department="ecology")
        monkeypatch.setenv("TOWNSHIP_URL", house.url)
        monkeypatch.setenv("TOWNSHIP_KEY", key)
        clerk = Township(house.url, house.key(region="43"))

        def report(total: int) -> None:
            clerk.submit_rows("people", [{"region": "430101101", "period": "2025", "total": total}])

        def followed() -> list[object]:
            command = ["follow", VIEW, "--once", "--cursor", str(tmp_path / "cursor")]
            result = CliRunner().invoke(program("follow"), command)
            assert result.exit_code == 0, result.output
            return [json.loads(line)["record"]["rk"] for line in result.stdout.splitlines()]

        report(5)
        assert followed() == [0.0005]
        assert followed() == []
        report(6)
        report(7)
        assert followed() == [0.0007]
        with Township(house.url, key) as reader:
            pages = reader.follow(VIEW, (tmp_path / "cursor").read_text(), wait=5)
            report(8)
            assert [str(change["record"]["rk"]) for change in next(pages)["changes"]] == ["0.0008"]
        clerk.close()
