"""The clerk's client on unsteady lines: folders, the outbox, sending again without storing twice, going on in pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import program
from app.client import pieces, sending
from app.client.connection import Connection
from app.client.errors import Unreachable
from app.client.http import Township
from app.client.outbox import Outbox
from app.client.pieces import send_in_pieces
from app.client.retries import Retries
from app.client.sending import Sender, files_of
from tests.client.played import Answer, Script
from tests.fixtures.house import House, serving
from tests.fixtures.small import FILES

AWAY = "http://127.0.0.1:9"
APPLIED = {
    "id": "1",
    "status": "applied",
    "counts": {"rows": 1, "new": 1, "changed": 0, "unchanged": 0},
    "findings": [],
}


@pytest.fixture
def house(new_url: Callable[..., str], tmp_path: Path) -> Iterator[House]:
    with serving(new_url("sqlite"), tmp_path / "data") as served:
        served.apply(FILES)
        yield served


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(Retries, "wait", lambda *_: 0.0)

    def go(url: str, key: str, *arguments: object) -> Any:
        environment = {"TOWNSHIP_URL": url, "TOWNSHIP_KEY": key, "NO_COLOR": "1", "COLUMNS": "200"}
        return CliRunner().invoke(program(), [str(word) for word in arguments], env=environment)

    return go


def people(folder: Path, name: str, region: str, total: int, men: int) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"区划代码,总人口,男,女\n{region},{total},{men},{total - men}\n", encoding="utf-8")
    return path


def test_a_folder_is_worked_through_and_the_exit_code_is_the_worst(
    house: House, run: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    people(folder, "a.csv", "430101101", 3, 1)
    people(folder, "b.csv", "999", 3, 1)
    people(folder, "c.csv", "430101102", 5, 2)
    (folder / "注意.txt").write_text("x", encoding="utf-8")
    assert [path.name for path in files_of([folder])] == ["a.csv", "b.csv", "c.csv"]
    key = house.key(region="430101")
    done = run(house.url, key, "upload", folder, "--dataset", "people", "--period", "2025", "--json")
    assert done.exit_code == 1
    told = {Path(one["file"]).name: one for one in json.loads(done.stdout)}
    assert told["a.csv"]["status"] == told["c.csv"]["status"] == "applied"
    assert told["b.csv"]["error"]["findings"][0]["code"] == "unknown_region"
    listed = json.loads(run(house.url, key, "outbox", "--json").stdout)
    assert [(one["filename"], one["state"], one["answer"].get("code")) for one in listed] == [
        ("a.csv", "answered", None), ("b.csv", "answered", "invalid_submission"), ("c.csv", "answered", None),
    ]  # fmt: skip
    assert key not in json.dumps(listed)


def test_what_waits_is_sent_when_the_registry_is_back(house: House, run: Callable[..., Any], tmp_path: Path) -> None:
    file = people(tmp_path / "files", "a.csv", "430101101", 3, 1)
    key = house.key(region="430101")
    said = ("--dataset", "people", "--period", "2025")
    gone = run(AWAY, key, "upload", file, *said, "--queue")
    assert gone.exit_code == 2
    (entry,) = Outbox().entries()
    assert (entry.state, entry.url) == ("queued", AWAY)
    file.write_text("what was queued is what is sent", encoding="utf-8")
    Outbox().keep(type(entry)(**{**json.loads((Outbox().folder / f"{entry.id}.json").read_text()), "url": house.url}))
    back = run(house.url, key, "outbox", "send")
    assert back.exit_code == 0, back.output
    (entry,) = Outbox().entries()
    assert (entry.state, entry.answer["status"], entry.answer["counts"]["new"]) == ("answered", "applied", 1)
    assert not Outbox().content(entry).exists()
    assert run(house.url, key, "outbox", "send").exit_code == 0


def test_a_file_sent_again_after_a_lost_answer_goes_under_the_same_key_and_later_under_another(
    script: Script, tmp_path: Path
) -> None:
    file = people(tmp_path / "files", "a.csv", "430101101", 3, 1)
    with Township(script.url, "k", retries=Retries(attempts=1)) as township:
        sender = Sender(township, Outbox())
        script.answers.append(Answer(silent=True))
        with pytest.raises(Unreachable):
            sender.send(file, {"dataset": "people", "mode": "apply"})
        script.says(APPLIED, 201)
        sender.send(file, {"dataset": "people", "mode": "apply"})
        script.says(APPLIED, 201)
        sender.send(file, {"dataset": "people", "mode": "apply"})
    keys = [asked.headers["idempotency-key"] for asked in script.asked]
    assert keys[0] == keys[1] != keys[2]


def test_a_large_file_goes_on_after_every_dropped_line(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", 400)
    monkeypatch.setattr(sending, "IN_PIECES_FROM", 1000)
    rows = ["区划代码,编号,井深（米）", *(f"430101101,w{n},{n}.5" for n in range(150))]
    file = tmp_path / "wells.csv"
    file.write_text("\n".join(rows), encoding="utf-8")
    dropped: list[str] = []

    class Unsteady(httpx.HTTPTransport):
        """Every second piece is cut off: half of them before they arrive, half after."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "PATCH":
                dropped.append(request.headers["upload-offset"])
                if len(dropped) % 4 == 1:
                    raise httpx.ReadError("cut", request=request)
                if len(dropped) % 4 == 3:
                    super().handle_request(request).close()
                    raise httpx.ReadError("cut", request=request)
            return super().handle_request(request)

    seen: list[int] = []
    with Township(house.url, house.key(department="water"), transport=Unsteady()) as township:
        answer = Sender(township, Outbox()).send(
            file, {"dataset": "wells", "mode": "apply"}, lambda done, total: seen.append(done)
        )
    assert answer["counts"] == {"rows": 150, "new": 150, "changed": 0, "unchanged": 0}
    assert seen == sorted(seen)
    assert seen[-1] == file.stat().st_size
    (entry,) = Outbox().entries()
    assert entry.state == "answered"


def test_an_upload_begun_by_a_client_that_was_killed_is_gone_on_with(house: House, tmp_path: Path) -> None:
    file = tmp_path / "wells.ndjson"
    file.write_bytes(b"".join(b'{"region":"430101101","number":"w%d","depth":1}\n' % n for n in range(50)))
    connection = Connection(house.url, house.key(department="water"))
    begun: list[str] = []

    def killed(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    before = pieces.PIECE
    try:
        pieces.PIECE = 700
        with pytest.raises(KeyboardInterrupt):
            send_in_pieces(connection, file, name=file.name, begun=begun.append, progress=killed)
        starts: list[int] = []
        same = send_in_pieces(
            connection, file, name=file.name, upload=begun[0], progress=lambda done, total: starts.append(done)
        )
    finally:
        pieces.PIECE = before
    assert same == begun[0]
    assert starts[0] == 1400
    answer = pieces.submit_upload(connection, same, {"dataset": "wells"}, "k")
    assert answer["counts"]["new"] == 50
    connection.close()
