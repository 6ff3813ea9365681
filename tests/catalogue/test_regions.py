from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.regions import RegionIndex, RegionState, Succession

D = date(2023, 6, 30)
EVE = D - timedelta(days=1)
TODAY = date(2026, 11, 22)


def state(region, code, name="甲", level="township", parent=None, first=None, last=None):
    return RegionState(region, code, name, level, parent, first, last)


INDEX = RegionIndex(
    [
        state(1, "43", "湖南省", "province"),
        state(2, "4306", "岳阳市", "prefecture", 1),
        state(3, "430682", "临湘市", "county", 2),
        state(4, "430681", "汨罗市", "county", 2),
        state(5, "430682101", "忠防镇", parent=3, last=EVE),
        state(5, "430682102", "忠防镇", parent=3, first=D),
        state(6, "430682102", "聂市镇", parent=3, last=EVE),
        state(7, "430682103", "城关镇", parent=3, last=EVE),
        state(7, "430682103", "城关镇", parent=4, first=D),
        state(8, "430681101", "城关镇", parent=4),
        state(9, "430682103201", "和平村", "village", 7),
        state(10, "4419", "东莞市", "prefecture", None),
        state(11, "441900101", "石碣镇", parent=10),
    ],
    [Succession(D, "merge", 6, 5)],
)


def test_a_code_means_the_region_that_holds_it_on_the_day():
    assert INDEX.holder("430682102", EVE) == 6
    assert INDEX.holder("430682102", D) == 5
    assert INDEX.holder("430682101", EVE) == 5
    assert INDEX.holder("430682101", D) is None
    assert INDEX.holder("999999", D) is None


def test_a_state_is_asked_by_day_and_the_nearest_is_given_outside():
    assert INDEX.state(5, EVE).code == "430682101"
    assert INDEX.state(5, TODAY).code == "430682102"
    assert INDEX.state(6, TODAY).name == "聂市镇"
    assert INDEX.state(99, TODAY) is None


def test_hierarchies_follow_the_links_of_the_day():
    assert INDEX.ancestors(9, EVE) == [7, 3, 2, 1]
    assert INDEX.ancestors(9, D) == [7, 4, 2, 1]
    assert INDEX.subtree(3, EVE) == {3, 5, 6, 7, 9}
    assert INDEX.subtree(3, D) == {3, 5}
    assert INDEX.subtree(4, D) == {4, 7, 8, 9}
    assert INDEX.children(2, D) == [4, 3]
    assert INDEX.children(None, D) == [1, 10]


def test_a_township_directly_under_a_prefecture_has_no_county():
    assert INDEX.ancestors(11, D) == [10]
    assert INDEX.ancestor_at("county", D).get(11) is None
    assert INDEX.ancestor_at("prefecture", D)[11] == 10


def test_every_region_in_force_is_mapped_to_the_one_above_it():
    assert INDEX.ancestor_at("county", EVE) == {3: 3, 4: 4, 5: 3, 6: 3, 7: 3, 8: 4, 9: 3}
    assert INDEX.ancestor_at("county", D) == {3: 3, 4: 4, 5: 3, 7: 4, 8: 4, 9: 4}
    assert INDEX.at_level("township", EVE) == [8, 5, 6, 7, 11]
    assert INDEX.at_level("township", D) == [8, 5, 7, 11]


def test_a_name_is_looked_for_below_a_region():
    assert sorted(INDEX.named("城关镇", None, "township", EVE)) == [7, 8]
    assert INDEX.named("城关镇", 3, "township", EVE) == [7]
    assert INDEX.named("城关镇", 3, None, D) == []
    assert INDEX.named("临湘市", 3, None, D) == [3]
    assert INDEX.named("临湘市", None, "township", D) == []


def test_editions_number_the_intervals_between_changes():
    assert INDEX.editions() == [D]
    assert (INDEX.edition(EVE), INDEX.edition(D), INDEX.edition(TODAY)) == (0, 1, 1)


