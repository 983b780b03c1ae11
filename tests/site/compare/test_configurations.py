"""Ids, the rule of what may be said, what differs, and the pairs that suggest themselves."""

import json

import pytest

from bench_pipeline.site import wording
from bench_pipeline.site.compare.address import compare_href, configuration_id
from bench_pipeline.site.compare.configurations import ELSEWHERE, Catalogue, catalogue
from bench_pipeline.site.compare.facts import arguments, compile_features, differences
from bench_pipeline.site.compare.pairs import LINES_OF_A_HEAD, MAX_LINES, natural_pairs
from bench_pipeline.site.compare.rule import Judgement, Value, change, outcome
from bench_pipeline.site.compare.two import Side, compare
from tests.site.conftest import Made

ROW = {
    "model": "smollm2-135m-instruct-q4_1",
    "rig": "h100-vm",
    "backend": "cuda",
    "engine": "llama.cpp",
    "build": "b11434",
    "mode": "baseline",
    "power_cap_w": None,
    "provenance": "measured",
}


@pytest.fixture(scope="module")
def known(made: Made) -> Catalogue:
    return catalogue(made.tables)


def value(median: float, lo: float | None = None, hi: float | None = None) -> Value:
    return Value(wording.decimal(median), wording.span(lo, hi), median, lo, hi)


def test_an_id_is_readable_and_no_two_configurations_share_one(known: Catalogue):
    plain = "smollm2-135m-instruct-q4_1--h100-vm--cuda--b11434"
    assert configuration_id(ROW) == plain
    capped = {**ROW, "power_cap_w": 250.0, "mode": "reasoning-off", "provenance": "published"}
    assert configuration_id(capped) == f"{plain}--mode.reasoning-off--from.published--cap.250w"
    assert configuration_id(ROW, 4) == f"{plain}--at.4"
    odd = [configuration_id({**ROW, "build": build}) for build in ("B1", "b1", "b 1", "b--1", "<>")]
    assert len(set(odd)) == len(odd)
    ids = [configuration.id for configuration in known.configurations]
    assert len(set(ids)) == len(ids) >= 15


def test_a_link_names_both_and_leads_from_any_folder():
    assert compare_href("x", "y", "../") == "../compare.html?a=x&b=y"
    assert compare_href("x") == "compare.html?a=x"


@pytest.mark.parametrize(
    ("a", "b", "said", "verdict"),
    [
        (value(100, 99, 101), value(103, 102, 104), "+3.0 %", "separable"),
        (value(103, 102, 104), value(100, 99, 101), "−2.9 %", "separable"),
        (value(100, 99, 102), value(103, 102, 104), "+3.0 %", "not separable"),
        (value(100), value(103, 102, 104), "+3.0 %", "no interval"),
        (value(100, 99, 101), value(320, 310, 330), "×3.20", "separable"),
        (value(100, 99, 101), value(100.01, 99, 101), "0.0 %", "not separable"),
    ],
)
def test_figures_of_different_sessions_are_told_apart_by_their_intervals_alone(
    a: Value, b: Value, said: str, verdict: str
):
    told = outcome(a, b, None)
    assert (told.change, told.verdict, told.interval, told.judged) == (said, verdict, "", False)


def test_a_judged_figure_has_the_warehouse_s_ratio_and_turns_around_with_its_sides():
    a, b = value(100, 99, 101), value(90, 89, 91)
    judged = Judgement("slower", 0.905, 0.9, 0.91)
    told = outcome(a, b, judged)
    assert (told.change, told.interval, told.verdict) == ("−9.5 %", "−10.0 % to −9.0 %", "slower")
    back = outcome(b, a, judged.turned())
    assert (back.change, back.interval, back.verdict) == ("+10.5 %", "+9.9 % to +11.1 %", "faster")
    unsure = Judgement("undecided", 1.0, None, None, "two turns only")
    assert outcome(a, b, unsure).interval == ""
    assert unsure.turned() == unsure


def test_a_large_change_is_written_as_a_multiple():
    assert [change(ratio) for ratio in (0.31, 0.5001, 1.0, 1.999, 2)] == [
        *("×0.31", "−50.0 %", "0.0 %", "+99.9 %", "×2.00")
    ]


