"""A server that keeps prompts and says nothing of it gives itself away by its time."""

from collections.abc import Iterator

import pytest

from bench_pipeline.engines.dialects.protocol import Messages
from bench_pipeline.engines.dialects.transformers import DIALECT as TRANSFORMERS
from bench_pipeline.harness.client.probe import least_cold_ms, probe
from bench_pipeline.harness.client.verdict import Judging
from bench_pipeline.records.server import CacheProbe
from tests.harness.client.replayed import ASKED, ended, finish, read, usage, words


def prompts() -> Iterator[Messages]:
    number = 0
    while True:
        number += 1
        yield [{"role": "user", "content": f"{number:08} What is a river?"}]


class Answering:
    """Milliseconds of fresh prompts, each in turn, and of prompts that it knows already."""

    def __init__(self, fresh: list[float], again: list[float]) -> None:
        self._times = {False: list(fresh), True: list(again)}
        self.known: list[str] = []

    def __call__(self, messages: Messages) -> float:
        content = messages[0]["content"]
        times = self._times[content in self.known]
        self.known.append(content)
        return times.pop(0) if len(times) > 1 else times[0]


def probed(fresh: list[float], again: list[float]) -> tuple[CacheProbe, list[str]]:
    server = Answering([2000.0, *fresh], again)  # the first warms up
    return probe(server, prompts(), 750), server.known


def test_an_engine_that_caches_is_found_after_three_prompts() -> None:
    found, sent = probed([987.0, 1040, 1317], [19.0, 33, 21])
    assert found.caches
    assert (found.fresh_ms, found.repeat_ms) == ([987.0, 1040, 1317], [19.0, 33, 21])
    assert len(sent) == 7 and len(set(sent)) == 4


def test_one_without_a_cache_is_found_as_soon() -> None:
    found, sent = probed([319.0, 340, 363], [316.0, 373, 330])
    assert not found.caches and len(sent) == 7
    assert least_cold_ms(found) is None


def test_a_hiccup_in_either_direction_decides_nothing() -> None:
    """vLLM's cache of whole blocks saves less than half; other programs run meanwhile."""
    found, _ = probed([155.0, 294, 160, 170, 200], [146.0, 120, 94, 160, 100])
    assert found.caches and len(found.fresh_ms) == 5
    found, _ = probed([319.0, 900, 330, 340], [316.0, 340, 700, 335])
    assert not found.caches and len(found.fresh_ms) == 4


def judged(first_s: float, found: CacheProbe | None):
    judging = Judging(TRANSFORMERS, least_cold_ms(found))
    sent = ended(words(first_s=first_s), finish(), usage(cached=None))
    judging.hear([read(sent, TRANSFORMERS)], ASKED)
    return judging.failure()


def test_a_cold_prompt_that_came_too_soon_fails_its_cell() -> None:
    caching, _ = probed([400.0, 410, 390], [30.0, 30, 30])
    assert judged(0.3, caching) is None
    failure = judged(0.2, caching)
    assert failure is not None and failure.kind == "contaminated"
    assert "200 ms" in failure.message and "280" in failure.message


@pytest.mark.parametrize("found", [None, probed([400.0], [400.0])[0]])
def test_nothing_is_too_soon_where_nothing_is_kept(found: CacheProbe | None) -> None:
    assert judged(0.01, found) is None
