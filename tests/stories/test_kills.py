"""``kill -9`` at any moment leaves no byte sent without its entry. ``TOWNSHIP_KILL_TRIALS`` says how often (each database)."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from app.policy.callers import Caller
from app.services.credentials import create_credential
from app.services.registry import Registry
from app.services.submit import SubmissionRequest, submit
from app.settings import Settings
from tests.fixtures.databases import Kind
from tests.fixtures.kills import run_trials
from tests.stories.conftest import apply_small

TRIALS = int(os.environ.get("TOWNSHIP_KILL_TRIALS", "2"))
PATHS = [
    "/v1/views/people-view/records",
    "/v1/views/people-view/records?format=csv",
    "/v1/me",
    "/v1/views/people-view/changes",
    "/v1/views/nothing",
]


@pytest.mark.slow
def test_no_byte_is_sent_without_its_entry_whenever_the_service_is_killed(
    database_kind: Kind, filled_url: Callable[[Kind, str, Callable[[str], None]], str], tmp_path: Path
) -> None:
    def prepared() -> tuple[str, Path, str, list[str]]:
        url = filled_url(database_kind, "small", apply_small)
        with Registry.open(Settings(database_url=url, data_dir=tmp_path)) as registry:
            _, key = create_credential(registry, "reader", "department", department="ecology")
            region = registry.state().regions.holder("430101", registry.today())
            clerk = Caller("region", "clerk", "clerk", region_id=region, role="clerk")
            rows = [{"region": f"43010110{n}", "period": "2025", "total": 3, "men": 1, "women": 2} for n in (1, 2)]
            submit(registry, clerk, SubmissionRequest("people", None, None, "apply", rows=rows))
        return url, tmp_path, key, PATHS

    trials = run_trials(TRIALS, prepared, random.Random(4))
    assert [trial.unwitnessed for trial in trials] == [[]] * TRIALS
    assert [trial.verdict.faults for trial in trials if trial.verdict] == [[]] * TRIALS
    assert all(trial.arrived for trial in trials)
    print(f"{TRIALS} kills on {database_kind}: {sum(len(trial.arrived) for trial in trials)} answers, all witnessed")
