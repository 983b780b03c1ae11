"""Builds measured in turns: their verdict is the warehouse's, on the page and in its script."""

import pytest
from playwright.sync_api import Page

from bench_pipeline.site.compare.address import configuration_id
from bench_pipeline.site.compare.configurations import Catalogue, catalogue
from bench_pipeline.site.compare.pairs import natural_pairs
from bench_pipeline.site.compare.two import Comparison, Side, compare
from tests.factories import measured_run
from tests.session_factories import AVX2, session_runs
from tests.site.compare.test_in_browser import body, squeezed, visit, words
from tests.site.conftest import EARLIER, Made, make

SPEEDS = {"b10068": 1.0, "b10092": 0.94, "b10434": 0.94}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three builds of one session, one of them compiled differently, and an older run apart."""
    runs = session_runs(SPEEDS, turns=8, workloads=("chat", "rag"), system_infos={"b10068": AVX2})
    apart = measured_run(build="b9000", started_at=EARLIER, workloads=["chat"], concurrencies=[1])
    made = make(tmp_path_factory.mktemp("sessions") / "project", [*runs, apart])
    made.build()
    return made


@pytest.fixture(scope="module")
def known(measured: Made) -> Catalogue:
    return catalogue(measured.tables)


def of_builds(known: Catalogue, before: str, after: str) -> Comparison:
    by_build = {c.row["build"]: Side(c) for c in known.configurations}
    return compare(known, by_build[before], by_build[after])


def test_each_verdict_of_a_session_is_the_warehouse_s(measured: Made, known: Catalogue):
    titles = {work["workload"]: work["title"] for work in measured.tables.workloads}
    judged = [row for row in measured.tables.comparisons if row["session_id"]]
    assert len(judged) == 3 * 2 * 3
    assert {row["verdict"] for row in judged} >= {"slower", "no difference"}
    for row in judged:
        two = of_builds(known, row["build_before"], row["build_after"])
        assert two.basis == "session"
        assert (two.run_a, two.run_b) == (row["run_before"], row["run_after"])
        (section,) = two.sections
        (metric,) = (m for m in section.metrics if m.metric == row["metric"])
        (line,) = (x for x in metric.lines if x.workload == titles[row["workload"]])
        assert line.outcome
        assert (line.outcome.verdict, line.outcome.ratio) == (row["verdict"], row["ratio"])
        assert line.a and line.a.values[row["metric"]].text == f"{row['value_before']:.1f}"
        assert line.b and line.b.values[row["metric"]].text == f"{row['value_after']:.1f}"


def test_a_verdict_names_that_the_builds_were_compiled_differently(known: Catalogue):
    compiled = of_builds(known, "b10068", "b10092").compiled
    assert "b10092 has AMX_INT8" in compiled
    assert of_builds(known, "b10092", "b10434").compiled == ""


def test_turned_around_slower_reads_faster(known: Catalogue):
    there, back = of_builds(known, "b10068", "b10434"), of_builds(known, "b10434", "b10068")
    said = [two.sections[0].metrics[0].lines[0].outcome for two in (there, back)]
    assert [outcome.verdict for outcome in said if outcome] == ["slower", "faster"]
    assert (there.run_a, there.run_b) == (back.run_b, back.run_a)


def test_a_build_outside_the_session_is_not_judged(known: Catalogue):
    two = of_builds(known, "b9000", "b10068")
    assert two.basis != "session"
    told = [x.outcome for m in two.sections[0].metrics for x in m.lines if x.outcome]
    assert told
    assert not any(outcome.judged for outcome in told)


def test_the_script_says_of_sessions_what_python_says(page: Page, measured: Made, known: Catalogue):
    site = measured.project.site
    pairs = [two for kind in natural_pairs(known) for two in kind.shown]
    assert [two.basis for two in pairs].count("session") == 3
    for two in pairs:
        visit(page, site, two.a.id, two.b.id)
        title = squeezed(words(page, f"#pair-{two.key}-title"))
        assert squeezed(body(page)) == squeezed(words(page, f"#pair-{two.key}")).removeprefix(title)
    ids = {run["build"]: configuration_id(run) for run in measured.tables.runs}
    visit(page, site, ids["b10434"], ids["b10068"])
    turned = of_builds(known, "b10434", "b10068")
    outcomes = [x.outcome for m in turned.sections[0].metrics for x in m.lines if x.outcome]
    shown = page.locator("#compare-body .told")
    assert [squeezed(text) for text in shown.all_inner_texts() if text.strip()] == [
        squeezed(f"{o.change}{o.verdict}{o.interval}{o.reason}") for o in outcomes
    ]
