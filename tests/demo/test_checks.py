"""A check that cannot fail is no check: each of these is given something wrong and must say so."""

from app.client.errors import Rejected
from app.demo import checks
from app.demo.checks import Check, Examination, every_check
from app.demo.expectations import read_samples
from app.demo.preparing import Keys
from app.demo.tour import Walk

SAMPLES = read_samples()
FAULTY = next(sample for sample in SAMPLES if not sample.applied)


def right_walk():
    seen = Walk()
    seen.applied = {sample.file: {"status": "applied"} for sample in SAMPLES if sample.applied}
    seen.rejected = {FAULTY.file: Rejected(422, {"findings": [{"cell": cell} for cell in FAULTY.faulty_cells]})}
    seen.held_before_rejection = seen.held_after_rejection = [{"region": "430682001"}]
    return seen


def outcome(seen):
    keys = Keys(*["key"] * 7)
    return [check.holds for check in checks.uploads(Examination(lambda _: None, "http://unused", keys, SAMPLES, seen))]


def test_the_right_answers_hold():
    assert outcome(right_walk()) == [True, True, True]


def test_a_workbook_that_was_not_applied_is_noticed():
    seen = right_walk()
    seen.applied.popitem()
    assert outcome(seen) == [False, True, True]


def test_a_fault_that_was_not_told_is_noticed():
    seen = right_walk()
    seen.rejected[FAULTY.file].findings = seen.rejected[FAULTY.file].findings[1:]
    assert outcome(seen) == [True, False, True]


def test_a_workbook_that_should_have_been_refused_is_noticed():
    seen = right_walk()
    seen.rejected.clear()
    assert outcome(seen) == [True, False, True]


def test_something_stored_of_a_refused_workbook_is_noticed():
    seen = right_walk()
    seen.held_after_rejection = [*seen.held_before_rejection, {"region": "430682003"}]
    assert outcome(seen) == [True, True, False]


def test_checks_that_break_off_fail_instead_of_passing(monkeypatch):
    def broken(_):
        yield Check("before", 1, 1)
        raise LookupError("xzqhdm")

    monkeypatch.setattr(checks, "GROUPS", (broken,))
    made = list(every_check(Examination(None, "", None, SAMPLES, Walk())))
    assert [check.holds for check in made] == [True, False]
    assert "xzqhdm" in str(made[1].answered)
