"""What a run's page says of the run: conditions, cells, servers, how to make it again."""

from datetime import timedelta
from typing import Any

import pytest

from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import HostLoad, Ladder, Model, Run, Session
from bench_pipeline.records.server import Bandwidth
from bench_pipeline.site import wording
from bench_pipeline.site.runs import conditions
from bench_pipeline.site.runs.view import RunPage
from bench_pipeline.site.view import Site
from tests.curve_factories import curve_and_bare_engine, imported_run
from tests.factories import SMOLLM2, measured_cell, measured_run, slowed, started_server
from tests.session_factories import session_runs
from tests.site.cases import Case, Cases, Shown
from tests.site.conftest import EARLIER, MISTRAL, make, on_h100

CASES = Cases()
case = CASES.of_its_own


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[Case, Shown]:
    return CASES.shown(tmp_path_factory.mktemp("cases"))


def a_run(**fields: Any) -> Run:
    return measured_run(**{"workloads": ["chat"], "concurrencies": [1], **fields})


def a_cell(**shape: Any) -> Cell:
    return measured_cell("chat", 1, **{"decode_tok_s": 115.0, **shape})


@case
def of_many_verdicts(model: Model) -> list[Run]:
    verdicts = {1: "fits", 4: "fits", 8: "unverified", 16: "spilled"}
    servers = [started_server(c, model, None, verdict) for c, verdict in verdicts.items()]
    return [a_run(model=model, concurrencies=list(verdicts), servers=servers)]


def test_memory_is_said_for_each_number_of_streams(shown):
    reason = started_server(1, SMOLLM2, None, "fits").memory.reason
    assert shown[of_many_verdicts].finding("Memory") == (
        f"spilled at 16 streams ({reason}); unverified at 8 streams ({reason});"
        " fits at 1 and 4 streams"
    )


@case
def with_a_curve(model: Model) -> list[Run]:
    return [a_run(model=model, concurrencies=[1, 4], **curve_and_bare_engine())]


def test_each_server_shows_its_own_proof(shown):
    first, second = shown[with_a_curve].run.servers
    assert (first.title, second.title) == (
        "Server for 1 stream and the curve over prompt lengths",
        "Server for 4 streams",
    )
    assert "--parallel 4" in second.command
    assert dict(second.facts) == {
        "Slots": "4",
        "Context": "2,048 tokens a slot",
        "Loaded in": "2.1 s",
        "Layers": "0 of 31 on the GPU",
        "Memory": "fits: weights and KV cache are accounted for on the expected device",
    }


@case
def with_a_server_that_did_not_start(model: Model) -> list[Run]:
    failure = {"kind": "load", "message": "unknown model architecture"}
    gone = {"argv": ["llama-server"], "failure": failure}
    return [a_run(model=model, servers=[a_run().servers[0], gone])]


def test_a_server_that_did_not_start_shows_why(shown):
    (_, gone) = shown[with_a_server_that_did_not_start].run.servers
    assert (gone.title, gone.failure) == ("Server", "did not load: unknown model architecture")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((8, 16, 0.021), "all together grow up to 8 streams; 16 add 2 %"),
        ((1, 4, -0.03), "all together grow up to 1 stream; 4 lose 3 %"),
        ((4, 8, 0.004), "all together grow up to 4 streams; 8 add nothing"),
    ],
)
def test_the_knee_in_words(row, words):
    names = ("knee", "after_knee", "after_knee_gain")
    assert conditions.knee(dict(zip(names, row, strict=True))) == words


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ("limit", "still growing at 64 streams, the most that is tried"),
        ("failed", "not reached: 64 streams could not be measured"),
        ("asked", ""),
        (None, ""),
    ],
)
def test_an_unknown_knee_says_why(ended, words):
    ladder = [1, 4, 64] if ended else None
    assert conditions.knee({"knee": None, "ladder": ladder, "ladder_ended": ended}) == words


