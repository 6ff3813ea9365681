import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from app.host.listening import bind
from tests.fixtures.programs import alive, until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def serve():
    """Starts the supervisor on a free port; gives the process and its URL once it says that it serves."""
    started = []

    def start(workers, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.host.telling_pid", str(workers)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        line = process.stdout.readline()
        return process, line.strip().removeprefix("serving on ")

    yield start
    for process in started:
        process.kill()
        process.communicate()


def pids(url, times):
    """Who answers, each over a connection of its own."""
    found = Counter()
    for _ in range(times):
        with httpx.Client() as client:
            found[int(client.get(url).text)] += 1
    return found


def test_connections_spread_over_the_workers(serve):
    _, url = serve(2)
    answered = pids(url, 60)
    assert len(answered) == 2
    assert min(answered.values()) >= 10  # of 60 fair throws fewer than 10 come once in ten million


def test_a_worker_that_dies_is_replaced_and_the_others_stay(serve):
    _, url = serve(2)
    killed, kept = pids(url, 60)
    os.kill(killed, signal.SIGKILL)
    until(lambda: not alive(killed))

    def replaced():
        try:
            answered = set(pids(url, 20))
        except httpx.TransportError:
            return False
        return kept in answered and len(answered) == 2

    until(replaced)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_running_requests_end_and_leaves_nobody(serve, workers, number):
    process, url = serve(workers)
    serving = set(pids(url, 40))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/slow").status_code))
    thread.start()
    time.sleep(0.2)
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    thread.join()
    assert answers == [200]
    assert not any(alive(pid) for pid in serving)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems notice a little later")
def test_workers_die_with_a_supervisor_that_was_killed(serve):
    process, url = serve(2)
    serving = set(pids(url, 40))
    process.kill()
    until(lambda: not any(alive(pid) for pid in serving))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_application_that_cannot_start_ends_the_command_with_an_error(serve, workers):
    process, line = serve(workers, FAIL_TO_START="1")
    assert line == ""
    assert process.wait(timeout=10) != 0


def test_an_address_that_is_taken_is_refused():
    first = bind("127.0.0.1", 0, shared=False)
    first.listen()
    with pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", first.getsockname()[1], shared=False)
    first.close()
