"""Ten thousand questions to pairs of registries that differ only in what a department may not see: byte for byte alike.

A request is one question put to both worlds, counted once. Each part is one pair of worlds on one kind of database:
every operation of the OpenAPI document with each of its parameters, then questions composed by chance, with more
hidden happenings in between. ``TOWNSHIP_TWO_WORLDS`` multiplies the number of parts; beyond one, other worlds each run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fixtures.databases import Kind
from tests.fixtures.twin_worlds import Asked, Twin, Twins
from tests.fixtures.world_happenings import directed, hide
from tests.fixtures.world_requests import Asking
from tests.fixtures.worlds import BEGIN, Story, tell, world
from tests.stories.test_two_refined_worlds import STORIES as REFINED_STORIES
from tests.stories.test_two_worlds import STORIES, TIMES, NewUrl, uncovered_but_shown

QUESTIONS = 2_500
PARTS: list[tuple[Kind, int]] = [
    (kind, number) for number in range(TIMES) for kind in ("sqlite", "sqlite", "postgresql", "postgresql")
]
LEAST = 10_000  # of the normal run
# Nobody but an administrator or an auditor gets an answer there.
OF_OTHERS = ("/v1/admin/", "/v1/audit/")
# These need another role, or a submission that waits for its second person; the department's own do not.
REFUSED = {
    "POST /v1/submissions/{submission}/withdraw",
    "POST /v1/submissions/{submission}/confirm",
    "POST /v1/submissions/{submission}/refuse",
    "GET /v1/transparency",
}


@contextmanager
def twins(new_url: NewUrl, kind: Kind, tmp: pytest.TempPathFactory, story: Story) -> Iterator[Twins]:
    """Both worlds as they are after a round of reports with all that can be hidden before and after it."""
    with ExitStack() as stack:
        made = []
        for hidden in (1, 2):
            place = stack.enter_context(world(new_url(kind), tmp.mktemp("world")))
            key = directed(place, story, hidden)
            second = place.key("ecology too", "department", "f" * 16, department="ecology")
            made.append(Twin(place, (key, second)))
        yield Twins(made[0], made[1])


def live_on(pair: Twins, story: Story, number: int) -> None:
    """Another day in both worlds: what is hidden goes its own way in each, what is seen is the same."""
    for place, hidden in zip(pair.each(), (1, 2), strict=True):
        other = random.Random(f"day {number} {hidden}")
        place.now = BEGIN + timedelta(days=number)
        hide(place, story, other)
        place.now = BEGIN + timedelta(days=number, hours=6)
        tell(place, story, number, other)
        hide(place, story, other)
        place.now = BEGIN + timedelta(days=number, hours=12)


def question(pair: Twins, story: Story, number: int, questions: int) -> None:
    """Put at least so many questions to both worlds."""
    place = pair.one.place
    asking = Asking(place.http.app.openapi(), story.seed + number, pair.one.keys[0])  # type: ignore[attr-defined]
    shown: list[str] = []

    def put(asked: Asked) -> None:
        told = pair.ask(asked)
        asking.remember(asked, told)
        assert told.status < 500, f"{asked}: {told}"
        assert len(pair.differing) < 3, "\n".join(pair.differing)
        if asked.operation == "GET /v1/views/{view}/records" and told.status == 200:
            shown.extend(uncovered_but_shown(story, [(asked.path, told.status, told.headers, told.body)]))

    for asked in asking.each_operation():
        put(asked)
    for day in (1, 2, 3):
        left = (questions - pair.asked) // (4 - day)
        for asked in (*asking.writes(left // 12),):
            put(asked)
        for asked in asking.usual():
            put(asked)
        for asked in asking.reads(left - left // 10):
            put(asked)
        live_on(pair, story, day)
    for asked in asking.writes(1):
        put(asked)
    while pair.asked < questions:
        for asked in asking.reads(1):
            put(asked)
    assert not pair.differing, "\n".join(pair.differing)
    assert not shown


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "part"), [(kind, part) for part, (kind, _) in enumerate(PARTS)])
def test_what_a_department_may_not_see_changes_no_byte_of_thousands_of_answers(
    new_url: NewUrl, tmp_path_factory: pytest.TempPathFactory, kind: Kind, part: int
) -> None:
    drawn: list[Story] = []

    @seed(part if TIMES == 1 else random.SystemRandom().randrange(2**32))
    @settings(
        max_examples=2, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(st.one_of(REFINED_STORIES) if part % 2 else STORIES)
    def draw(story: Story) -> None:
        drawn.append(story)

    draw()  # the first that is drawn is always the simplest there is
    with twins(new_url, kind, tmp_path_factory, drawn[-1]) as pair:
        question(pair, drawn[-1], part, QUESTIONS)
        counted, operations = pair.counted, set(pair.one.place.http.app.openapi()["paths"])  # type: ignore[attr-defined]
    print(f"two worlds: {pair.asked} requests on {kind}, statuses {statuses(pair)}")
    assert pair.asked >= QUESTIONS
    answered = {operation for operation, status in counted if status < 400}
    asked = {operation for operation, _ in counted}
    assert {operation.partition(" ")[2] for operation in asked} == operations
    if TIMES > 1:  # a world drawn anew may have no agreement in force, or no form, that could be answered
        return
    unanswered = {each for each in asked - answered if not each.partition(" ")[2].startswith(OF_OTHERS)}
    assert unanswered <= REFUSED, f"never answered: {sorted(unanswered - REFUSED)}"


def statuses(pair: Twins) -> dict[int, int]:
    found: dict[int, int] = {}
    for (_, status), times in pair.counted.items():
        found[status] = found.get(status, 0) + times
    return dict(sorted(found.items()))


def test_the_normal_run_is_of_ten_thousand_requests() -> None:
    assert len(PARTS) * QUESTIONS >= LEAST * TIMES
