"""A clerk need not say which dataset a workbook is of, when its headings do."""

from __future__ import annotations

import pytest

from tests.fixtures.house import ROOT, House

SAMPLES = ROOT / "app" / "demo" / "data"


@pytest.mark.parametrize(
    ("sample", "dataset"), [("01", "population"), ("02", "land"), ("03", "population"), ("05", "population")]
)
def test_the_sample_workbooks_are_recognised_by_their_headings(house: House, sample: str, dataset: str) -> None:
    (file,) = SAMPLES.glob(f"{sample}-*")
    clerk = house.client(region="430682")
    answer = clerk.post("/v1/submissions", files={"file": (file.name, file.read_bytes())}, data={"period": "2025"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["dataset"] == dataset


def test_a_filled_template_says_itself_what_it_is(house: House) -> None:
    clerk = house.client(region="430682")
    template = clerk.get("/v1/datasets/land/template", params={"period": "2025"}).content
    answer = clerk.post("/v1/submissions", files={"file": ("a.xlsx", template)})
    assert answer.json()["findings"][0]["code"] != "dataset_not_recognised", answer.text


def test_what_no_heading_tells_is_asked_for(house: House) -> None:
    clerk = house.client(region="430682")
    answer = clerk.post("/v1/submissions", files={"file": ("a.csv", "行政区划代码,颜色\n430682001,红\n".encode())})
    assert answer.status_code == 422
    assert answer.json()["findings"][0]["code"] == "dataset_not_recognised"