def test_what_differs_is_named_down_to_the_single_argument_and_feature():
    mine = arguments(
        ["llama-server", "--port", "1", "--threads", "2", "--fit", "off", "--no-webui"]
    )
    theirs = arguments(["llama-server", "--port", "9", "--threads", "4", "--fit", "off"])
    assert mine == ("--threads 2", "--fit off", "--no-webui")
    built = compile_features("CUDA : ARCHS = 900 | CPU : AVX2 = 1 | BMI2 = 0 | AMX_INT8 = 1")
    assert built == ("CUDA ARCHS = 900", "AVX2", "AMX_INT8")
    differ, same = differences(
        {"Arguments": mine, "Compiled for": built, "Build": "b1", "Driver": "", "System": "Debian"},
        {
            "Arguments": theirs,
            "Compiled for": built[:2],
            "Build": "b2",
            "Driver": "",
            "System": "Debian",
        },
    )
    assert [(d.fact, d.a, d.b) for d in differ] == [
        ("Arguments", "--threads 2, --no-webui", "--threads 4"),
        ("Compiled for", "AMX_INT8", wording.MISSING),
        ("Build", "b1", "b2"),
    ]
    assert same == ("System",)


def test_every_figure_is_the_warehouse_s_cell_at_the_page_s_rounding(made: Made, known: Catalogue):
    tables = made.tables
    rows = {(m["run_id"], m["workload"], m["concurrency"]): m for m in tables.measurements}
    listed = {(s["run_id"], s["workload"], s["concurrency"]) for s in tables.workload_speeds}
    seen = set()
    for configuration in known.configurations:
        for cell in configuration.cells.values():
            if cell.concurrency == ELSEWHERE:
                continue
            run, workload, concurrency = cell.key.split("/")
            place = run, workload, int(concurrency)
            row = rows[place]
            assert configuration_id(row) == configuration.id
            assert bool(cell.reason) == (place not in listed)
            if cell.reason:
                assert cell.values == {}
                continue
            seen.add(place)
            assert cell.values["decode_tok_s"].text == f"{row['decode_tok_s']:.1f}"
            assert cell.values["decode_tok_s"].value == pytest.approx(row["decode_tok_s"], rel=1e-5)
            if row["ttft_ms"] is not None:
                low, high = row["ttft_ms_lo"], row["ttft_ms_hi"]
                assert cell.values["ttft_ms"].interval == wording.span(low, high)
            if row["joules_per_token"] is not None:
                assert cell.values["joules_per_token"].text == f"{row['joules_per_token']:.3f}"
    assert seen == listed


def test_memory_is_the_server_s_own_peak_on_the_backend_s_device(made: Made, known: Catalogue):
    tables = made.tables
    for configuration in known.configurations:
        for cell in configuration.cells.values():
            if "memory_peak_mib" not in cell.values:
                continue
            run = next(r for r in tables.runs if r["run_id"] == cell.key.split("/")[0])
            servers = [s for s in tables.servers if s["run_id"] == run["run_id"]]
            served = next(s for s in servers if cell.concurrency in s["concurrencies"])
            (device,) = json.loads(served["memory_json"])["devices"]
            assert (device["device"] == "host") == (run["backend"] == "cpu")
            assert cell.values["memory_peak_mib"].value == device["ours_peak_mib"]


def test_builds_of_different_sessions_get_no_verdict(known: Catalogue):
    kinds = {kind.title: kind for kind in natural_pairs(known)}
    for two in kinds["Two builds"].shown:
        told = [
            line.outcome
            for section in two.sections
            for metric in section.metrics
            for line in metric.lines
            if line.outcome
        ]
        if (two.a.configuration.id, two.b.configuration.id) not in known.sessions:
            assert two.basis in ("builds", "elsewhere")
            assert not any(outcome.judged for outcome in told)
            assert "Build" in {difference.fact for difference in two.differ}


def test_failed_cells_are_compared_by_their_reason(known: Catalogue):
    failed = next(c for c in known.configurations if c.problem)
    other = next(c for c in known.configurations if c.cells)
    two = compare(known, Side(failed), Side(other))
    assert two.finding == "They share no cell in which both have a decode rate."
    reasons = {cell.reason for c in known.configurations for cell in c.cells.values()}
    assert "ran out of time" in reasons


def test_the_page_holds_a_bounded_number_of_pairs_and_says_how_many_more(known: Catalogue):
    kinds = natural_pairs(known)
    lines = [LINES_OF_A_HEAD + two.lines for kind in kinds for two in kind.shown]
    assert sum(lines) - max(lines) < MAX_LINES
    assert all(kind.shown or kind.more for kind in kinds)
    titles = [kind.title for kind in kinds]
    assert "One stream and many" in titles
    assert "One model on two machines" in titles
