"""Whether what an agreement names and what a question names can meet in a cell: 二镇 (12) moved, 三镇 (13) merged into 15."""

from datetime import date

import pytest

from app.catalogue.regions import RegionIndex, Succession
from app.services.covered_places import meet, that_moved
from tests.mapping.test_reference import STATES

INDEX = RegionIndex(STATES, (Succession(date(2025, 5, 1), "merge", 13, 15),))
TODAY = date(2026, 1, 1)
EARLY, LATE = date(2025, 1, 31), date(2025, 12, 31)


@pytest.mark.parametrize(
    ("roots", "code", "days", "present", "expected"),
    [
        ({1}, "41", [EARLY], None, True),
        ({1}, "4101", [EARLY], None, True),
        ({11}, "41", [EARLY], None, True),
        ({11}, "4102", [EARLY], None, False),
        ({2}, "41", [EARLY], None, False),
        # 二镇 lay in 甲县 in January and lies in 乙县 now: its January stands there in a row of the year, or of today.
        ({1}, "42", [EARLY], None, False),
        ({1}, "42", [EARLY, LATE], None, True),
        ({1}, "42", [EARLY], TODAY, True),
        ({12}, "42", [EARLY], TODAY, True),
        # What 三镇 reported is 新镇's today, which has its code.
        ({13}, "4103", [EARLY], TODAY, True),
        ({13}, "4101", [EARLY], TODAY, False),
        ({2}, "4103", [EARLY], TODAY, False),
        # 西村 changed its township, and with it its county.
        ({1}, "4202", [EARLY], TODAY, True),
        ({111}, "4202", [EARLY], TODAY, False),
        ({112}, "42", [EARLY, LATE], None, True),
        ({11}, "4202", [EARLY, LATE], None, True),
        ({11}, "4201", [EARLY, LATE], None, False),
        ({1}, "99", [EARLY, LATE], TODAY, False),
    ],
)
def test_an_agreement_and_a_question_meet_where_a_place_brings_cells_of_one_to_the_other(
    roots, code, days, present, expected
):
    assert meet(roots, [code], INDEX, days, present, that_moved(INDEX, present)) is expected


def test_only_places_that_lay_elsewhere_or_were_handed_on_bring_anything():
    assert that_moved(INDEX, None) == {12, 112}
    assert that_moved(INDEX, TODAY) == {12, 13, 112}
    assert that_moved(INDEX, date(2025, 4, 30)) == {12, 112}
