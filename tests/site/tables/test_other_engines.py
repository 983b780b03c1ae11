"""Engines of several families in one site: named, marked, and never ranked as if they were one."""

import pytest

from bench_pipeline.site import wording
from bench_pipeline.site.compare.configurations import catalogue
from bench_pipeline.site.compare.pairs import natural_pairs
from bench_pipeline.site.runs.view import RunPageMaker, repeat_command
from bench_pipeline.site.tables.filters import filters
from bench_pipeline.site.tables.rows import TableRow
from bench_pipeline.site.trends.maker import trends_of
from tests.factories import measured_run
from tests.other_engines import of_another_family, one_clock
from tests.site.conftest import Made, make

OURS = measured_run(workloads=["chat"], concurrencies=[1], decode_tok_s=110, seed=3)
FASTER = one_clock(of_another_family(["own_clock", "fixed_length"], decode_tok_s=200, seed=4))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("engines"), [OURS, FASTER])


def rows(site: Made) -> dict[str, TableRow]:
    return {row.engine: row for row in site.view.rows}


def test_what_one_clock_timed_says_so_and_stands_behind_what_two_did(site: Made) -> None:
    assert [row.engine for row in site.view.rows] == ["llama.cpp", "another"]
    ours, faster = rows(site)["llama.cpp"], rows(site)["another"]
    assert (faster.low or 0) > (ours.high or 0)
    assert (ours.flags, faster.flags) == ((), (wording.ONE_CLOCK,))


def test_nothing_is_called_faster_or_slower_by_one_clock(site: Made) -> None:
    assert rows(site)["another"].standing == "unjudged"
    assert "slower" not in rows(site)["llama.cpp"].standing


def test_the_first_screen_answers_by_two_clocks_where_it_can(site: Made) -> None:
    (machine,) = site.view.machines
    answers = {board.workload: board.answers for board in machine.boards}
    assert [a.configuration for a in answers["chat"]] == ["CPU, llama.cpp b10434"]


def test_an_engine_s_only_figures_are_an_answer_that_says_by_how_many_clocks(tmp_path) -> None:
    alone = make(tmp_path, [FASTER]).view
    (answer,) = alone.machines[0].boards[0].answers
    assert answer.configuration == "CPU, another 1.2, one clock"


def test_engines_are_chosen_by_name(site: Made) -> None:
    (engine,) = [f for f in filters(site.view.rows, site.tables) if f.name == "engine"]
    assert [option.value for option in engine.options] == ["another", "llama.cpp"]


def test_two_engines_with_the_same_file_are_a_comparison_that_says_what_one_cannot_tell(
    site: Made,
) -> None:
    (pair,) = [
        pair
        for kind in natural_pairs(catalogue(site.tables))
        if kind.title == "Two engines on one machine"
        for pair in kind.shown
    ]
    told = {d.fact: (d.a, d.b) for d in pair.differ}
    assert set(told["Engine"]) == {"llama.cpp", "another"}
    assert "nothing" in told["Not told by the engine"]
    assert any("times of each request" in side for side in told["Not told by the engine"])
    assert "Model SHA-256" in pair.same
    (line,) = pair.sections[0].metrics[0].lines
    assert {side.flags for side in (line.a, line.b) if side} == {(), (wording.ONE_CLOCK,)}


def test_builds_of_two_engines_are_no_series(site: Made) -> None:
    """Though both are of one model on one machine: neither is newer than the other."""
    (trend,) = trends_of(site.tables)
    assert set(trend.builds) == {"b10434", "another 1.2"}
    assert [figure for model in trend.models for figure in model.figures] == []
    assert trend.steps == () and trend.open_pairs == ()


def test_a_chart_names_the_engine_and_says_by_how_many_clocks(site: Made) -> None:
    details = {mark.detail for chart in site.view.charts for mark in chart.marks}
    assert any(" another 1.2" in each and wording.ONE_CLOCK in each for each in details)
    assert not any(wording.ONE_CLOCK in each for each in details if "b10434" in each)


def test_a_run_is_repeated_by_the_name_that_its_engine_is_asked_for_by(site: Made) -> None:
    (run,) = [run for run in site.tables.runs if run["run_id"] == FASTER.run_id]
    assert "BUILD=another-1.2" in repeat_command(run, ())


def test_its_run_s_page_says_what_the_engine_cannot_tell(site: Made) -> None:
    tables = site.tables
    (run,) = [run for run in tables.runs if run["run_id"] == FASTER.run_id]
    page = RunPageMaker(tables).page(run)
    assert dict(page.facts)["Not told by the engine"] == "times of each request and a fixed length"
    assert "another 1.2, started as the rig file says" in dict(page.facts)["Engine"]
    assert page.cells[0].flags == (wording.ONE_CLOCK,)
