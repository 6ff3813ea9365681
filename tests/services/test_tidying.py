import os
import shutil
import time

from app.catalogue.units import BUILTIN_UNITS
from app.services.tidying import SnapshotTidying
from app.snapshots.parts import Parts
from tests.snapshots.catalogues import LAND, row

HOUR = 3600.0


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def built(folder, *revisions):
    """Parts of one year at these revisions, as if they had been built long ago."""
    parts = Parts(folder, 1 << 30)
    for revision in revisions:
        parts.open(LAND, BUILTIN_UNITS, 2025, revision, lambda: [row(1, 1, 2025)])
    old = time.time() - HOUR
    for path in folder.rglob("*.arrow"):
        os.utime(path, (old, old))
    return parts


def revisions_in(folder):
    return sorted(int(path.name.partition("-")[0]) for path in folder.rglob("*.arrow"))


def test_files_that_no_state_names_go_after_a_while_and_not_at_every_change(tmp_path):
    clock = Clock()
    tidying = SnapshotTidying(built(tmp_path, 3, 4, 5), clock=clock)
    named = {("land", 2025, 5), ("land", 2025, 3)}
    assert tidying.changed(lambda: named) is None
    clock.now = HOUR
    tidying.changed(lambda: named).join()
    assert revisions_in(tmp_path) == [3, 5]
    assert tidying.changed(set) is None
    clock.now = 2 * HOUR
    tidying.changed(set).join()
    assert revisions_in(tmp_path) == []


def test_a_fresh_file_stays_whoever_built_it(tmp_path):
    clock = Clock()
    parts = built(tmp_path, 3)
    parts.open(LAND, BUILTIN_UNITS, 2025, 4, lambda: [row(1, 1, 2025)])
    tidying = SnapshotTidying(parts, clock=clock)
    clock.now = HOUR
    tidying.changed(set).join()
    assert revisions_in(tmp_path) == [4]


def test_a_folder_that_is_gone_is_no_fault(tmp_path):
    clock = Clock()
    tidying = SnapshotTidying(built(tmp_path / "parts", 3), clock=clock)
    shutil.rmtree(tmp_path / "parts")
    clock.now = HOUR
    tidying.changed(set).join()


def test_what_a_restore_left_behind_goes_after_a_day_and_nothing_else(tmp_path):
    clock = Clock()
    own, former, serving = (tmp_path / (digit * 64) for digit in "abc")
    parts = built(own, 3)
    built(former, 3)
    built(serving, 3)
    (tmp_path / "of-somebody-else").mkdir()
    long_ago = time.time() - 48 * HOUR
    for folder in [former, *former.rglob("*"), own, *own.rglob("*"), tmp_path / "of-somebody-else"]:
        os.utime(folder, (long_ago, long_ago))
    tidying = SnapshotTidying(parts, own, clock)
    clock.now = HOUR
    tidying.changed(lambda: {("land", 2025, 3)}).join()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([own.name, serving.name, "of-somebody-else"])
    assert revisions_in(own) == [3]
