import pytest

from tests.house.reference import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_says_what_the_code_says(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "run `make reference`"