def test_a_gap_of_a_few_days_in_a_regions_own_states_is_no_gap():
    index = RegionIndex([state(1, "430682101", last=date(2022, 12, 30)), state(1, "430682102", first=date(2023, 1, 2))])
    for day in (date(2022, 12, 30), date(2022, 12, 31), date(2023, 1, 1), date(2023, 1, 2)):
        assert [s.region_id for s in index.in_force(day)] == [1]
    assert index.holder("430682101", date(2022, 12, 31)) == 1


def test_a_gap_of_a_few_days_between_two_holders_is_the_earlier_ones():
    index = RegionIndex([state(1, "430682101", last=date(2022, 12, 30)), state(2, "430682101", first=date(2023, 1, 2))])
    assert index.holder("430682101", date(2022, 12, 31)) == 1
    apart = RegionIndex([state(1, "430682101", last=date(2020, 12, 31)), state(2, "430682101", first=date(2023, 1, 1))])
    assert apart.holder("430682101", date(2022, 1, 1)) is None


def test_where_two_holders_share_a_day_the_later_start_wins():
    index = RegionIndex([state(1, "430682101", last=D), state(2, "430682101", first=D)])
    assert index.holder("430682101", D) == 2
    assert index.holder("430682101", EVE) == 1


def test_an_empty_index_answers():
    empty = RegionIndex()
    assert empty.holder("43", D) is None
    assert list(empty.in_force(D)) == []
    assert empty.editions() == []
    assert empty.subtree(7, D) == {7}


@st.composite
def histories(draw):
    """Regions of three levels whose parents and validity change on a few days."""
    days = [date(2020, 1, 1) + timedelta(days=100 * n) for n in range(6)]
    states = []
    for region in range(12):
        level = ("county", "township", "village")[region // 4]
        cuts = sorted(draw(st.sets(st.sampled_from(days), max_size=3)))
        for first, following in zip([None, *cuts], [*cuts, None], strict=True):
            parent = None if region < 4 else draw(st.integers(region // 4 * 4 - 4, region // 4 * 4 - 1))
            last = None if following is None else following - timedelta(days=1)
            states.append(
                RegionState(region, f"{region:03d}", f"n{draw(st.integers(0, 2))}", level, parent, first, last)
            )
        if draw(st.booleans()) and states[-1].valid_from is not None:
            states[-1] = states[-1]._replace(valid_to=states[-1].valid_from + timedelta(days=50))
    return states


@given(histories(), st.dates(date(2019, 1, 1), date(2022, 12, 31)), st.sampled_from(["county", "township", "village"]))
def test_every_answer_agrees_with_going_through_all_states(states, on, level):
    index = RegionIndex(states)
    valid = {s.region_id: s for s in states if (s.valid_from or date.min) <= on <= (s.valid_to or date.max)}

    def above(region):
        chain = []
        while region is not None:
            chain.append(region)
            known = valid.get(region) or max(
                (s for s in states if s.region_id == region), key=lambda s: s.valid_from or date.min
            )
            region = known.parent_id
        return chain

    assert {s.region_id: s for s in index.in_force(on)} == valid
    assert sorted(index.at_level(level, on)) == sorted(r for r, s in valid.items() if s.level == level)
    for region, own in valid.items():
        assert index.holder(own.code, on) == region
        assert index.state(region, on) == own
        assert index.ancestors(region, on) == above(region)[1:]
        at = [r for r in above(region) if r in valid and valid[r].level == level]
        if all(r in valid for r in above(region)):
            assert index.ancestor_at(level, on).get(region) == (at[0] if at else None)
    for region in valid:
        below = {r for r in valid if region in above(r) and all(m in valid for m in above(r)[: above(r).index(region)])}
        assert index.subtree(region, on) == below
    for name in ("n0", "n1"):
        assert set(index.named(name, None, level, on)) == {
            r for r, s in valid.items() if s.name == name and s.level == level
        }
