from __future__ import annotations

import time
from datetime import date
from fractions import Fraction

import pytest

from app.catalogue.region_files import RegionRow, SuccessionRow
from app.catalogue.region_plan import RegionPlan, plan_regions
from app.catalogue.regions import RegionState, Succession
from app.errors import Fault
from app.policy.scopes import ForgedError
from app.store import regions
from tests.store.given import administration, submitting

ROWS = [
    RegionRow("43", "湖南省", "province", None),
    RegionRow("4306", "岳阳市", "prefecture", "43"),
    RegionRow("430682", "临湘市", "county", "4306"),
    RegionRow("430682101", "忠防镇", "township", "430682"),
    RegionRow("430682102", "聂市镇", "township", "430682"),
]
DAY = date(2025, 6, 1)


def _apply(database, rows=(), successions=()):
    with database.write() as write:
        plan = plan_regions(regions.load(write.connection), rows, successions)
        assert plan.faults == ()
        return regions.save(write, administration(), plan)


def _loaded(database, at_epoch=None):
    with database.read() as cx:
        return regions.load(cx, at_epoch)


def test_regions_come_back_as_they_were_given(database):
    assert _apply(database, ROWS) == 1
    index = _loaded(database)
    county = index.holder("430682", DAY)
    assert county is not None
    assert {state.name for state in index.in_force(DAY)} == {row.name for row in ROWS}
    assert [index.state(region, DAY).name for region in index.ancestors(county, DAY)] == ["岳阳市", "湖南省"]
    assert len(index.subtree(county, DAY)) == 3
    assert all(region > 0 for region in index.ids())


def test_the_same_list_again_changes_nothing(database):
    _apply(database, ROWS)
    assert _apply(database, ROWS) is None
    assert database.epoch() == 1


def test_a_correction_is_seen_from_its_epoch_on_and_the_past_stays(database):
    _apply(database, ROWS)
    assert _apply(database, [ROWS[3]._replace(name="忠坊镇")]) == 2
    township = _loaded(database).holder("430682101", DAY)
    assert township is not None
    assert _loaded(database).state(township, DAY).name == "忠坊镇"
    assert _loaded(database, 1).state(township, DAY).name == "忠防镇"
    assert _loaded(database, 1).holder("430682101", DAY) == township
    assert list(_loaded(database, 0).ids()) == []
    with database.read() as cx:
        assert [regions.revision(cx, epoch) for epoch in (0, 1, 2, None)] == [0, 1, 2, 2]


def test_a_rename_keeps_the_region_and_both_names(database):
    _apply(database, ROWS)
    _apply(
        database,
        [RegionRow("430682101", "忠坊镇", "township", "430682", valid_from=date(2024, 1, 1))],
        [SuccessionRow(date(2024, 1, 1), "rename", "430682101", "430682101", None, "湘民发〔2023〕1号")],
    )
    index = _loaded(database)
    township = index.holder("430682101", DAY)
    assert township is not None
    assert [state.name for state in index.history(township)] == ["忠防镇", "忠坊镇"]
    assert [(edge.kind, edge.old_id, edge.new_id, edge.document) for edge in index.successions] == [
        ("rename", township, township, "湘民发〔2023〕1号")
    ]


def test_shares_are_kept_exactly_and_corrected_edges_end(database):
    _apply(database, ROWS)
    index = _loaded(database)
    old, new = (index.holder(code, DAY) for code in ("430682101", "430682102"))
    edge = Succession(date(2024, 1, 1), "split", old, new, Fraction(1, 3), None)
    with database.write() as write:
        regions.save(write, administration(), RegionPlan(add_successions=(edge,)))
    better = edge._replace(share=Fraction(2, 7), document="文件")
    with database.write() as write:
        assert (
            regions.save(write, administration(), RegionPlan(supersede_successions=(edge,), add_successions=(better,)))
            == 3
        )
    assert _loaded(database).successions == (better,)
    assert _loaded(database, 2).successions == (edge,)


def test_a_plan_against_other_regions_or_with_faults_is_not_written(database):
    _apply(database, ROWS)
    stranger = RegionState(2, "4306", "岳阳市", "prefecture", 1, valid_from=date(1900, 1, 1))
    with pytest.raises(ValueError, match="other regions"), database.write() as write:
        regions.save(write, administration(), RegionPlan(supersede_states=(stranger,)))
    with pytest.raises(ValueError, match="faults"), database.write() as write:
        regions.save(write, administration(), RegionPlan(faults=(Fault("regions.csv", "第 2 行", "x"),)))
    with pytest.raises(ForgedError), database.write() as write:
        regions.save(write, submitting(), RegionPlan())
    assert database.epoch() == 1


def test_forty_five_thousand_regions_are_saved_and_loaded_in_seconds(database):
    states = [RegionState(-1, "43", "省", "province", None)]
    states += [RegionState(-n, f"43{n:010}", f"村{n}", "village", -1, date(2020, 1, 1)) for n in range(2, 45_001)]
    plan = RegionPlan(new_regions=tuple(range(-1, -45_001, -1)), add_states=tuple(states))
    start = time.perf_counter()
    with database.write() as write:
        regions.save(write, administration(), plan)
    index = _loaded(database)
    assert time.perf_counter() - start < 15  # generous: the machine may be busy
    assert len(index) == 45_000
    root = index.holder("43", DAY)
    assert {state.parent_id for state in index.states()} == {None, root}