@case
def that_ended_flat(model: Model) -> list[Run]:
    cells = [
        measured_cell("chat", streams, decode_tok_s=aggregate / streams)
        for streams, aggregate in ((1, 100), (4, 300), (8, 303))
    ]
    ladder = Ladder(concurrencies=[1, 4, 8], ended="flat")
    return [a_run(model=model, cells=cells, ladder=ladder)]


def test_a_climb_that_ended_flat_shows_its_knee_on_the_page(shown):
    knee = shown[that_ended_flat].finding("Knee")
    assert knee.startswith("all together grow up to 4 streams; 8 ")


@pytest.mark.parametrize(
    ("ratio", "low", "high", "drifted", "words"),
    [
        (0.988, 0.979, 1.003, False, "ended 1.2 % slower than it began, within its interval"),
        (0.94, 0.93, 0.95, True, "ended 6.0 % slower than it began: the machine changed"),
        (1.06, 1.05, 1.07, True, "ended 6.0 % faster than it began: the machine changed"),
        (1.012, 1.005, 1.02, False, "ended 1.2 % faster than it began, not clearly beyond"),
        (1.0001, 0.99, 1.01, False, "ended as fast as it began, within its interval"),
    ],
)
def test_drift_in_words(ratio, low, high, drifted, words):
    row = {"drift_ratio": ratio, "drift_lo": low, "drift_hi": high, "drifted": drifted}
    assert conditions.drift(row).startswith(words)


def test_a_change_has_a_sign_and_its_interval():
    row = {"drift_ratio": 0.988, "drift_lo": 0.979, "drift_hi": 1.003, "drifted": False}
    assert conditions.drift(row).endswith("(95 %: −2.1 to +0.3 %)")


@case
def that_drifted(model: Model) -> list[Run]:
    return [a_run(model=model, closing=a_cell(decode_tok_s=100.0, seed=2))]


def test_a_run_whose_machine_drifted_is_flagged_on_both_pages(shown):
    run, (row,) = shown[that_drifted].run, shown[that_drifted].rows
    assert run.status == "flagged"
    assert dict(run.findings)["Drift"].startswith("ended 1")
    assert (row.source_text, row.flags) == ("flagged", ("machine drifted",))


HOSTS = [
    (case(lambda model, load=load: [a_run(model=model, host_load=load)]), words)
    for load, words in (
        (HostLoad(cpu_busy_fraction=0.04, quiet=True), "quiet, CPU 4 % busy before"),
        (
            HostLoad(cpu_busy_fraction=0.04, waited_s=12.2, quiet=True),
            "quiet after waiting 12 s, CPU 4 % busy before",
        ),
        (
            HostLoad(cpu_busy_fraction=0.6, waited_s=60, quiet=False, foreign_gpu_processes=1),
            "not quiet after waiting 60 s, and measured all the same: CPU 60 % busy before,"
            " 1 other program on the GPU; provisional",
        ),
        (HostLoad(cpu_busy_fraction=0.04), None),
        (None, None),
    )
]


@pytest.mark.parametrize(("case", "words"), HOSTS)
def test_whether_the_host_was_quiet(shown, case, words):
    assert shown[case].finding("Host") == words


def test_a_run_on_a_busy_host_reads_provisional_everywhere(tmp_path):
    busy = HostLoad(cpu_busy_fraction=0.6, quiet=False)
    made = make(tmp_path, [a_run(host_load=busy)])
    (run,), (row,) = made.view.models[0].runs, made.view.rows
    assert run.status == row.source_text == "provisional"
    assert row.flags == ("host not quiet",)
    made.build()
    text = (made.project.site / "index.html").read_text()
    assert '<span class="note flags">host not quiet</span>' in text


@case
def of_a_session_that_ended_early(model: Model) -> list[Run]:
    return session_runs({"b10092": 1.0, "b10434": 1.0}, turns=2, ended="budget", model=model)


