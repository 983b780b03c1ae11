"""Curves: cold and cached apart, and the server beside the bare engine."""

from typing import Any

import pytest

from bench_pipeline.measures.curves import bare_figures, curve_figures, server_share
from bench_pipeline.measures.statistics import median_with_interval
from bench_pipeline.records.cell import CurvePoint, Failure, Request
from bench_pipeline.records.server import BareTest
from tests.measures.test_formulas import request


def cold(wave: int, **changes: Any) -> Request:
    """500 prompt tokens in 400 ms, 101 output tokens in 1000 ms."""
    return request(wave=wave, prompt_tokens=500, **changes)


def again(wave: int, cached: int, ttft_ms: float) -> Request:
    return request(
        wave=wave, prompt_tokens=500, cached_tokens=cached, ttft_ms=ttft_ms, server_prompt_ms=9.0
    )


def point(cold: list[Request], cached: list[Request] | None = None, **changes: Any) -> CurvePoint:
    fields: dict[str, Any] = {"depth_tokens": 512, "server": 0, "output_tokens_budget": 101}
    return CurvePoint(**(fields | {"cold": cold, "cached": cached or []} | changes))


def test_cold_and_cached_are_two_measurements() -> None:
    figures = curve_figures(
        point(
            [cold(n, ttft_ms=450.0 + n, server_prompt_ms=400.0 + 100 * n) for n in range(3)],
            [again(n, cached=499, ttft_ms=12.0 + n) for n in range(3)],
        )
    )
    assert figures.n == 3
    assert figures.ttft_ms == median_with_interval([450.0, 451.0, 452.0])
    assert figures.cached_ttft_ms == median_with_interval([12.0, 13.0, 14.0])
    assert figures.prefill_tok_s == median_with_interval([1250.0, 1000.0, 500 / 0.6])
    assert figures.decode_tok_s is not None and figures.decode_tok_s.median == 100.0
    assert figures.cached_share == 499 / 500


def test_an_engine_that_reuses_nothing_has_a_share_of_zero_and_no_cached_ttft() -> None:
    figures = curve_figures(point([cold(0)], [again(0, cached=0, ttft_ms=455.0)]))
    assert figures.cached_share == 0
    assert figures.cached_ttft_ms is None


def test_a_repetition_that_was_computed_again_is_not_a_cached_one() -> None:
    figures = curve_figures(
        point(
            [cold(n) for n in range(2)],
            [again(0, cached=0, ttft_ms=450.0), again(1, cached=250, ttft_ms=200.0)],
        )
    )
    assert figures.cached_ttft_ms is not None and figures.cached_ttft_ms.median == 200.0
    assert figures.cached_share == 0.25


def test_not_asked_again_is_no_share() -> None:
    figures = curve_figures(point([cold(0)]))
    assert figures.cached_share is None and figures.cached_ttft_ms is None


def test_a_failed_point_has_no_figures_whatever_was_measured() -> None:
    failure = Failure(kind="crash", message="the server died")
    figures = curve_figures(
        point([cold(0)], [again(0, 499, 12.0)], status="failed", failure=failure)
    )
    assert not any(vars(figures).values())


@pytest.mark.parametrize(
    "lie", [{"server_decode_ms": 1020.0}, {"itl_p99_ms": 30.0, "server_itl_p99_ms": 12.0}]
)
def test_a_point_whose_clocks_disagree_or_whose_tokens_came_late_has_no_figures(lie) -> None:
    figures = curve_figures(point([cold(n, **lie) for n in range(3)], [again(0, 499, 12.0)]))
    assert (figures.n, figures.decode_tok_s, figures.ttft_ms) == (0, None, None)
    assert figures.cached_ttft_ms is None


def test_warm_ups_are_in_no_figure() -> None:
    bare = point([cold(0)])
    assert curve_figures(bare) == curve_figures(
        bare.model_copy(update={"warmups": [cold(0, decode_ms=1.0)]})
    )


def test_bare_rates_are_tokens_over_time() -> None:
    reading = BareTest(prompt_tokens=512, output_tokens=0, times_ms=[256.0, 512.0, 1024.0])
    assert bare_figures(reading) == median_with_interval([2000.0, 1000.0, 500.0])
    writing = BareTest(prompt_tokens=0, output_tokens=128, depth_tokens=512, times_ms=[640.0])
    figures = bare_figures(writing)
    assert figures is not None and figures.median == pytest.approx(200.0)
    assert (figures.n, figures.lo) == (1, None)


def test_a_bare_test_without_times_has_no_figure() -> None:
    assert bare_figures(BareTest(prompt_tokens=512, output_tokens=0)) is None
    assert bare_figures(BareTest(prompt_tokens=0, output_tokens=0, times_ms=[1.0])) is None


def bench(prompt: int, output: int, depth: int, *times_ms: float) -> BareTest:
    return BareTest(
        prompt_tokens=prompt, output_tokens=output, depth_tokens=depth, times_ms=list(times_ms)
    )


def test_the_server_s_share_is_at_the_same_depth_and_of_the_same_length() -> None:
    tests = [
        bench(512, 0, 0, 256.0, 256.0, 256.0),  # 2000 tok/s; the server made 1250
        bench(128, 0, 0, 1.0),
        bench(512, 0, 512, 1.0),  # reading after reading
        bench(0, 128, 512, 1024.0, 1024.0, 1024.0),  # 125 tok/s; the server made 100
        bench(0, 128, 0, 1.0),
        bench(512, 128, 0, 1.0),  # both at once
    ]
    share = server_share(point([cold(n) for n in range(3)]), tests)
    assert share.decode is not None and share.prefill is not None
    assert share.decode.ratio == pytest.approx(0.8)
    assert share.prefill.ratio == pytest.approx(0.625)
    assert (share.decode.n_before, share.decode.n_after) == (3, 3)
    assert share.decode.lo == pytest.approx(0.8) == share.decode.hi


def test_what_one_of_them_did_not_measure_has_no_share() -> None:
    nothing = server_share(point([cold(0)]), [bench(128, 0, 0, 1.0), bench(0, 128, 0, 1.0)])
    assert nothing.decode is None and nothing.prefill is None
    failure = Failure(kind="oom", message="no room")
    failed = point([cold(0)], status="failed", failure=failure)
    assert server_share(failed, [bench(0, 128, 512, 1024.0)]).decode is None
