"""A cell's figures: waves are the unit, and what is not there is not invented."""

from typing import Any

import pytest

from bench_pipeline.measures import formulas
from bench_pipeline.measures.cells import by_repetition, by_start, by_wave, figures_of
from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.measures.statistics import median_with_interval
from bench_pipeline.records.cell import Cell, Wave
from tests.factories import failed_cell, measured_cell, measured_run
from tests.measures.test_formulas import request


def cell(rates: list[list[float]], **changes: Any) -> Cell:
    """One request per rate, one wave per list: 101 tokens, both clocks agreeing."""
    requests = [
        request(wave=wave, stream=stream, decode_ms=100_000 / rate, server_decode_ms=100_000 / rate)
        for wave, streams in enumerate(rates)
        for stream, rate in enumerate(streams)
    ]
    fields = {"workload": "chat", "concurrency": len(rates[0]), "requests": requests}
    return Cell.model_validate(fields | changes)


def test_a_wave_counts_once_however_many_streams_it_has() -> None:
    figures = figures_of(cell([[40.0, 50.0, 60.0, 90.0], [45.0] * 4, [65.0] * 4]))
    assert figures.n == 3
    assert figures.decode_tok_s is not None
    assert figures.decode_tok_s.n == 3
    assert figures.decode_tok_s.median == pytest.approx(55.0)  # of 55, 45 and 65


def test_more_streams_of_the_same_waves_do_not_narrow_the_interval() -> None:
    alone = figures_of(cell([[40.0], [50.0], [60.0], [70.0]])).decode_tok_s
    four = figures_of(cell([[rate] * 4 for rate in (40.0, 50.0, 60.0, 70.0)])).decode_tok_s
    assert alone == four


def counted(decode_ms: float, waves: int = 3) -> Cell:
    """Two streams of 1 and 3 s, of which the server tells one mean."""
    found = cell([[100.0, 100 / 3]] * waves)
    untold = {"server_decode_ms": None, "server_prompt_ms": None, "cached_tokens": None}
    told = {"all_busy_ms": 1000.0, "server_prompt_ms": 250.0, "server_decode_ms": decode_ms}
    requests = [each.model_copy(update=untold) for each in found.requests]
    made = [Wave.model_validate({"wave": number, **told}) for number in range(waves)]
    return found.model_copy(update={"requests": requests, "waves": made})


def test_a_server_s_mean_over_a_wave_is_held_against_our_mean() -> None:
    """100 tokens a second of one stream and 33 of the other are 50 of both."""
    figures = figures_of(counted(2000.0))
    assert (figures.clocks, figures.clocks_agree) == (2, True)
    assert figures.server_decode_tok_s is not None
    assert figures.server_decode_tok_s.median == pytest.approx(50.0)
    assert figures_of(counted(2050.0)).clocks_agree is False


def test_what_a_server_counts_of_a_wave_is_its_prefill_and_queue() -> None:
    figures = figures_of(counted(2000.0))
    one = request()
    assert figures.prefill_tok_s is not None and figures.queue_ms is not None
    assert figures.prefill_tok_s.median == pytest.approx(one.prompt_tokens / 0.25)
    assert figures.queue_ms.median == pytest.approx(one.ttft_ms - 250)


def test_by_wave_keeps_the_order_of_waves_and_leaves_gaps_out() -> None:
    requests = [
        request(wave=2, ttft_ms=30.0),
        request(wave=0, ttft_ms=10.0),
        request(wave=0, ttft_ms=20.0),
        request(wave=1, first_visible_ms=5.0),
    ]
    assert by_wave(requests, lambda r: r.ttft_ms) == [15.0, 450.0, 30.0]
    assert by_wave(requests, lambda r: r.first_visible_ms) == [5.0]


def of_starts(rates: list[list[float]], **changes: Any) -> Cell:
    """One stream; one list per start of the server, one rate per wave."""
    waves = [[rate] for start in rates for rate in start]
    servers = [number for number, start in enumerate(rates) for _ in start]
    return cell(
        waves,
        waves=[
            Wave(wave=n, all_busy_ms=1000.0, all_busy_tokens=round(rate), server=server)
            for n, ([rate], server) in enumerate(zip(waves, servers, strict=True))
        ],
        **changes,
    )