def test_a_run_of_a_session_that_ended_early_reads_provisional_everywhere(shown):
    early = shown[of_a_session_that_ended_early]
    assert [run.status for run in early.runs] == ["provisional", "provisional"]
    assert {row.source_text for row in early.rows} == {"provisional"}


@case
def disturbed(model: Model) -> list[Run]:
    heat = {"device": "CUDA0", "throttle_reasons": ["power-cap", "thermal"]}
    return [a_run(model=model, cells=[a_cell(others_cpu_fraction=0.37, **heat)])]


def test_a_cell_says_what_disturbed_it(shown):
    cell = shown[disturbed].cell
    assert cell.flags == ("throttled: power-cap and thermal", "other programs used 37 % of the CPU")
    assert (cell.verdict, cell.limit) == ("listed", "")


@case
def at_its_cap(model: Model) -> list[Run]:
    return [a_run(model=model, cells=[a_cell(device="CUDA0", throttle_reasons=["power-cap"])])]


def test_a_card_at_its_cap_is_told_and_not_flagged(shown):
    cell = shown[at_its_cap].cell
    assert (cell.flags, cell.limit) == ((), "held at its power cap")


def test_a_cell_whose_tokens_came_late_says_so_and_is_not_listed(tmp_path):
    site = make(tmp_path, [a_run(cells=[a_cell(arrival_ratio=2.0)])]).view
    assert [row.text for row in site.rows] == ["tokens came late, not listed"]
    assert site.models[0].runs[0].cells[0].verdict == "tokens came late, not listed"
    assert not site.charts


@case
def with_an_outlier(model: Model) -> list[Run]:
    cell = a_cell(repetitions=12)
    slow = slowed(cell.requests[0], 5)
    odd = cell.model_copy(update={"requests": [slow, *cell.requests[1:]]})
    return [a_run(model=model, cells=[odd])]


def test_outliers_stand_beside_the_repetitions(shown):
    cell = shown[with_an_outlier].cell
    assert (cell.n, cell.outliers) == (12, "1 outlier")


def figures(run: RunPage) -> dict[str, str]:
    return {
        metric: value.text for metric, value in zip(run.metrics, run.cells[0].values, strict=True)
    }


@case
def with_a_draft(model: Model) -> list[Run]:
    cell = a_cell(reasoning_tokens=20, draft_acceptance=0.71)
    draft = SMOLLM2.model_copy(update={"slug": "small"})
    return [a_run(model=model, mode="draft-small", draft=draft, cells=[cell])]


@case
def plain(model: Model) -> list[Run]:
    return [a_run(model=model)]


def test_hidden_tokens_and_acceptance_are_shown_where_there_are_any(shown):
    run = shown[with_a_draft].run
    found = figures(run)
    assert (found["reasoning_tokens"], found["draft_acceptance"]) == ("20.0", "71 %")
    assert float(found["first_visible_ms"]) > float(found["ttft_ms"])
    assert dict(run.facts)["Draft model"] == "small"
    assert ", draft-small, " in run.title
    hidden = {"reasoning_tokens", "draft_acceptance", "first_visible_ms", "ceiling_share"}
    assert not hidden & set(shown[plain].run.metrics)


@case
def with_a_bandwidth(model: Model) -> list[Run]:
    bandwidth = Bandwidth(device="host", bytes_per_s=20e9, source="measured", how="a copy loop")
    return [a_run(model=model.model_copy(update={"experts": 0}), bandwidth=[bandwidth])]


def test_the_share_of_the_ceiling_comes_with_the_bandwidth_it_is_of(shown):
    run = shown[with_a_bandwidth].run
    assert figures(run)["ceiling_share"].endswith(" %")
    assert dict(run.facts)["Bandwidth of host"] == "20.0 GB/s, measured: a copy loop"


