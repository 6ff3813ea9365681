from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from app.store import audit
from tests.store.given import given_regions, part

ROOT = Path(__file__).parents[2]
WRITER = textwrap.dedent(
    """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path
    from app.store.audit import AuditEntry, AuditLog
    from app.store.database import Database
    from tests.store.given import change, submit, submit_within

    database = Database.open(sys.argv[1], Path(sys.argv[2]))
    log = AuditLog(database)
    for number in range(1, 6):
        log.append(AuditEntry(datetime.now(UTC), str(number), "intent", "region", "submit"))
        submit(database, change(1, "2025", str(number)))
        print(number, flush=True)
    with database.write() as write:
        submit_within(write, change(1, "2025", "99"), change(2, "2025", "99"))
        print("half", flush=True)
        sys.stdin.read()
    """
)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_what_was_acknowledged_survives_a_kill_and_what_was_half_done_leaves_nothing(database, tmp_path):
    given_regions(database)
    url = database.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    ) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline().strip() for _ in range(6)]
        writer.kill()
        writer.wait()
    assert told == ["1", "2", "3", "4", "5", "half"]
    assert database.epoch() == 5
    assert part(database, 2025, 99) == {(1, 2025, ""): '{"total":{"n":"5","u":"人"}}'}
    with database.read_journal() as cx:
        assert [kept.entry.request_id for kept in audit.entries(cx)] == ["5", "4", "3", "2", "1"]
    with database.write() as write:  # the killed one's lock is gone with it
        assert write.epoch("after") == 6
