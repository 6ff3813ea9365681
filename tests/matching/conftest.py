import pytest

from app.matching import MatchIndex
from bench.labelled_forms import read_catalogue


@pytest.fixture(scope="session")
def index():
    return MatchIndex.build(read_catalogue())
