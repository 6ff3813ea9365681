"""The folder as the app reads it: no fault anywhere, and views, checks and agreements that mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest

from app.catalogue.folder import Definition, build_catalogue, read_folder
from app.catalogue.model import Catalogue
from app.mapping.compile import compile_view
from app.mapping.plan import Plan
from app.mapping.rules import Rule, compile_rule
from app.mapping.spec import parse_view
from app.policy.agreement_documents import parse_agreement
from app.policy.agreements import Agreement, check_agreement


@dataclass(frozen=True)
class Read:
    """What the app makes of the folder; the fixture has seen to it that there are no faults."""

    definitions: list[Definition]
    catalogue: Catalogue
    regions: frozenset[str]
    plans: dict[str, Plan]
    agreements: dict[str, Agreement]

    def rule(self, path: str) -> Rule:
        """The compiled check ``dataset.check``."""
        code, _, name = path.partition(".")
        dataset = self.catalogue.datasets[code]
        text = next(check.rule for check in dataset.checks if check.code == name)
        rule, faults = compile_rule(text, dataset, self.catalogue)
        assert rule is not None, faults
        return rule


@pytest.fixture(scope="module")
def read(files) -> Read:
    folder = read_folder(files)
    catalogue, faults = build_catalogue(folder.definitions)
    found = [*folder.faults, *faults]
    regions = frozenset(row.code for row in folder.regions)
    plans, agreements = {}, {}
    for definition in folder.definitions:
        if definition.kind == "view":
            spec, own = parse_view(definition.body, definition.file)
            found += own
            plan, own = compile_view(spec, catalogue, definition.file) if spec is not None else (None, [])
            found += own
            if plan is not None:
                plans[definition.code] = plan
        elif definition.kind == "agreement":
            agreement, own = parse_agreement(definition.body, definition.file)
            found += own
            if agreement is not None:
                found += check_agreement(agreement, catalogue, regions, definition.file)
                agreements[definition.code] = agreement
    for dataset in catalogue.datasets.values():
        for check in dataset.checks:
            found += compile_rule(check.rule, dataset, catalogue, f"datasets/{dataset.code}.yaml", check.code)[1]
    assert [str(fault) for fault in found] == []
    return Read(folder.definitions, catalogue, regions, plans, agreements)


def test_the_whole_folder_is_without_fault(read, plain):
    assert read.catalogue.datasets.keys() == plain.datasets.keys()
    assert read.catalogue.codelists.keys() == plain.codelists.keys()
    assert read.plans.keys() == plain.views.keys()
    assert read.agreements.keys() == plain.agreements.keys()


def test_only_the_yearbook_rounds_away_digits_on_purpose(read):
    warned = {code: [w.place for w in plan.warnings] for code, plan in read.plans.items() if plan.warnings}
    assert warned == {"statistics-yearbook": ["fields[9] (czrk_w)", "fields[10] (hjrk_w)", "fields[11] (xchs_w)"]}


def test_every_view_has_rows_at_its_grain_and_reads_nothing_closed(read):
    for code, plan in read.plans.items():
        assert plan.elements, code
        assert all(plan.element(path).sharing != "closed" for path in plan.elements), code


def test_a_departments_agreements_open_all_that_its_plans_read(read):
    for code, plan in read.plans.items():
        mine = [a for a in read.agreements.values() if a.department == plan.spec.department]
        opened = frozenset().union(*(agreement.covered_elements(read.catalogue) for agreement in mine))
        assert plan.elements <= opened, code


@pytest.mark.parametrize(
    ("view", "field", "kind", "unit", "decimals"),
    [
        ("ecology-rural", "xzqhdm", "text", None, 0),
        ("ecology-rural", "nd", "text", None, 0),
        ("ecology-rural", "czrk_w", "number", "万人", 4),
        ("ecology-rural", "gdmj_mu", "number", "亩", 1),
        ("ecology-rural", "sfxz", "text", None, 0),
        ("ecology-rural", "rjgd", "number", None, 3),
        ("ecology-rural", "ly", "text", None, 0),
        ("agriculture-production", "lscl_wgj", "number", "万公斤", 2),
        ("finance-monthly", "ybggyssr_y", "number", "元", 0),
        ("statistics-county", "gdmj_qgq", "number", "千公顷", 4),
        ("hotline-score", "zb", "text", None, 0),
        ("emergency-geo-hazards", "fxsj", "date", None, 0),
    ],
)
def test_a_field_is_of_the_kind_its_department_expects(read, view, field, kind, unit, decimals):
    output = next(each.output for each in read.plans[view].fields if each.name == field)
    assert (output.kind, output.decimals) == (kind, decimals)
    assert unit is None or output.unit == unit


def test_the_two_lists_keep_their_key_in_the_row(read):
    assert {code: plan.key for code, plan in read.plans.items() if plan.key} == {
        "emergency-disasters": ("disaster_id",),
        "emergency-geo-hazards": ("hazard_id",),
    }


@pytest.mark.parametrize(
    ("rule", "values", "holds"),
    [
        ("population.sex_sum", {"population_male": 4100, "population_female": 3900, "resident_population": 8000}, True),
        ("population.sex_sum", {"population_male": 400, "population_female": 500, "resident_population": 1000}, False),
        ("population.sex_sum", {"population_male": 400, "resident_population": 1000}, None),
        ("population.age_sum", {"population_0_14": 2, "population_15_59": 5, "population_60_plus": 3, "resident_population": 10}, True),
        ("population.age_sum", {"population_0_14": 2, "population_15_59": 5, "population_60_plus": 3, "resident_population": 11}, False),
        ("population.elderly_80_within_65", {"population_80_plus": 5, "population_65_plus": 4, "population_60_plus": 9, "resident_population": 20}, False),
        ("population.elderly_80_within_65", {"population_80_plus": 5, "population_60_plus": 4, "resident_population": 20}, False),
        ("population.elderly_80_within_65", {"population_80_plus": 5}, None),
        ("population.household_size_is_plausible", {"registered_population": 81, "registered_households": 10}, False),
        ("population.household_size_is_plausible", {"registered_population": 81, "registered_households": 0}, None),
        ("land.parts_within_cultivated", {"paddy_area": 600, "dry_land_area": 400, "cultivated_land_area": 1000}, True),
        ("land.parts_within_cultivated", {"paddy_area": Fraction(20, 3), "dry_land_area": Fraction(20, 3), "cultivated_land_area": Fraction(133, 10)}, True),
        ("land.parts_within_cultivated", {"paddy_area": 601, "dry_land_area": 400, "cultivated_land_area": 1000}, False),
        ("land.parts_within_cultivated", {"dry_land_area": 523, "cultivated_land_area": 1243}, None),
        ("land.remainder_is_irrigated_land", {"paddy_area": 600, "dry_land_area": 300, "cultivated_land_area": 1000}, False),
        ("crop_production.grain_yield_is_plausible", {"grain_output": 6750, "grain_sown_area": 1000}, True),
        ("crop_production.grain_yield_is_plausible", {"grain_output": 67500, "grain_sown_area": 1000}, False),
        ("livestock.carcass_weight_is_plausible", {"pork_output": 100, "pig_slaughtered": 1000}, True),
        ("livestock.carcass_weight_is_plausible", {"pork_output": 100000, "pig_slaughtered": 1000}, False),
        ("livestock_manure.rate_follows_from_amounts", {"manure_utilized": 80, "manure_generated": 100, "manure_utilization_rate": Fraction(805, 10)}, True),
        ("livestock_manure.rate_follows_from_amounts", {"manure_utilized": 80, "manure_generated": 100, "manure_utilization_rate": 90}, False),
        ("civil_affairs.relief_amount_needs_relief", {"temp_relief_amount": 0, "temp_relief_times": 0}, True),
        ("civil_affairs.relief_amount_needs_relief", {"temp_relief_amount": 3, "temp_relief_times": 0}, False),
        ("civil_affairs.rural_dibao_households_have_people", {"rural_dibao_households": 11, "rural_dibao_persons": 10}, False),
        ("fiscal.parts_within_expenditure", {"expenditure_education": 1, "expenditure_health": 1, "expenditure_social_security": 1, "expenditure_agriculture": 1, "general_budget_expenditure": Fraction(37, 10)}, True),
        ("forestry.stock_needs_forest", {"forest_stock": 401, "forest_area": 1}, False),
    ],
)  # fmt: skip
def test_a_check_tells_what_adds_up_from_what_does_not(read, rule, values, holds):
    exact = {code: Fraction(value) for code, value in values.items()}
    assert read.rule(rule).holds(exact) is holds


def test_only_what_cannot_be_otherwise_is_an_error(read):
    errors = {(d.code, c.code) for d in read.catalogue.datasets.values() for c in d.checks if c.severity == "error"}
    assert ("population", "sex_sum") in errors
    assert ("population", "household_size_is_plausible") not in errors
    assert not any(code.endswith("_is_plausible") for _, code in errors)


def test_every_unit_can_be_turned_into_what_the_views_ask_for(read):
    units = read.catalogue.units
    assert units.factor("公顷", "亩") == 15
    assert units.factor("万人", "人") == 10_000
    assert units.factor("吨", "万公斤") == Fraction(1, 10)
    assert units.factor("立方米/日", "万立方米/日") == Fraction(1, 10_000)


def test_every_region_an_agreement_names_is_in_the_folder(read):
    assert {code for agreement in read.agreements.values() for code in agreement.regions} <= read.regions | {"*"}


def test_every_agreement_is_in_force_through_2026_and_covers_2024(read):
    for agreement in read.agreements.values():
        assert agreement.valid_from.isoformat() == "2026-01-01", agreement.code
        assert agreement.valid_until.isoformat() == "2027-12-31", agreement.code
        assert agreement.first is None or agreement.first.isoformat() <= "2024-01-01", agreement.code


def test_every_dataset_says_when_it_is_due_or_how_long_it_stays_fresh(read: Read) -> None:
    for code, dataset in read.catalogue.datasets.items():
        if dataset.frequency == "event":
            assert dataset.due is None, code
        elif dataset.frequency == "once":
            assert dataset.fresh_for is not None, code
        else:
            assert dataset.due is not None, code
