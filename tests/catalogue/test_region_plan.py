import csv
import io
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalogue.region_files import (
    RegionRow,
    SuccessionRow,
    read_regions,
    read_successions,
    write_regions,
    write_successions,
)
from app.catalogue.region_plan import plan_regions
from app.catalogue.regions import RegionIndex
from tests.catalogue.region_lists import AFTER, BEFORE, CHANGE, DATA, applied, listed, names, stored, successions

EMPTY = RegionIndex()


def name_of(index, code, on):
    region = index.holder(code, on)
    return None if region is None else index.state(region, on).name


def both_editions():
    """One file with both lists, what differs under its validity, and the successions."""
    old, new = listed(2021), listed(2023)
    said, says = {r.code: r for r in old}, {r.code: r for r in new}
    rows = [
        r if says.get(r.code) and says[r.code][:4] == r[:4] else r._replace(valid_to=CHANGE - timedelta(days=1))
        for r in old
    ]
    rows += [
        r._replace(valid_from=CHANGE, line=1000 + r.line)
        for r in new
        if r.code not in said or said[r.code][:4] != r[:4]
    ]
    return rows


def the_two_editions_hold(index):
    """Every code means in each year what that year's list says, and the successors are who they were."""
    for year, on in ((2021, BEFORE), (2023, AFTER)):
        for code, name in names(year).items():
            if code not in ("441900", "330371"):
                assert name_of(index, code, on) == name, (code, year)
    with (DATA / "successions.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            same = index.holder(row["old_code"], BEFORE) == index.holder(row["new_code"], AFTER)
            assert same == (row["kind"] != "merge"), row


def test_a_first_list_makes_regions_under_their_parents():
    index, plan = applied(EMPTY, listed(2021))
    assert plan.created == len(names(2021)) == len(index)
    street = index.holder("230604012", BEFORE)
    assert [index.state(region, BEFORE).code for region in index.ancestors(street, BEFORE)] == ["230604", "2306", "23"]


def test_a_later_list_with_successions_follows_permuted_and_chained_codes():
    held, _ = applied(EMPTY, listed(2021))
    index, plan = applied(held, listed(2023), successions())
    the_two_editions_hold(index)
    fresh = set(names(2023)) - {r.new_code for r in successions() if r.kind != "merge"} - set(names(2021))
    # 金水源街道 takes over a code that the chain before it has left: a region of its own.
    assert plan.created == len(fresh) + 1
    assert index.holder("410103016", BEFORE) != index.holder("410103016", AFTER)
    assert name_of(index, "230604004", AFTER) is None
    assert not index.exists(index.holder("360103101", BEFORE), AFTER)


def test_one_folder_with_both_editions_gives_the_same():
    index, _ = applied(EMPTY, both_editions(), successions())
    the_two_editions_hold(index)


def test_the_same_after_the_first_list_was_applied_alone():
    held, _ = applied(EMPTY, listed(2021))
    index, _ = applied(held, both_editions(), successions())
    the_two_editions_hold(index)


def test_an_export_read_into_an_empty_registry_gives_the_same_files():
    held, _ = applied(EMPTY, listed(2021))
    index, _ = applied(held, listed(2023), successions())
    regions, edges = write_regions(index), write_successions(index)
    rows, faults = read_regions(regions)
    events, more = read_successions(edges)
    assert not faults
    assert not more
    assert plan_regions(index, rows, events).empty
    copy, _ = applied(EMPTY, rows, events)
    assert write_regions(copy) == regions
    assert write_successions(copy) == edges
    the_two_editions_hold(copy)


def test_a_later_list_without_successions_adds_codes_and_corrects_names():
    held, _ = applied(EMPTY, listed(2021))
    index, plan = applied(held, listed(2023))
    new = set(names(2023)) - set(names(2021))
    renamed = {code for code in set(names(2023)) & set(names(2021)) if names(2023)[code] != names(2021)[code]}
    assert (plan.created, plan.changed) == (len(new), len(renamed))
    assert name_of(index, "340323100", BEFORE) == "谷阳镇"
    assert name_of(index, "360103101", AFTER) == "桃花镇"  # what a list leaves out stays


def test_a_county_less_city_holds_its_townships_by_links():
    index, _ = applied(EMPTY, listed(2023))
    city = index.holder("4419", AFTER)
    assert len(index.subtree(city, AFTER)) == 1 + 1 + sum(
        len(code) == 9 and code.startswith("441900") for code in names(2023)
    )
    direct = [
        RegionRow("44", "广东省", "province", None),
        RegionRow("4419", "东莞市", "prefecture", "44"),
        RegionRow("441900101", "石碣镇", "township", "4419"),
    ]
    index, _ = applied(EMPTY, direct)
    assert [index.state(r, AFTER).code for r in index.ancestors(index.holder("441900101", AFTER), AFTER)] == [
        "4419",
        "44",
    ]


# -- small worlds --------------------------------------------------------------------------------------------------
TOWNSHIPS = {f"43068210{n}": f"{name}镇" for n, name in enumerate("甲乙丙丁戊己")}


def world(*codes, **changed):
    """A county and the townships of these codes, by their number; ``changed`` gives other names."""
    rows = [
        RegionRow("43", "湖南省", "province", None, line=2),
        RegionRow("4306", "岳阳市", "prefecture", "43", line=3),
        RegionRow("430682", "临湘市", "county", "4306", line=4),
    ]
    return rows + [
        RegionRow(f"43068210{n}", changed.get(f"n{n}", TOWNSHIPS[f"43068210{n}"]), "township", "430682", line=5 + i)
        for i, n in enumerate(codes)
    ]


def became(kind, old, new, share=None, line=2, on=CHANGE):
    return SuccessionRow(on, kind, f"43068210{old}", f"43068210{new}", share, None, line=line)


def test_a_merge_into_a_region_that_goes_on_ends_only_the_others():
    held, _ = applied(EMPTY, world(0, 1, 2))
    index, plan = applied(
        held, world(0, 2), [became("merge", 1, 0), became("merge", 2, 0, line=3), became("merge", 0, 0, line=4)]
    )
    kept = index.holder("430682100", BEFORE)
    assert index.holder("430682100", AFTER) == kept
    assert index.holder("430682101", AFTER) is None
    assert index.holder("430682102", AFTER) is None
    assert plan.created == 0
    assert {(held.old_id, held.new_id) for held in index.successions} == {
        (index.holder(f"43068210{n}", BEFORE), kept) for n in (0, 1, 2)
    }


def test_a_split_begins_new_regions_and_ends_the_old_unless_it_is_a_successor():
    held, _ = applied(EMPTY, world(0))
    halves = [became("split", 0, 1, Fraction(1, 3)), became("split", 0, 2, Fraction(2, 3), line=3)]
    index, _ = applied(held, world(1, 2), halves)
    assert index.holder("430682100", AFTER) is None
    assert index.holder("430682101", CHANGE - timedelta(days=1)) is None
    index, _ = applied(held, world(0, 2), [became("split", 0, 0), became("split", 0, 2, line=3)])
    assert index.holder("430682100", AFTER) == index.holder("430682100", BEFORE)


def test_a_code_freed_by_a_merge_and_listed_under_another_name_is_a_new_region():
    held, _ = applied(EMPTY, world(0, 1))
    index, plan = applied(held, world(0, 1, n1="庚镇"), [became("merge", 1, 0)])
    assert plan.created == 1
    assert (name_of(index, "430682101", BEFORE), name_of(index, "430682101", AFTER)) == ("乙镇", "庚镇")
    assert index.holder("430682101", BEFORE) != index.holder("430682101", AFTER)


def test_a_rename_keeps_the_code_the_region_and_the_old_name_of_old_days():
    held, _ = applied(EMPTY, world(0, 1))
    index, plan = applied(held, world(0, 1, n0="新甲镇"), [became("rename", 0, 0)])
    assert index.holder("430682100", BEFORE) == index.holder("430682100", AFTER)
    assert (name_of(index, "430682100", CHANGE - timedelta(days=1)), name_of(index, "430682100", CHANGE)) == (
        "甲镇",
        "新甲镇",
    )
    assert (plan.created, plan.changed) == (0, 1)


def test_a_chain_over_several_years_passes_through_codes_that_no_list_has():
    held, _ = applied(EMPTY, world(0))
    later = date(2024, 6, 30)
    index, _ = applied(held, world(2, n2="甲镇"), [became("recode", 0, 1), became("recode", 1, 2, line=3, on=later)])
    region = index.holder("430682100", BEFORE)
    assert index.holder("430682101", AFTER) == region
    assert index.holder("430682102", date(2024, 12, 31)) == region
    assert [state.code[-1] for state in index.history(region)] == ["0", "1", "2"]


def test_a_three_way_exchange_of_codes_leaves_everyone_who_they_were():
    held, _ = applied(EMPTY, world(0, 1, 2))
    ring = [became("recode", 0, 1), became("recode", 1, 2, line=3), became("recode", 2, 0, line=4)]
    index, plan = applied(held, world(0, 1, 2, n0="丙镇", n1="甲镇", n2="乙镇"), ring)
    assert plan.created == 0
    for old, new in ((0, 1), (1, 2), (2, 0)):
        assert index.holder(f"43068210{old}", BEFORE) == index.holder(f"43068210{new}", AFTER)


def test_a_succession_learnt_of_after_both_lists_joins_the_regions_by_an_edge():
    held, _ = applied(EMPTY, world(0))
    held, _ = applied(held, world(1, n1="甲镇"))
    index, plan = applied(held, [], [became("recode", 0, 1)])
    assert plan.created == 0
    old, new = index.holder("430682100", BEFORE), index.holder("430682101", AFTER)
    assert old != new
    assert [(edge.old_id, edge.new_id) for edge in index.successions] == [(old, new)]
    assert index.holder("430682100", AFTER) is None


def test_a_list_and_a_succession_dated_a_day_apart_still_meet():
    rows = [
        *world(),
        RegionRow("430682100", "甲镇", "township", "430682", None, date(2023, 6, 28), line=8),
        RegionRow("430682101", "甲镇", "township", "430682", date(2023, 7, 1), None, line=9),
    ]
    index, _ = applied(EMPTY, rows, [became("recode", 0, 1)])
    region = index.holder("430682100", BEFORE)
    assert index.holder("430682101", AFTER) == region
    for day in (date(2023, 6, 27), date(2023, 6, 29), date(2023, 6, 30), date(2023, 7, 2)):
        assert index.exists(region, day)


def test_parents_may_stand_anywhere_in_the_file_and_a_changed_parent_is_a_correction():
    rows = list(reversed(world(0)))
    index, _ = applied(EMPTY, rows)
    other = [*rows, RegionRow("430681", "汨罗市", "county", "4306", line=20)]
    moved = [row._replace(parent="430681") if row.code == "430682100" else row for row in other]
    index, plan = applied(index, moved)
    assert index.state(index.holder("430682100", AFTER), BEFORE).parent_id == index.holder("430681", AFTER)
    assert (plan.created, plan.changed) == (1, 1)


def test_a_corrected_share_or_document_replaces_the_edge():
    held, _ = applied(EMPTY, world(0))
    held, _ = applied(held, world(1, 2), [became("split", 0, 1), became("split", 0, 2, line=3)])
    index, plan = applied(held, [], [became("split", 0, 1, Fraction(2, 5))])
    assert len(plan.supersede_successions) == len(plan.add_successions) == 1
    assert sorted(str(edge.share) for edge in index.successions) == ["2/5", "None"]


def test_nothing_is_ever_taken_away():
    held, _ = applied(EMPTY, world(0, 1, 2))
    plan = plan_regions(held, world(0), [])
    assert plan.empty


# -- faults --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rows", "edges", "place", "words"),
    [
        ([*world(0), RegionRow("430682100", "重复镇", "township", "430682", line=9)], [], "第 9 行", "重复"),
        ([*world(), RegionRow("430699101", "无主镇", "township", "430699", line=9)], [], "第 9 行", "上级“430699”"),
        (
            [*world(), RegionRow("430682100", "甲镇", "township", "430682", None, date(2023, 12, 31), line=8), RegionRow("430682100", "乙镇", "township", "430682", date(2023, 1, 1), None, line=9)],
            [], "第 9 行", "重叠",
        ),
        (world(0), [became("recode", 5, 0)], "第 2 行", "不知道 2023-06-30 之前的“430682105”"),
        (world(0), [became("recode", 0, 5)], "第 2 行", "不知道 2023-06-30 起的“430682105”"),
        (world(0, 1, 2), [became("split", 0, 1, Fraction(3, 5)), became("split", 0, 2, Fraction(3, 5), line=3)], "第 3 行", "超过 1"),
        (world(0, 1, 2), [became("recode", 0, 1), became("recode", 0, 2, line=3)], "第 3 行", "carried twice"),
        (world(0, 1, 2), [became("convert", 0, 2), became("convert", 1, 2, line=3)], "第 3 行", "carried twice"),
        (world(0, 1), [became("recode", 0, 1), became("recode", 0, 1, line=3)], "第 3 行", "twice"),
        (world(0, 1), [became("recode", 0, 1, Fraction(1, 2))], "第 2 行", "takes no share"),
        (world(0), [became("recode", 0, 0)], "第 2 行", "改码须换代码"),
        (world(0), [became("rename", 0, 0)], "第 2 行", "之前"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_line(rows, edges, place, words):
    faults = plan_regions(EMPTY, rows, edges).faults
    assert [fault.place for fault in faults if words in fault.message] == [place], faults


def test_faults_of_both_files_are_reported_together():
    faults = plan_regions(
        EMPTY, [*world(0), RegionRow("430699101", "无主镇", "township", "430699", line=9)], [became("recode", 5, 4)]
    ).faults
    assert {fault.file for fault in faults} == {"regions.csv", "successions.csv"}


@given(st.permutations(range(6)), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_permutation_of_codes_carries_every_region_to_its_new_code(order, in_one_folder):
    old = world(*range(6))
    new = world(*range(6), **{f"n{order[n]}": TOWNSHIPS[f"43068210{n}"] for n in range(6)})
    edges = [became("recode", n, order[n], line=n + 2) for n in range(6) if order[n] != n]
    if in_one_folder:
        touched = {row.code for row in old[3:] if order[int(row.code[-1])] != int(row.code[-1])}
        rows = [row._replace(valid_to=CHANGE - timedelta(days=1)) if row.code in touched else row for row in old]
        rows += [row._replace(valid_from=CHANGE, line=row.line + 100) for row in new if row.code in touched]
        index, _ = applied(EMPTY, rows, edges)
    else:
        held, _ = applied(EMPTY, old)
        index, plan = applied(held, new, edges)
        assert plan.created == 0
    for n in range(6):
        region = index.holder(f"43068210{n}", BEFORE)
        assert index.holder(f"43068210{order[n]}", AFTER) == region
        assert index.state(region, BEFORE).name == index.state(region, AFTER).name == TOWNSHIPS[f"43068210{n}"]


def test_the_plan_says_in_words_what_will_be_done():
    held, first = applied(EMPTY, world(0, 1))
    assert "+ 430682100 甲镇" in first.changes
    plan = plan_regions(held, world(0, 1, n0="新甲镇"), [became("rename", 0, 0)])
    text = "\n".join(plan.changes)
    assert "新甲镇，自 2023-06-30" in text
    assert "+ 2023-06-30 rename 430682100 → 430682100" in text


# -- the files -----------------------------------------------------------------------------------------------------
def test_every_faulty_line_of_a_list_is_named():
    text = """code,name,level,parent,valid_from,valid_to
43,湖南省,province,,,
4306,,prefecture,43,,
43068,临湘市,county,4306,,
4.30682E+11,某村,village,430682101,,
430682101,忠防镇,township,,,
430682102,聂市镇,town,430682,,
430682103,江南镇,township,430682101,,
430682104,五里镇,township,430682,2023-02-30,
430682105,桃林镇,township,430682,2024-01-01,2023-01-01
430682106,短
"""
    rows, faults = read_regions(text.encode())
    assert [row.code for row in rows] == ["43"]
    assert [fault.place for fault in faults] == [f"第 {line} 行" for line in range(3, 12)]
    assert "科学计数" in faults[2].message


@pytest.mark.parametrize(
    "header", ["code,name,level", "code,name,level,parent,colour", "code,name,level,parent,parent", ""]
)
def test_a_list_with_other_columns_is_refused(header):
    rows, faults = read_regions(f"{header}\n".encode())
    assert not rows
    assert faults[0].place == "第 1 行"


def test_every_faulty_succession_is_named():
    text = "date,kind,old_code,new_code,share\n2023-06-30,marry,1,430682101,\n,merge,430682101,430682102,1.5\n2023-06-30,split,430682101,430682102,0\n"
    rows, faults = read_successions(text.encode())
    assert not rows
    assert [fault.place for fault in faults] == ["第 2 行", "第 2 行", "第 3 行", "第 3 行", "第 4 行"]


def test_a_list_that_is_not_utf8_says_where():
    rows, faults = read_regions("code,name,level,parent\n43,湖南省,province,\n".encode("gb18030"))
    assert not rows
    assert "UTF-8" in faults[0].message
    assert faults[0].place == "第 2 行"


def test_a_list_without_dates_is_written_without_their_columns():
    index, _ = applied(EMPTY, listed(2021))
    assert next(csv.reader(io.StringIO(write_regions(index).decode()))) == ["code", "name", "level", "parent"]
    assert write_successions(index) is None
    assert stored(index).holder("43", AFTER) is None
