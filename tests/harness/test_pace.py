"""What is said of a run while it is made: for the whole of it, not for its stages."""

import pytest

from bench_pipeline.harness.pace import Pace, told
from bench_pipeline.records.cell import Failure
from tests.factories import measured_run


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_each_part_tells_how_many_there_are_and_how_long_the_rest_takes(clock: Clock) -> None:
    pace = Pace([10, 10, 40], clock=clock)
    clock.now += 20
    assert pace.after("chat", 10) == "chat (1 of 3, about 100 s left)".replace("100 s", "2 min")
    clock.now += 20
    assert pace.after("rag", 10) == "rag (2 of 3, about 80 s left)"
    clock.now += 80
    assert pace.after("agent", 40) == "agent (3 of 3)"


def test_a_climb_says_that_it_may_end_before(clock: Clock) -> None:
    pace = Pace([1] * 300, at_most=True, clock=clock)
    clock.now += 60
    assert pace.after("chat", 1) == "chat (1 of at most 300, about 5.0 h left)"


def test_a_cell_is_told_with_its_speed_or_its_failure() -> None:
    alone, four = measured_run(workloads=["chat"], decode_tok_s=115.0).cells
    assert told(alone).startswith("chat, 1 stream: 11")
    assert told(alone).endswith(" tok/s")
    assert told(four).endswith(" tok/s each")
    failed = alone.model_copy(update={"failure": Failure(kind="hang", message="nothing came")})
    assert told(failed) == "chat, 1 stream: failed (hang)"