def test_starts_that_differ_are_what_the_interval_is_made_of() -> None:
    """Six starts 5 % apart, whose waves say the same twice or four times."""
    starts = [100.0, 105.0, 95.0, 102.0, 98.0, 93.0]
    for waves in (2, 4):
        figures = figures_of(of_starts([[rate] * waves for rate in starts]))
        assert figures.n == 6
        assert figures.decode_tok_s == median_with_interval(starts)
        assert figures.aggregate_tok_s == median_with_interval(starts)
        assert figures.decode_tok_s is not None
        assert figures.decode_tok_s.lo == 94.0 and figures.decode_tok_s.hi == 103.5
    singly = median_with_interval(starts * 2)
    assert singly is not None and singly.relative_half_width is not None
    assert figures.decode_tok_s.relative_half_width > 1.25 * singly.relative_half_width  # type: ignore[operator]


def test_a_start_counts_by_the_median_of_its_waves() -> None:
    figures = figures_of(of_starts([[90.0, 110.0], [104.0, 108.0], [94.0, 96.0]]))
    assert figures.decode_tok_s == median_with_interval([100.0, 106.0, 95.0])
    # one start alone is one repetition, however many waves it answered
    alone = figures_of(of_starts([[100.0, 101.0, 102.0]]))
    assert (alone.n, alone.outliers) == (1, 0)
    assert alone.decode_tok_s is not None and alone.decode_tok_s.lo is None


def test_a_start_at_half_speed_is_one_outlier() -> None:
    steady = [[rate, rate + 0.1] for rate in (100.0, 100.5, 99.5, 100.2, 99.8)]
    assert figures_of(of_starts(steady)).outliers == 0
    assert figures_of(of_starts([*steady, [50.0, 50.1]])).outliers == 1


def test_starts_keep_their_place_and_have_no_value_of_their_own_making() -> None:
    made = of_starts([[100.0, 110.0], [90.0, 95.0], [80.0]])
    assert by_start(made, {0: 1.0, 1: 2.0, 4: 3.0}) == [[1.0, 2.0], [], [3.0]]
    assert by_repetition(made, {0: 1.0, 1: 2.0, 4: 3.0}) == [1.5, 3.0]
    plain = cell([[40.0], [50.0]])
    assert by_start(plain, {0: 1.0, 1: 2.0}) == []
    assert by_repetition(plain, {1: 2.0, 0: 1.0}) == [1.0, 2.0]


def test_warm_ups_count_for_nothing() -> None:
    bare = cell([[40.0], [50.0], [60.0]])
    warmed = bare.model_copy(update={"warmups": [request(wave=0, decode_ms=1.0)] * 3})
    assert figures_of(warmed) == figures_of(bare)


def test_aggregate_comes_from_the_waves_own_windows() -> None:
    waves = [Wave(wave=n, all_busy_ms=1000.0, all_busy_tokens=150 + n) for n in range(3)]
    waves.append(Wave(wave=3, all_busy_ms=0.0, all_busy_tokens=0))  # never all busy at once
    figures = figures_of(cell([[40.0]] * 4, waves=waves))
    assert figures.aggregate_tok_s == median_with_interval([150.0, 151.0, 152.0])


def test_throughput_is_of_a_whole_wave_and_below_what_all_decode_at() -> None:
    made = measured_cell("rag", 4, decode_tok_s=50.0)
    figures = figures_of(made)
    waves = [[r for r in made.requests if r.wave == n] for n in range(5)]
    for name in ("throughput_tok_s", "request_throughput"):
        expected = median_with_interval([getattr(formulas, name)(wave) for wave in waves])
        assert getattr(figures, name) == expected
    assert figures.throughput_tok_s and figures.aggregate_tok_s
    assert figures.throughput_tok_s.median < figures.aggregate_tok_s.median


@pytest.mark.parametrize(("ratio", "agree"), [(1.0, True), (1.009, True), (1.011, False)])
def test_clocks_agree_within_one_percent(ratio: float, agree: bool) -> None:
    requests = [request(wave=n, decode_ms=1000, server_decode_ms=1000 * ratio) for n in range(3)]
    figures = figures_of(Cell(workload="chat", concurrency=1, requests=requests))
    assert figures.clocks_agree is agree


