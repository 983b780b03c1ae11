"""The first screen's answers, and what is said of ties."""

import pytest

from bench_pipeline.site.runs.view import RunPageMaker
from bench_pipeline.site.tables.answers import Answer, Machine
from bench_pipeline.site.view import Site
from tests.factories import SMOLLM2, measured_run
from tests.session_factories import session_runs
from tests.site.conftest import EARLIER, GEMMA3, MISTRAL, Made, make


@pytest.fixture(scope="module")
def shown(made: Made) -> Site:
    return made.view


def machine(site: Site, rig: str) -> Machine:
    return next(machine for machine in site.machines if machine.rig == rig)


def answers(site: Site, rig: str, workload: str = "chat") -> dict[str, Answer]:
    board = next(b for b in machine(site, rig).boards if b.workload == workload)
    return {answer.row.model: answer for answer in board.answers}


def test_every_model_has_one_answer_on_each_machine_and_workload_that_tried_it(shown: Site):
    for shown_machine in shown.machines:
        tried = {
            row.model
            for row in shown.rows
            if row.hardware.rig == shown_machine.rig and row.concurrency in (1, None)
        }
        for board in shown_machine.boards:
            models = [answer.row.model for answer in board.answers]
            assert len(models) == len(set(models))
            assert set(models) <= tried


def test_the_answer_is_the_highest_median_of_one_stream(shown: Site):
    for number, work in enumerate(("chat", "rag", "codegen", "agent")):
        best = answers(shown, "shared-vm-2core", work)[SMOLLM2.slug]
        rivals = [
            row.figures[number].tok_s
            for row in shown.rows
            if row.model == SMOLLM2.slug
            and row.hardware.rig == "shared-vm-2core"
            and row.concurrency == 1
            and row.provenance == "measured"
        ]
        assert best.figure.tok_s == max(rate for rate in rivals if rate is not None)
        assert best.row.concurrency == 1
        assert best.configuration == "CPU, llama.cpp b10434"


def test_the_machine_measured_last_stands_first(tmp_path):
    newest = measured_run(concurrencies=[1])
    older = measured_run(rig="h100-vm", backend="cuda", started_at=EARLIER, concurrencies=[1])
    site = make(tmp_path, [older, newest], published=True).view
    assert [m.rig for m in site.machines] == ["shared-vm-2core", "h100-vm", "gaming-desktop"]


def test_a_provisional_figure_never_outranks_one_measured_in_full(tmp_path):
    full = measured_run(build="b10092", concurrencies=[1], decode_tok_s=100)
    quick = measured_run(profile="quick", concurrencies=[1], decode_tok_s=200)
    site = make(tmp_path, [full, quick]).view
    assert answers(site, "shared-vm-2core")[SMOLLM2.slug].row.build == "b10092"


def test_a_stranger_s_figure_is_in_the_table_behind_all_and_is_no_answer(tmp_path):
    own = measured_run(build="b10092", concurrencies=[1], decode_tok_s=100)
    sent = measured_run(concurrencies=[1], decode_tok_s=900, submitted_by="bert")
    alone = measured_run(rig="h100-vm", backend="cuda", concurrencies=[1], submitted_by="bert")
    made = make(tmp_path, [own, sent, alone])
    site = made.view
    assert [m.rig for m in site.machines] == ["shared-vm-2core"]
    answer = answers(site, "shared-vm-2core")[SMOLLM2.slug]
    assert answer.row.build == "b10092" and answer.tied == ()
    assert next(row.build for row in site.rows if row.concurrency) == "b10092"
    assert site.counts.endswith(
        "1 measured here, 0 taken from elsewhere, 2 sent by somebody unknown here"
    )
    run = next(run for run in made.tables.runs if run["run_id"] == sent.run_id)
    page = RunPageMaker(made.tables).page(run)
    assert ("Sender", "sent by bert, unsigned") in page.findings


def test_what_does_not_fit_is_an_answer_too(shown: Site):
    answer = answers(shown, "h100-vm")[MISTRAL.slug]
    assert answer.figure.tok_s is None
    assert answer.figure.reason == "does not fit: spilled to system memory"
    assert answer.fits == "no"
    assert answers(shown, "h100-vm")[GEMMA3.slug].fits == "yes"


def test_a_column_that_no_answer_fills_is_left_out(shown: Site):
    assert machine(shown, "gaming-desktop").boards[0].metrics == ()
    assert "joules_per_token" in machine(shown, "h100-vm").boards[0].metrics


def test_builds_that_cannot_be_told_apart_are_declared_tied(tmp_path):
    runs = [
        measured_run(build="b10434", concurrencies=[1], seed=1),
        measured_run(build="b10092", concurrencies=[1], seed=2),
        measured_run(build="b10068", concurrencies=[1], decode_tok_s=80),
    ]
    site = make(tmp_path, runs).view
    said = {row.build: row.standing_text for row in site.rows}
    assert said == {
        "b10434": "not separable from the fastest",
        "b10092": "not separable from the fastest",
        "b10068": "",
    }
    answer = answers(site, "shared-vm-2core")[SMOLLM2.slug]
    other = {"b10434": "b10092", "b10092": "b10434"}[answer.row.build]
    assert answer.tie == f"not separable from CPU, llama.cpp {other}"


def test_builds_measured_in_turns_are_told_apart_by_their_verdict(tmp_path):
    """The machine drifts by a fifth, so both medians are known badly and their ratio well."""
    runs = session_runs({"b10092": 1.0, "b10434": 0.96}, turns=6, drift=0.2)
    site = make(tmp_path, runs).view
    faster, slower = (row.figures[0] for row in sorted(site.rows, key=lambda row: row.build))
    assert (faster.lo or 0) < (slower.hi or 0)
    assert (faster.standing, slower.standing) == ("fastest", "slower")
    (answer,) = answers(site, "shared-vm-2core").values()
    assert (answer.row.build, answer.tie) == ("b10092", "")


def test_a_build_that_leads_beyond_its_interval_is_called_the_fastest(shown: Site):
    rows = [
        row
        for row in shown.rows
        if row.model == SMOLLM2.slug and row.hardware.rig == "shared-vm-2core"
    ]
    said = {(row.build, row.concurrency): row.standing_text for row in rows}
    assert said["b10092", 1] == ""
    assert all(row.standing == "unjudged" for row in shown.rows if row.provenance != "measured")
    assert all(row.standing == "unjudged" for row in shown.rows if row.provisional)
