"""What an engine cannot tell may be absent of its requests, and of no other's."""

import pytest

from bench_pipeline.measures.cells import figures_of
from bench_pipeline.plausibility.judging import doubts_of_cell
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Run, Untold
from bench_pipeline.records.yaml.files import read_run, write_run
from tests.other_engines import GAPS, OWN_CLOCK, of_another_family

ABSENT: dict[Untold, dict[str, None]] = {
    "cached_tokens": {"cached_tokens": None},
    "own_clock": dict.fromkeys(OWN_CLOCK),
    "gaps": dict.fromkeys(GAPS),
}


def without(run: Run, what: Untold) -> tuple[Run, Cell]:
    """Every request of its first cell lacks it."""
    (cell, *_) = run.cells
    requests = [request.model_copy(update=ABSENT[what]) for request in cell.requests]
    waves = cell.waves
    if what == "gaps":
        waves = [wave.model_copy(update={"all_busy_tokens": None}) for wave in waves]
    return run, cell.model_copy(update={"requests": requests, "waves": waves})


@pytest.mark.parametrize("what", ABSENT)
def test_what_an_engine_cannot_tell_is_no_doubt_and_in_no_figure(what: Untold) -> None:
    run, cell = without(of_another_family([what]), what)
    assert doubts_of_cell(run, cell) == []
    figures = figures_of(cell)
    assert figures.decode_tok_s and figures.ttft_ms and figures.throughput_tok_s
    assert (figures.prefill_tok_s is None) == (what != "gaps")
    assert (figures.queue_ms is None) == (what == "own_clock")
    assert (figures.aggregate_tok_s is None) == (what == "gaps")
    clocks = (1, None) if what == "own_clock" else (2, True)
    assert (figures.clocks, figures.clocks_agree) == clocks


@pytest.mark.parametrize("what", ABSENT)
def test_what_it_can_tell_must_be_there(what: Untold) -> None:
    run, cell = without(of_another_family([]), what)
    assert doubts_of_cell(run, cell)


def test_some_requests_with_and_some_without_are_doubted() -> None:
    for what in ABSENT:
        run, cell = without(of_another_family([what]), what)
        mixed = [run.cells[0].requests[0], *cell.requests[1:]]
        if what != "gaps":  # when each token came is known of some replies, and not of others
            assert doubts_of_cell(run, cell.model_copy(update={"requests": mixed}))


def test_replies_end_early_only_where_no_length_can_be_fixed() -> None:
    free, fixed = of_another_family(["fixed_length"]), of_another_family([])
    cell = free.cells[0]
    short = {"output_tokens": 90, "received_tokens": 90, "finish_reason": "stop"}
    own = [cell.requests[0].model_copy(update=short), *cell.requests[1:]]
    ended = cell.model_copy(update={"requests": own, "waves": []})
    assert doubts_of_cell(free, ended) == []
    assert doubts_of_cell(fixed, ended)
    more = cell.requests[0].model_copy(update=short | {"output_tokens": 101})
    assert doubts_of_cell(free, ended.model_copy(update={"requests": [more, *own[1:]]}))


def test_the_end_of_a_text_is_a_step_of_the_server_s_clock() -> None:
    """Computed and timed, and in no count; else clocks that agree would be a token apart."""
    request = of_another_family([]).cells[0].requests[0]
    step_ms = request.server_decode_ms / (request.output_tokens - 1)
    ended = {"finish_reason": "stop", "server_decode_ms": request.server_decode_ms + step_ms}
    one = Cell(workload="chat", concurrency=1, requests=[request.model_copy(update=ended)])
    assert figures_of(one).clocks_agree is True


def test_llama_cpp_tells_all() -> None:
    run = of_another_family(["own_clock"])
    told = run.model_dump()
    told["engine"]["name"] = "llama.cpp"
    with pytest.raises(ValueError, match="it has no `untold`"):
        Run.model_validate(told)


def test_a_file_keeps_what_is_absent_absent(tmp_path) -> None:
    run = of_another_family(["own_clock", "cached_tokens", "gaps"])
    for what in ABSENT:
        _, cell = without(run, what)
        run = run.model_copy(update={"cells": [cell.model_copy(update={"warmups": []})]})
    path = write_run(run, tmp_path)
    assert read_run(path) == run
    header = next(line for line in path.read_text().splitlines() if "wave,stream," in line)
    assert not {*OWN_CLOCK, *GAPS, "cached_tokens"} & set(header.strip().split(","))


def test_a_cached_head_is_doubted_but_of_an_engine_whose_cache_cannot_be_off() -> None:
    run = of_another_family([])
    warm = [r.model_copy(update={"cached_tokens": 5}) for r in run.cells[0].requests]
    cell = run.cells[0].model_copy(update={"requests": warm})
    assert doubts_of_cell(run, cell)
    for head, doubted in ((4, True), (5, False)):
        engine = run.engine.model_copy(update={"head_tokens": head})
        found = doubts_of_cell(run.model_copy(update={"engine": engine}), cell)
        assert bool(found) is doubted
