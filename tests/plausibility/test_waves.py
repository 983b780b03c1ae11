"""What a wave can hold follows from its streams' gaps, however unevenly the tokens came."""

from dataclasses import replace
from random import Random

import pytest

from bench_pipeline.harness.client.waves import as_requests, as_wave
from bench_pipeline.plausibility.requests import waves_follow
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Run
from tests.factories import measured_run
from tests.harness.client.test_counts import GOOD

RUN = measured_run(workloads=["chat"])


def wave_of(streams: list[list[float]]) -> tuple[Run, Cell]:
    """A cell of one wave whose streams' tokens came at these seconds."""
    made = [replace(GOOD, token_times=times, ended_at=times[-1] + 0.01) for times in streams]
    requests = as_requests(made, 0, 0.0)
    cell = RUN.cells[0].model_copy(
        update={"concurrency": len(made), "requests": requests, "waves": [as_wave(made, 0)]}
    )
    return RUN, cell


def steadily(first_s: float, tokens: int, gap_s: float) -> list[float]:
    return [first_s + gap_s * n for n in range(tokens)]


def stalled() -> list[list[float]]:
    """Two streams whose prompts were read first wait, twice, while the others' are read."""
    early = [12.4, *steadily(21.9, 1, 0), *steadily(27.9, 62, 0.0875)]
    return [early, [at + 0.0003 for at in early], *[steadily(27.9, 64, 0.0878)] * 2]


def test_streams_that_waited_for_others_prompts_and_caught_up_are_not_doubted() -> None:
    run, cell = wave_of(stalled())
    assert cell.waves[0].all_busy_tokens > 240
    assert waves_follow(run, cell) is None


def test_no_streams_of_whatever_gaps_are_doubted() -> None:
    def tokens(random: Random) -> list[float]:
        at, times = random.uniform(0.1, 5), []
        for _ in range(random.randint(2, 80)):
            times.append(at)
            at += random.choice([0.0, 0.02, random.uniform(0, 0.2), random.expovariate(1)])
        return times

    for seed in range(200):
        random = Random(seed)
        streams = [tokens(random) for _ in range(random.randint(1, 8))]
        assert waves_follow(*wave_of(streams)) is None, seed


@pytest.mark.parametrize(
    "streams",
    [
        [steadily(0.1, 64, 0.05), steadily(0.1, 64, 0.05)],
        [steadily(0.1, 64, 0.05), steadily(2.5, 64, 0.05)],
        stalled(),
    ],
)
def test_one_token_in_ten_more_than_came_is_doubted(streams: list[list[float]]) -> None:
    run, cell = wave_of(streams)
    wave = cell.waves[0]
    more = wave.model_copy(update={"all_busy_tokens": round(wave.all_busy_tokens * 1.1)})
    assert waves_follow(run, cell.model_copy(update={"waves": [more]}))
