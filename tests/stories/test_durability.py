"""``kill -9`` right after a 201 loses nothing; in the middle of an upload it leaves nothing half stored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from app.services.credentials import create_credential
from app.services.registry import Registry
from app.settings import Settings
from tests.fixtures.databases import Kind
from tests.fixtures.house import Clock, House
from tests.fixtures.small import FILES


class Server:
    """``township serve`` as a process of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        environment = {**os.environ, "TOWNSHIP_DATABASE_URL": url, "TOWNSHIP_DATA_DIR": str(folder)}
        command = [sys.executable, "-m", "app.cli", "serve", "--port", "0"]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip().rpartition(" ")[2]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def prepared(url: str, folder: Path) -> str:
    """A registry with the small catalogue and a clerk's key."""
    with Registry.open(Settings(database_url=url, data_dir=folder)) as registry:
        House(registry, "", Clock()).apply(FILES)
        return create_credential(registry, "clerk", "region", region="430101")[1]


def post(server: Server, key: str, year: int) -> httpx.Response:
    rows = [
        {"region": region, "period": str(year), "total": 3, "men": 1, "women": 2}
        for region in ("430101101", "430101102")
    ]
    return httpx.post(
        f"{server.address}/v1/submissions",
        json={"dataset": "people", "rows": rows},
        headers={"Authorization": f"Bearer {key}"},
        timeout=30,
    )


def years_held(server: Server, key: str) -> dict[str, int]:
    answer = httpx.get(f"{server.address}/v1/datasets/people/records", headers={"Authorization": f"Bearer {key}"})
    counted: dict[str, int] = {}
    for record in answer.json()["records"]:
        counted[record["period"]] = counted.get(record["period"], 0) + 1
    return counted


def test_a_killed_server_keeps_what_it_acknowledged_and_nothing_by_half(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    url = new_url(database_kind)
    key = prepared(url, tmp_path)
    acknowledged: set[str] = set()
    sent = 1900
    for pause in (0.0, 0.013, 0.041):
        server = Server(url, tmp_path)
        answer = post(server, key, sent)
        assert answer.status_code == 201, answer.text
        acknowledged.add(str(sent))
        sent += 1

        def uploading(server: Server = server) -> None:
            nonlocal sent
            while True:
                year, sent = sent, sent + 1
                try:
                    if post(server, key, year).status_code == 201:
                        acknowledged.add(str(year))
                except httpx.HTTPError:
                    return

        thread = threading.Thread(target=uploading)
        thread.start()
        time.sleep(0.3 + pause)
        server.kill()
        thread.join()
    server = Server(url, tmp_path)
    try:
        held = years_held(server, key)
    finally:
        server.kill()
    assert acknowledged <= set(held)
    assert set(held.values()) == {2}
