import json
from dataclasses import dataclass

from hypothesis import given, settings
from jsonschema_rs import Draft202012Validator, meta

from app.formats.json_schema import json_schema
from app.formats.writing import json_records
from tests.formats.frames import FIELDS, frame_of, records_of


@dataclass
class View:
    code: str = "ecology-rural"
    title: str = "农村生态环境考核指标"


def test_the_schema_names_every_field_with_its_title_and_unit():
    schema = json_schema(FIELDS, View())
    meta.validate(schema)
    assert list(schema["properties"]) == [field.name for field in FIELDS]
    assert schema["title"] == "农村生态环境考核指标"
    assert schema["properties"]["czrk_w"] == {
        "title": "常住人口",
        "type": ["number", "null"],
        "x-decimals": 4,
        "x-unit": "万人",
    }
    assert schema["properties"]["hs"]["type"] == ["integer", "null"]
    assert schema["properties"]["rq"] == {"title": "日期", "type": ["string", "null"], "format": "date"}


@given(records_of(most=5))
@settings(max_examples=30)
def test_every_record_written_is_valid(records):
    validator = Draft202012Validator(json_schema(FIELDS, View()))
    for record in json.loads(json_records(FIELDS, frame_of(records))):
        validator.validate(record)


def test_a_record_with_a_field_more_or_less_is_not_valid():
    validator = Draft202012Validator(json_schema(FIELDS, View()))
    empty = dict.fromkeys(field.name for field in FIELDS)
    assert validator.is_valid(empty)
    assert not validator.is_valid({**empty, "hidden": 1})
    assert not validator.is_valid(dict.fromkeys(list(empty)[1:]))
    assert not validator.is_valid({**empty, "hs": 1.5})
