"""What is told of an agreement beside its faults: codes that cover nothing because no region holds them today."""

from datetime import date

from app.catalogue.building import Definition
from app.catalogue.region_files import RegionRow
from app.services.agreement_checks import unheld_regions
from tests.mapping.test_reference import REGIONS

TODAY = date(2026, 1, 1)
# 二镇 was 4102 until it moved and became 4201; 4103 passed from 三镇 to 新镇.
BODY = {"code": "a", "regions": ["41", "4102", "4103", "4201", "4104"]}


def told(body, given=(), today=TODAY):
    found = unheld_regions(Definition("agreement", "a", body, "agreements/a.yaml"), REGIONS, given, today)
    return [(fault.file, fault.place) for fault in found]


def test_codes_that_no_region_holds_on_the_day_are_named_by_their_places():
    assert told(BODY) == [("agreements/a.yaml", "regions[1]"), ("agreements/a.yaml", "regions[4]")]
    assert told(BODY, today=date(2025, 1, 1)) == [("agreements/a.yaml", "regions[3]")]


def test_every_region_and_one_that_comes_in_the_same_folder_are_held():
    assert told({"code": "a", "regions": ["*"]}) == []
    coming = RegionRow("4104", "又一镇", "township", "41", date(2026, 1, 1))
    assert told(BODY, [coming]) == [("agreements/a.yaml", "regions[1]")]
    assert told(BODY, [coming._replace(valid_from=date(2026, 1, 2))])[-1] == ("agreements/a.yaml", "regions[4]")
