"""The last lines of `make bench BUILD= BASELINE=`."""

import io

import pytest
from rich.console import Console

from bench_pipeline.cli.verdicts import change, tell_verdicts
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import write_run
from bench_pipeline.warehouse.refresh import refresh
from tests.conftest import without_runs
from tests.session_factories import AVX2, session_runs


def told(project: Project, run_ids: list[str]) -> str:
    out = io.StringIO()
    tell_verdicts(project, Console(file=out, width=160), run_ids)
    return out.getvalue()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """To be read and not changed."""
    return without_runs(tmp_path_factory.mktemp("judged") / "checkout")


@pytest.fixture(scope="module")
def run_ids(project: Project) -> list[str]:
    runs = session_runs({"b10068": 1.0, "b10434": 0.9}, system_infos={"b10068": AVX2})
    for run in runs:
        write_run(run, project.runs)
    refresh(project)
    return [run.run_id for run in runs]


def test_each_judged_figure_has_its_change_and_its_verdict(project: Project, run_ids: list[str]):
    lines = told(project, run_ids).splitlines()
    assert "b10434 against b10068, measured in turns" in lines
    [decode] = [line for line in lines if "Decode" in line]
    assert "slower" in decode
    assert "-10" in decode or "-9." in decode
    assert any("Compiled differently" in line and "AMX" in line for line in lines)


def test_nothing_is_said_of_runs_that_were_not_made_just_now(project: Project, run_ids: list[str]):
    assert told(project, run_ids[:1]) == ""


def test_a_change_without_an_interval_is_shown_alone():
    assert change({"ratio": 0.9278, "ratio_lo": 0.862, "ratio_hi": 0.9868}) == (
        "-7.2 % (-13.8 to -1.3)"
    )
    assert change({"ratio": 1.02, "ratio_lo": None, "ratio_hi": None}) == "+2.0 %"
