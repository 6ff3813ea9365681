"""The answers of the tour held against values worked out apart from the app."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import httpx

from app.client.connection import Json
from app.client.errors import Refused
from app.demo.expectations import Sample, hectares_in_mu, held_after, mu_per_person, persons_in_wan, rounded
from app.demo.preparing import NARROW_REGION, NARROW_VIEW, VIEW, Keys
from app.demo.tour import PERIOD, Doors, Walk

UNKNOWN_VIEW = "no-such-view"


@dataclass(frozen=True, slots=True)
class Check:
    """One answer: what it is about, what must come, what came."""

    title: str
    expected: object
    answered: object

    @property
    def holds(self) -> bool:
        return self.expected == self.answered


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything the checks ask with and compare against."""

    doors: Doors
    url: str
    keys: Keys
    samples: tuple[Sample, ...]
    seen: Walk

    def ask(self, path: str, key: str | None, **headers: str) -> httpx.Response:
        """One plain request, as curl would send it."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        return httpx.get(f"{self.url}{path}", headers=sent, timeout=10)


def every_check(examination: Examination) -> Iterator[Check]:
    """All checks, made one after the other; a refusal that was not expected is a check that fails."""
    for group in GROUPS:
        try:
            yield from group(examination)
        except (Refused, httpx.HTTPError, LookupError, ValueError) as error:
            yield Check(group.__name__.replace("_", " "), "an answer", f"{type(error).__name__}: {error}")


def numbers(rows: Sequence[Json], key: str, name: str) -> dict[str, Fraction | None]:
    """One column of an answer, by region."""
    return {row[key]: None if row[name] is None else Fraction(row[name]) for row in rows}


def uploads(of: Examination) -> Iterator[Check]:
    must = {sample.file for sample in of.samples if sample.applied}
    statuses = {file: answer["status"] for file, answer in of.seen.applied.items()}
    yield Check("四份表格入库 / four workbooks are applied", dict.fromkeys(must, "applied"), statuses)
    for sample in (one for one in of.samples if not one.applied):
        refusal = of.seen.rejected.get(sample.file)
        cells = {finding.get("cell") for finding in refusal.findings} if refusal else set()
        missing = sorted(sample.faulty_cells - cells)
        yield Check("有错的表格逐格指出 / the faulty one is refused, cell by cell", [], missing)
        untouched = of.seen.held_before_rejection == of.seen.held_after_rejection != []
        yield Check("被拒的表格什么也没存 / a refused workbook stores nothing", True, untouched)


def canonical_records(of: Examination) -> Iterator[Check]:
    for dataset in dict.fromkeys(sample.dataset for sample in of.samples):
        with of.doors(of.keys.clerk) as clerk:
            places = {element["code"]: element.get("decimals") or 0 for element in clerk.dataset(dataset)["elements"]}
            records = {record["region"]: record for record in clerk.records(dataset, period=PERIOD)}
        expected = held_after(of.samples, dataset)
        wanted = {
            region: {code: None if value is None else rounded(value, places[code]) for code, value in values.items()}
            for region, values in expected.items()
        }
        answered = {
            region: {code: None if record[code] is None else Fraction(record[code]) for code in expected[region]}
            for region, record in records.items()
            if region in expected
        }
        yield Check(f"{dataset}：规范单位的记录 / records in canonical units", wanted, answered)


def mapped_view(of: Examination) -> Iterator[Check]:
    people, land = held_after(of.samples, "population"), held_after(of.samples, "land")
    persons = {region: values["resident_population"] or Fraction(0) for region, values in people.items()}
    hectares = {region: values["cultivated_land_area"] or Fraction(0) for region, values in land.items()}
    rows = of.seen.rows
    yield Check("视图行按区划代码排列 / rows in region order", sorted(persons), [row["xzqhdm"] for row in rows])
    wan = {region: persons_in_wan(value) for region, value in persons.items()}
    yield Check("常住人口（万人） / persons in 万人", wan, numbers(rows, "xzqhdm", "czrk_w"))
    mu = {region: hectares_in_mu(value) for region, value in hectares.items()}
    yield Check("耕地面积（亩） / farmland in 亩", mu, numbers(rows, "xzqhdm", "gdmj_mu"))
    per_person = {region: mu_per_person(hectares[region], persons[region]) for region in persons}
    yield Check("人均耕地 / farmland for each person", per_person, numbers(rows, "xzqhdm", "rjgd"))
    bound = Fraction(3, 2)
    with of.doors(of.keys.department) as department:
        question = {"period": PERIOD, "fields": ["xzqhdm", "czrk_w"], "filter": f"czrk_w:gt:{float(bound)}"}
        found = list(department.rows(VIEW, sort="-czrk_w", **question))
    chosen = sorted((region for region in wan if wan[region] > bound), key=lambda region: -wan[region])
    yield Check("筛选与排序 / filter and sort", chosen, [row["xzqhdm"] for row in found])


def formats(of: Examination) -> Iterator[Check]:
    with of.doors(of.keys.department) as department:
        table = department.pull(VIEW, format="csv", period=PERIOD).decode("utf-8-sig")
        lines = department.pull(VIEW, format="ndjson", period=PERIOD).splitlines()
    written = [
        {
            name: "" if value is None else (value if isinstance(value, str) else Fraction(value))
            for name, value in row.items()
        }
        for row in of.seen.rows
    ]
    read = [
        {name: Fraction(text) if text and isinstance(model[name], Fraction) else text for name, text in row.items()}
        for row, model in zip(csv.DictReader(io.StringIO(table, newline="")), written, strict=True)
    ]
    yield Check("CSV 与 JSON 一致 / CSV says the same as JSON", written, read)
    same = [json.loads(line) for line in lines] == json.loads(json.dumps(of.seen.rows, default=float))
    yield Check("NDJSON 与 JSON 一致 / NDJSON says the same as JSON", True, same)


def unchanged_answers(of: Examination) -> Iterator[Check]:
    path = f"/v1/views/{VIEW}/records?period={PERIOD}"
    tag = of.ask(path, of.keys.department).headers.get("ETag", "")
    first = of.samples[0]
    with of.doors(of.keys.clerk) as clerk:
        again = clerk.upload((first.file, first.content()), dataset=first.dataset, period=first.period)
    rows = len(first.figures)
    counts = {name: again["counts"][name] for name in ("new", "changed", "unchanged")}
    yield Check(
        "重复上传不改变什么 / a second upload changes nothing", {"new": 0, "changed": 0, "unchanged": rows}, counts
    )
    status = of.ask(path, of.keys.department, If_None_Match=tag).status_code
    yield Check("未变则 304 / not modified", ("strong", 304), ("strong" if tag.startswith('"') else tag, status))


def hidden_things(of: Examination) -> Iterator[Check]:
    """Unknown and hidden are the same answer."""

    def problem(path: str, key: str, name: str) -> tuple[int, Any]:
        response = of.ask(path.format(name), key)
        body = json.loads(response.text.replace(name, "…"))
        return response.status_code, {part: body.get(part) for part in ("type", "title", "status", "detail", "code")}

    records = "/v1/views/{}/records"
    unknown, foreign = (problem(records, of.keys.elsewhere, name) for name in (UNKNOWN_VIEW, VIEW))
    yield Check("别人的视图如同不存在 / another's view is as one that is not there", (404, unknown[1]), foreign)

    with of.doors(of.keys.narrow) as visitor:
        rows = list(visitor.rows(NARROW_VIEW, period=PERIOD))
        schema = visitor.schema(NARROW_VIEW)
    people = held_after(of.samples, "population")
    only = [{"code": NARROW_REGION, "people": people[NARROW_REGION]["resident_population"]}]
    yield Check("只见协议覆盖的格 / only covered cells are seen", only, rows)
    yield Check("模式里也没有 / nor in the schema", False, "farmland" in json.dumps(schema, default=str))
    asked = f"/v1/views/{NARROW_VIEW}/records?fields={{}}"
    no_such, covered_not = (problem(asked, of.keys.narrow, name) for name in ("nonesuch", "farmland"))
    yield Check("隐藏的字段如同不存在 / a hidden field is as one that is not there", (400, no_such[1]), covered_not)


def ended_access(of: Examination) -> Iterator[Check]:
    path = f"/v1/views/{VIEW}/records?period={PERIOD}"
    yield Check("没有密钥不应答 / no key, no answer", 401, of.ask(path, None).status_code)
    before = of.ask(path, of.keys.passing)
    with of.doors(of.keys.admin) as administrator:
        administrator.admin.revoke_credential(of.keys.passing_id)
    after = of.ask(path, of.keys.passing, If_None_Match=before.headers.get("ETag", ""))
    statuses = (before.status_code, after.status_code)
    yield Check("撤销立即生效 / a revoked key stops at once", (200, 401), statuses)


GROUPS: tuple[Callable[[Examination], Iterator[Check]], ...] = (
    uploads,
    canonical_records,
    mapped_view,
    formats,
    unchanged_answers,
    hidden_things,
    ended_access,
)
