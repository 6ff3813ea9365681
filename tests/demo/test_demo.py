"""The tour as a user runs it: the command, a real server, nothing set beforehand."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def start(tmp_path, *arguments):
    """`township demo …` in an empty folder, with an environment that would lead it astray if it listened."""
    environment = {
        **os.environ,
        "TOWNSHIP_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/nothing",
        "TOWNSHIP_URL": "http://127.0.0.1:1",
        "TOWNSHIP_KEY": "of-another-registry",
        "COLUMNS": "200",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "demo", *arguments],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_checked_tour_finds_every_answer_as_expected_and_leaves_nothing(tmp_path):
    started = time.monotonic()
    process = start(tmp_path, "--once")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert output.count("✓") >= 10
    assert "✗" not in output
    assert "G1" in output  # the faults of the faulty workbook are shown by cell
    assert list(tmp_path.iterdir()) == []
    assert time.monotonic() - started < 60  # 20 s on a machine of its own


def test_the_lines_to_paste_work_while_the_demo_serves_and_a_stop_ends_it(tmp_path):
    process = start(tmp_path, "--port", "0")
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("serving on "):
                break
        curls = [line for line in lines if line.startswith("curl ")]
        assert len(curls) >= 5, "\n".join(lines)
        for line in curls:
            words = shlex.split(line)
            answered = subprocess.run(
                [*words, "-o", os.devnull, "-w", "%{http_code}"], capture_output=True, text=True, check=True
            )
            assert answered.stdout == "200", line
        folder = Path(re.search(r"TOWNSHIP_DATA_DIR=(\S+);", "\n".join(lines))[1])
        assert folder.is_dir()
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0, rest
    assert not folder.exists()


def test_a_port_that_is_taken_is_said_so(tmp_path):
    first = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import socket,sys; s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen(); print(s.getsockname()[1], flush=True); sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    port = first.stdout.readline().strip()
    process = start(tmp_path, "--port", port)
    output, _ = process.communicate(timeout=60)
    first.communicate()
    assert process.returncode == 1
    assert port in output
    assert "Traceback" not in output