def test_an_imported_run_shows_the_bare_engine_and_links_where_it_came_from(tmp_path):
    made = make(tmp_path, [imported_run(model=MISTRAL)])
    made.build()
    site: Site = made.view
    assert site.rows == ()
    (run,) = site.models[0].runs
    assert (run.status, run.cells, run.curve) == ("imported", (), None)
    assert [test.what for test in run.bare] == [
        "Prefill of 128 tokens",
        "Prefill of 512 tokens",
        "Prefill of 2,048 tokens",
        "Decode of 32 tokens after 128",
        "Decode of 32 tokens after 512",
        "Decode of 32 tokens after 2,048",
    ]
    page = (made.project.site / run.href).read_text()
    assert 'href="https://example.org/bench.json"' in page
    assert run.bare[0].tok_s in page
    assert site.models[0].href in (made.project.site / "data.html").read_text()


def test_a_model_with_a_listed_speed_is_not_named_as_one_without(tmp_path):
    made = make(tmp_path, [a_run(), imported_run()])
    made.build()
    assert "Models without a listed speed" not in (made.project.site / "data.html").read_text()


def test_flags_have_words_and_an_unknown_one_is_still_said():
    assert wording.flags(["throttled", "unheard-of", "busy-host"]) == (
        *("host not quiet", "throttled", "unheard-of"),
    )


@case
def flagged_after_a_calm_one(model: Model) -> list[Run]:
    hot = a_cell(decode_tok_s=700, device="CUDA0", throttle_reasons=["thermal"])
    calm = on_h100(model=model, workloads=["chat"], concurrencies=[1], started_at=EARLIER)
    later = on_h100(model=model, cells=[hot], started_at=EARLIER + timedelta(days=1))
    return [calm, later]


def test_an_undisturbed_older_run_is_shown_before_a_flagged_one(shown):
    (row,) = shown[flagged_after_a_calm_one].rows
    assert (row.source_text, row.flags) == ("measured", ())


IDS = {"b10068": "0" * 12, "b10434": "1" * 12}


@case
def in_turns(model: Model) -> list[Run]:
    session = {
        "session_id": "ab" * 6,
        "builds": list(IDS),
        "blocks": ["b10068", "b10434", "b10434", "b10068"],
        "ended": "known",
    }
    runs = []
    for build, run_id in IDS.items():
        run = a_run(model=model, build=build, run_id=run_id)
        (cell,) = run.cells
        waves = [wave.model_copy(update={"server": wave.wave % 2}) for wave in cell.waves]
        changed = {
            "cells": [cell.model_copy(update={"waves": waves})],
            "servers": [run.servers[0]] * 2,
            "session": Session.model_validate(session),
        }
        runs.append(run.model_copy(update=changed))
    return runs


def test_a_run_of_a_session_names_its_partners_its_blocks_and_how_to_repeat_it(shown):
    older = next(run for run in shown[in_turns].runs if run.build == "b10068")
    assert older.partners == (("b10434", f"runs/{IDS['b10434']}.html"),)
    assert [server.title for server in older.servers] == ["Server of block 1", "Server of block 2"]
    assert older.repeat.endswith("BUILD=b10068 BASELINE=b10434")
    assert dict(older.findings)["Session"] == (
        "measured in turns with b10434, 4 blocks in all, until every ratio was known"
    )
    assert dict(older.facts)["Blocks of the session"] == "b10068 b10434 b10434 b10068"


UNKNOWN = "Which card it was cannot be told."


@case
def that_cannot_be_told(model: Model) -> list[Run]:
    return [a_run(model=model, unknown=[UNKNOWN])]


@case
def beside_others(model: Model) -> list[Run]:
    run = a_run(model=model, unknown=[UNKNOWN])
    load = run.host_load.model_copy(update={"processes_on_other_gpus": 2})
    return [run.model_copy(update={"host_load": load})]


def test_what_cannot_be_told_of_a_run_and_who_computed_beside_it_are_said(shown):
    assert shown[that_cannot_be_told].finding("Unknown") == UNKNOWN
    words = shown[beside_others].finding("Host")
    assert words.endswith("; 2 programs computed on GPUs that this run does not use")
