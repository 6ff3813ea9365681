from fractions import Fraction

from app.demo.expectations import (
    Sample,
    hectares_in_mu,
    held_after,
    mu_per_person,
    persons_in_wan,
    read_samples,
    rounded,
)


def sample(file, applied, **figures):
    return Sample(
        file, "land", "2025", applied, {region: dict(values) for region, values in figures.items()}, frozenset()
    )


def test_every_sample_comes_with_the_product_and_says_what_must_become_of_it():
    samples = read_samples()
    assert len(samples) == 5
    assert [one.file[:2] for one in samples] == ["01", "02", "03", "04", "05"]
    assert all(one.content() for one in samples)
    assert [one.applied for one in samples] == [True, True, True, False, True]
    assert all(bool(one.figures) == one.applied and bool(one.faulty_cells) != one.applied for one in samples)


def test_fractions_of_the_list_are_exact():
    land = next(one for one in read_samples() if one.dataset == "land")
    assert land.figures["430682003"]["cultivated_land_area"] == Fraction(16215, 15)
    assert land.figures["430682005"]["paddy_area"] is None


def test_a_later_file_replaces_only_the_elements_it_has():
    first = sample("1", True, a={"x": Fraction(1), "y": Fraction(2)})
    refused = sample("2", False, a={"x": Fraction(9)})
    later = sample("3", True, a={"y": Fraction(3)}, b={"x": Fraction(4)})
    assert held_after((first, refused, later), "land") == {
        "a": {"x": Fraction(1), "y": Fraction(3)},
        "b": {"x": Fraction(4)},
    }


def test_rounding_is_half_up():
    assert rounded(Fraction("0.12345"), 4) == Fraction("0.1235")
    assert rounded(Fraction("2.5"), 0) == 3
    assert rounded(Fraction(2, 3), 2) == Fraction("0.67")


def test_units_are_converted_as_on_paper():
    assert persons_in_wan(Fraction(10924)) == Fraction("1.0924")
    assert hectares_in_mu(Fraction(16215, 15)) == 16215
    assert mu_per_person(Fraction(1000), Fraction(8000)) == Fraction("1.875")
