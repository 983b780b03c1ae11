"""A queue that is printed as concurrency is told from streams at once, and nothing is guessed."""

from dataclasses import replace
from statistics import median
from typing import Any

import pytest

from bench_pipeline.measures import formulas
from bench_pipeline.measures.queueing import AS_FAST, LATE, Queue, Served, queue_of, queues
from bench_pipeline.paths import checkout
from bench_pipeline.records.cell import Cell, PrintedFigure, Published
from bench_pipeline.records.yaml.files import read_run, run_files
from tests.checkouts import committed_runs

# Four clients of a llama-server with one slot on two cores, as measured: shared/harness.md.
ALONE = Served(1, decode_tok_s=125.0, ttft_ms=180.0, output_tokens=128, aggregate_tok_s=107.0)
QUEUED = Served(4, decode_tok_s=122.0, ttft_ms=3300.0, output_tokens=128, aggregate_tok_s=108.0)


def without(served: Served, *names: str) -> Served:
    return replace(served, **dict.fromkeys(names))


def test_one_slot_under_four_clients_is_a_queue():
    queue = queue_of(ALONE, QUEUED)
    assert queue and queue.many.streams == 4
    assert queue.as_fast == pytest.approx(0.976) and queue.together == pytest.approx(0.864)
    request_ms = 180 + 127 / 125 * 1000
    assert queue.late == pytest.approx((3300 - 4 * 180) / request_ms)


@pytest.mark.parametrize(
    ("alone", "many"),
    [
        (ALONE, without(QUEUED, "aggregate_tok_s")),
        (ALONE, without(QUEUED, "decode_tok_s")),
        (ALONE, without(QUEUED, "ttft_ms")),
        (without(ALONE, "output_tokens", "ttft_ms"), without(QUEUED, "ttft_ms")),
        (
            replace(ALONE, latency_ms=1196.0, output_tokens=None),
            Served(4, decode_tok_s=122.0, latency_ms=4340.0),
        ),
        # a page that multiplies one stream's rate by their number hides it there only
        (ALONE, replace(QUEUED, aggregate_tok_s=488.0)),
    ],
)
def test_two_signs_of_it_are_enough(alone: Served, many: Served):
    assert queue_of(alone, many)


@pytest.mark.parametrize(
    ("alone", "many"),
    [
        (Served(1), Served(4)),
        (without(ALONE, "output_tokens", "aggregate_tok_s"), QUEUED),
        (ALONE, without(QUEUED, "decode_tok_s", "aggregate_tok_s")),
        (ALONE, without(QUEUED, "ttft_ms", "aggregate_tok_s")),
        (without(ALONE, "decode_tok_s"), QUEUED),
    ],
)
def test_missing_figures_say_nothing(alone: Served, many: Served):
    assert queue_of(alone, many) is None


@pytest.mark.parametrize(
    "many",
    [
        # four slots, as measured on the same two cores
        Served(4, decode_tok_s=48.0, ttft_ms=550.0, aggregate_tok_s=160.0),
        # a card to which four streams are as one: fast alone is no sign of a queue
        Served(4, decode_tok_s=124.0, ttft_ms=400.0, aggregate_tok_s=380.0),
        # requests that come so seldom that they hardly meet: no queue either
        Served(4, decode_tok_s=124.0, ttft_ms=185.0, aggregate_tok_s=90.0),
        # all prompts read first, one after another: late, but not by a reply
        Served(4, decode_tok_s=120.0, ttft_ms=720.0),
    ],
)
def test_streams_that_run_at_once_are_none(many: Served):
    assert queue_of(ALONE, many) is None


def test_a_total_says_nothing_where_reading_prompts_takes_the_time():
    alone = Served(1, decode_tok_s=100.0, ttft_ms=8000.0, output_tokens=101)
    assert queue_of(alone, Served(4, decode_tok_s=98.0, aggregate_tok_s=12.0)) is None


def test_no_measured_run_at_several_streams_is_called_a_queue():
    pairs = 0
    for run in map(read_run, committed_runs()):
        cells = {(c.workload, c.concurrency): c for c in run.cells if c.requests}
        for (workload, streams), cell in cells.items():
            if streams == 1 or (workload, 1) not in cells:
                continue
            pairs += 1
            alone, many = (_served(each) for each in (cells[workload, 1], cell))
            assert queue_of(alone, many) is None
            assert many.decode_tok_s / alone.decode_tok_s < AS_FAST - 0.2
            whole_ms = alone.ttft_ms + alone.decode_ms
            assert (many.ttft_ms - streams * alone.ttft_ms) / whole_ms < LATE / 10
    assert pairs >= 16


def _served(cell: Cell) -> Any:
    window_s = (cell.window_ms or 0) / 1000
    return Served(
        cell.concurrency,
        decode_tok_s=median(formulas.decode_tok_s(request) or 0 for request in cell.requests),
        ttft_ms=median(request.ttft_ms for request in cell.requests),
        latency_ms=median(request.end_to_end_ms for request in cell.requests),
        aggregate_tok_s=sum(request.output_tokens for request in cell.requests) / window_s,
    )


def figure(what: str, value: float, streams: int, **about: Any) -> PrintedFigure:
    return PrintedFigure(
        number=0, what=what, value=value, printed=str(value), concurrency=streams, **about
    )


def printed(**about: Any) -> list[PrintedFigure]:
    return [
        figure("ttft_ms", 180.0, 1, **about),
        figure("latency_ms", 1196.0, 1, **about),
        figure("ttft_ms", 3300.0, 4, **about),
    ]


def cell(streams: int, tok_s: float, workload: str = "chat") -> Cell:
    return Cell(workload=workload, concurrency=streams, published=Published(decode_tok_s=tok_s))


def test_figures_and_cells_of_one_workload_are_put_together():
    ((label, queue),) = queues(printed(label="chat"), [cell(1, 125.0), cell(4, 122.0)])
    assert label == "chat" and isinstance(queue, Queue)
    assert queues(printed(label="chat"), [cell(1, 125.0, "rag"), cell(4, 122.0, "rag")]) == []


def test_gaps_between_tokens_are_a_rate_and_percentiles_are_not():
    gaps = [figure("itl_ms", 8.0, 1), figure("itl_ms", 8.2, 4)]
    assert queues([*printed(), *gaps])
    assert queues([*printed(statistic="p99"), *gaps]) == []


def test_other_work_is_no_neighbour():
    alone = [each for each in printed(label="chat") if each.concurrency == 1]
    many = [each for each in printed(label="rag") if each.concurrency == 4]
    both = [cell(1, 125.0), cell(4, 122.0), cell(1, 125.0, "rag"), cell(4, 122.0, "rag")]
    assert queues([*alone, *many], both) == []


def test_the_first_published_page_prints_nothing_at_several_streams():
    """So the rule says nothing of it, whatever its text promises."""
    for run in map(read_run, run_files(checkout().runs / "gaming-desktop")):
        assert {each.concurrency for each in run.cells} == {1}
        assert queues((), run.cells) == []
