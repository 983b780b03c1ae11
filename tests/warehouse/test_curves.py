"""Curves over the prompt's length and tests of the bare engine, as tables."""

import pytest

from bench_pipeline.records.server import BareEngine
from bench_pipeline.warehouse.rows.whole_run import rows_of
from tests.curve_factories import (
    bare_test,
    curve_and_bare_engine,
    curve_point,
    failed_point,
    imported_run,
)
from tests.factories import measured_run
from tests.warehouse.given import Here, given


def with_curve(*points, **fields):
    return measured_run(workloads=["chat"], concurrencies=[1], curves=list(points), **fields)


@given
def test_a_point_has_its_figures_with_their_intervals(here: Here):
    here.put(with_curve(curve_point(512, decode_tok_s=100.0, prefill_tok_s=700.0), rig=here.rig))
    yield
    [(depth, n, status, *figures, share)] = here.rows(
        "select depth_tokens, n, status, prefill_tok_s, prefill_tok_s_lo, prefill_tok_s_hi,"
        " decode_tok_s, decode_tok_s_lo, decode_tok_s_hi, ttft_ms, cached_ttft_ms, cached_share"
        " from curve_points"
    )
    prefill, prefill_lo, prefill_hi, decode, decode_lo, decode_hi, ttft, cached = figures
    assert (depth, n, status) == (512, 5, "ok")
    assert prefill_lo <= prefill <= prefill_hi
    assert decode_lo <= decode <= decode_hi
    assert prefill == pytest.approx(700, rel=0.03)
    assert decode == pytest.approx(100, rel=0.03)
    assert ttft == pytest.approx(512 / 0.7 + 9, rel=0.03)
    assert cached == pytest.approx(9 + 1 / 0.7, rel=0.1)
    assert share == pytest.approx(511 / 512)


def test_an_engine_that_reuses_nothing_has_no_cached_figure():
    point = curve_point(512, decode_tok_s=100.0, prefill_tok_s=700.0, reused=False)
    [row] = rows_of(with_curve(point), "x")["curve_points"]
    assert (row["cached_ttft_ms"], row["cached_share"]) == (None, 0)


@given
def test_a_failed_point_is_a_row_without_figures(here: Here):
    here.put(
        with_curve(
            curve_point(128, decode_tok_s=100, prefill_tok_s=700), failed_point(512), rig=here.rig
        )
    )
    yield
    assert here.rows(
        "select depth_tokens, status, n, prefill_tok_s is null, failure_kind, failure_message"
        " from curve_points order by depth_tokens"
    ) == [
        (128, "ok", 5, False, None, None),
        (512, "failed", None, True, "contaminated", "24 cached tokens"),
    ]


@given
def test_a_point_is_compared_with_the_bare_engine_at_its_length_and_depth(here: Here):
    here.put(here.run(workloads=["chat"], **curve_and_bare_engine(server_costs=0.2)))
    yield
    found = here.rows(
        "select server_prefill_share, server_prefill_share_lo, server_prefill_share_hi,"
        " server_decode_share, server_decode_share_lo, server_decode_share_hi from curve_points"
    )
    assert len(found) == 3
    for prefill, prefill_lo, prefill_hi, decode, decode_lo, decode_hi in found:
        assert prefill == pytest.approx(0.8, abs=0.03)
        assert decode == pytest.approx(0.8, abs=0.03)
        assert prefill_lo < prefill < prefill_hi
        assert decode_lo < decode < decode_hi


def test_without_a_test_at_its_depth_a_point_has_no_share():
    bare = BareEngine(tests=[bare_test(130.0, output_tokens=32, depth_tokens=2048)])
    point = curve_point(512, decode_tok_s=100.0, prefill_tok_s=700.0)
    [row] = rows_of(with_curve(point, bare_engine=bare), "x")["curve_points"]
    assert (row["server_prefill_share"], row["server_decode_share"]) == (None, None)


@given
def test_each_kind_of_bare_test_is_told_apart(here: Here):
    tests = [
        bare_test(800.0, prompt_tokens=512),
        bare_test(120.0, output_tokens=32, depth_tokens=512),
        bare_test(300.0, prompt_tokens=64, output_tokens=16),
        bare_test(1.0, prompt_tokens=8192).model_copy(update={"times_ms": []}),
    ]
    here.put(with_curve(bare_engine=BareEngine(tests=tests), rig=here.rig))
    yield
    assert here.rows(
        "select kind, prompt_tokens, output_tokens, depth_tokens, n, round(tok_s)"
        " from bare_tests order by all"
    ) == [
        ("decode", 0, 32, 512, 5, 120),
        ("mixed", 64, 16, 0, 5, 375),
        ("prefill", 512, 0, 0, 5, 800),
        ("prefill", 8192, 0, 0, None, None),
    ]


@given
def test_an_imported_run_has_tests_of_the_bare_engine_and_no_cell(here: Here):
    here.put(imported_run(rig=here.rig))
    yield
    assert here.rows("select provenance, status, memory_verdict, quiet from runs") == [
        ("imported", "ok", None, None)
    ]
    assert here.rows("select count(*), min(provenance) from bare_tests") == [(6, "imported")]
    assert here.rows("select * from measurements") == here.rows("select * from speed_ranges") == []


@given
def test_a_bare_engine_that_failed_says_why(here: Here):
    failure = {"kind": "crash", "message": "illegal instruction"}
    here.put(with_curve(bare_engine={"argv": ["llama-bench"], "failure": failure}, rig=here.rig))
    yield
    assert here.rows("select bare_argv, bare_failure_kind, bare_failure_message from runs") == [
        (["llama-bench"], "crash", "illegal instruction")
    ]