def test_a_cell_of_single_tokens_has_times_but_no_rates() -> None:
    requests = [request(wave=n, output_tokens=1, received_tokens=1) for n in range(3)]
    figures = figures_of(Cell(workload="chat", concurrency=1, requests=requests))
    assert figures.n == 3
    assert figures.decode_tok_s is None and figures.server_decode_tok_s is None
    assert figures.clocks_agree is None
    assert figures.ttft_ms is not None and figures.ttft_ms.median == 450.0


def test_hidden_reasoning_leaves_first_visible_open() -> None:
    figures = figures_of(cell([[40.0], [50.0], [60.0]]))
    assert figures.first_visible_ms is None


def test_a_failed_cell_has_no_figures() -> None:
    figures = figures_of(failed_cell("chat", 4))
    assert figures.n == 0
    assert {name for name, value in vars(figures).items() if value} == set()
    assert None not in (figures.n, figures.outliers)  # counts: none is 0


def test_a_whole_run_gives_every_figure_its_number_of_waves() -> None:
    for measured in measured_run(backend="cuda", repetitions=5).cells:
        figures = figures_of(measured)
        for name in ("decode_tok_s", "prefill_tok_s", "aggregate_tok_s", "ttft_ms", "itl_p99_ms"):
            assert getattr(figures, name).n == figures.n == 5
        assert figures.clocks_agree
        assert figures.joules_per_token


def test_every_figure_has_a_definition_a_visitor_can_read() -> None:
    internal = {"server_decode_tok_s", "clocks", "clocks_agree"}
    assert set(vars(figures_of(failed_cell("chat", 1)))) - internal <= set(DEFINITIONS)
    for definition in DEFINITIONS.values():
        assert definition.label and definition.meaning.endswith(".")


def test_outliers_are_counted_by_wave_and_kept() -> None:
    steady = [[40.0], [40.1], [39.9], [40.2], [39.8]]
    figures = figures_of(cell([*steady, [20.0]]))
    assert figures.outliers == 1
    assert figures.n == 6
    assert figures.decode_tok_s is not None and figures.decode_tok_s.n == 6
    assert figures_of(cell(steady)).outliers == 0
    # one slow stream of four leaves its wave's median where it was
    assert (
        figures_of(cell([rates * 4 for rates in steady] + [[40.0, 40.0, 40.0, 1.0]])).outliers == 0
    )


@pytest.mark.parametrize(
    ("late", "on_time"),
    [
        ([[False], [False], [False], [True]], True),  # one hiccup
        ([[True], [True], [True], [False]], False),
        ([[False, True, False, True]] * 3, True),  # half of the streams: not most
        ([[False, True, True, True]] * 3, False),
        ([[None], [None]], None),
        ([[None], [True], [True]], False),  # those that are known decide
    ],
)
def test_a_cell_is_late_if_most_of_its_waves_are(
    late: list[list[bool | None]], on_time: bool | None
) -> None:
    p99 = {True: 100.0, False: 10.5, None: 100.0}
    requests = [
        request(
            wave=wave,
            stream=stream,
            itl_p99_ms=p99[was_late],
            server_itl_p99_ms=None if was_late is None else 10.0,
        )
        for wave, streams in enumerate(late)
        for stream, was_late in enumerate(streams)
    ]
    made = Cell(workload="chat", concurrency=len(late[0]), requests=requests)
    assert figures_of(made).delivered_on_time is on_time


def test_hidden_tokens_are_the_median_of_a_request() -> None:
    requests = [request(wave=n, reasoning_tokens=tokens) for n, tokens in enumerate((20, 0, 24))]
    figures = figures_of(Cell(workload="chat", concurrency=1, requests=requests))
    assert figures.reasoning_tokens == 20
    assert figures_of(cell([[40.0]] * 3)).reasoning_tokens == 0


def test_acceptance_is_over_all_proposed_tokens_of_the_cell() -> None:
    counts = [(100, 90), (10, 1), (None, None), (0, 0)]
    requests = [
        request(wave=n, draft_tokens=proposed, draft_accepted=accepted)
        for n, (proposed, accepted) in enumerate(counts)
    ]
    figures = figures_of(Cell(workload="chat", concurrency=1, requests=requests))
    assert figures.draft_acceptance == 91 / 110
    assert figures_of(cell([[40.0]] * 3)).draft_acceptance is None
