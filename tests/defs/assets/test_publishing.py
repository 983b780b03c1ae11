"""From run files to pages by Dagster's own job, and what its checks stop or only tell."""

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import dagster as dg
import pytest
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction

from bench_pipeline.defs.checks import ALL_CHECKS
from bench_pipeline.defs.gathered import build_defs
from bench_pipeline.paths import Project
from bench_pipeline.progress import Silent
from bench_pipeline.records.cell import Failure
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import write_run
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests.conftest import without_runs
from tests.curve_factories import curve_and_bare_engine
from tests.defs.assets.conftest import QUIET, failed_checks, made
from tests.factories import failed_cell, measured_run
from tests.published import published_rows, unpacked

Launch = Callable[..., dg.ExecuteInProcessResult]
Put = Callable[[Run], Path]
ChecksAfter = Callable[[Callable[[Project], None]], set[str]]
Verdict = Callable[[str, str], dg.AssetCheckResult]
BY_NAME = {key.name: check for check in ALL_CHECKS for key in check.check_keys}
FLOW = [
    *("run_files", "measurements", "speed_ranges", "workload_speeds"),
    *("comparisons", "build_trends", "site_pages"),
]


@dataclass(frozen=True)
class Published:
    project: Project
    run: Run
    failed: Run
    result: dg.ExecuteInProcessResult


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A measured run and a failed one, published; to be copied, not changed."""
    project = without_runs(tmp_path_factory.mktemp("published") / "checkout")
    run = measured_run(**curve_and_bare_engine())
    failure = Failure(kind="crash", message="the server died")
    cells = [failed_cell("chat", 1)]
    failed = measured_run(cells=cells, seed=3, status="failed", failure=failure, build="b10092")
    for each in (run, failed):
        write_run(each, project.runs)
    with dg.DagsterInstance.ephemeral() as instance:
        definitions = build_defs(project=project, reporter=Silent())
        job = definitions.resolve_job_def("publish")
        result = job.execute_in_process(instance=instance, run_config=QUIET)
    return Published(project, run, failed, result)


def test_a_run_reaches_the_page_and_every_check_passes(published_once: Published) -> None:
    project, run, result = published_once.project, published_once.run, published_once.result
    assert result.success
    assert sorted(made(result)) == sorted(FLOW)
    assert failed_checks(result) == {}
    assert len(result.get_asset_check_evaluations()) == len(ALL_CHECKS)
    rows = published_rows(project.site, "measurements")
    assert len([row for row in rows if row["run_id"] == run.run_id]) == len(run.cells)


def test_a_failed_run_is_published_as_failed_and_fails_no_check(published_once: Published) -> None:
    project, run = published_once.project, published_once.failed
    assert failed_checks(published_once.result) == {}
    rows = published_rows(project.site, "measurements")
    (row,) = [row for row in rows if row["run_id"] == run.run_id]
    assert (row["status"], row["decode_tok_s"]) == ("failed", "")


def test_a_materialization_tells_a_person_what_is_in_it(published_once: Published) -> None:
    metadata = {
        event.materialization.asset_key.to_user_string(): event.materialization.metadata
        for event in published_once.result.get_asset_materialization_events()
    }
    assert metadata["run_files"]["dagster/row_count"].value == 2
    assert metadata["measurements"]["dagster/row_count"].value == 8 + 1
    columns = metadata["speed_ranges"]["dagster/column_schema"].value.columns
    slowest = next(column for column in columns if column.name == "decode_tok_s_min")
    assert slowest.description == "[tok/s] Slowest workload's decode rate."
    lineage = metadata["speed_ranges"]["dagster/column_lineage"].value.deps_by_column
    (source,) = lineage["decode_tok_s_min"]
    assert (source.asset_key, source.column_name) == (dg.AssetKey("measurements"), "decode_tok_s")
    assert "| SmolLM2 | 135M-Instruct | Q4_1 |" in metadata["speed_ranges"]["first 20 rows"].value
    assert metadata["site_pages"]["index"].value.endswith("site_out/index.html")


def test_a_project_without_any_run_publishes_an_empty_page(
    project: Project, launch: Launch
) -> None:
    assert launch("publish").success
    assert (project.site / "index.html").exists()


def test_what_can_t_be_read_is_named_while_the_rest_is_published(
    project: Project, put: Put, launch: Launch
) -> None:
    put(measured_run())
    for folder, name in ((project.runs / "vm" / "cpu", "run"), (project.rigs, "rig")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"bad-{name}.yaml").write_text("colour: green\n...\n")
    result = launch("publish")
    assert not result.success
    assert sorted(made(result)) == sorted(FLOW)
    named = {
        check: {name for name in ("bad-run.yaml", "bad-rig.yaml") if name in description}
        for check, description in failed_checks(result).items()
    }
    assert named == {
        "run_files_valid": {"bad-run.yaml"},
        "declarations_valid": {"bad-rig.yaml"},
        "nothing_left_out": {"bad-run.yaml", "bad-rig.yaml"},
    }
    assert all("mend: " in description for description in failed_checks(result).values())
    assert len(published_rows(project.site, "ranges")) == 2


@pytest.fixture
def checks_after(
    published_once: Published, tmp_path: Path, instance: dg.DagsterInstance
) -> ChecksAfter:
    """The checks that fail, by Dagster's own job, once something was done to what is published,
    nothing refreshed."""

    def after(change: Callable[[Project], None]) -> set[str]:
        project = Project(tmp_path / "copy")
        shutil.copytree(published_once.project.root, project.root)
        change(project)
        job = dg.define_asset_job("checks_alone", selection=dg.AssetSelection.checks(*ALL_CHECKS))
        definitions = dg.Definitions.merge(build_defs(project=project), dg.Definitions(jobs=[job]))
        result = definitions.resolve_job_def("checks_alone").execute_in_process(
            instance=instance, run_config=QUIET, raise_on_error=False
        )
        assert len(result.get_asset_check_evaluations()) == len(ALL_CHECKS)
        return set(failed_checks(result))

    return after


def asked(check: str, project: Project) -> dg.AssetCheckResult:
    definition = BY_NAME[check].node_def
    assert isinstance(definition, dg.OpDefinition)
    function = definition.compute_fn
    assert isinstance(function, DecoratedOpFunction)
    result = function.decorated_fn(project)
    assert isinstance(result, dg.AssetCheckResult)
    return result


@pytest.fixture(scope="module")
def to_be_tampered_with(
    published_once: Published, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    project = Project(tmp_path_factory.mktemp("tampered") / "copy")
    shutil.copytree(published_once.project.root, project.root)
    return project


@pytest.fixture
def verdict(published_once: Published, to_be_tampered_with: Project) -> Verdict:
    """What a check says of the warehouse after this statement; asked as a function, without an
    instance and a job of Dagster's, which take longer than all checks."""

    def after(sql: str, check: str) -> dg.AssetCheckResult:
        project = to_be_tampered_with
        shutil.copy(published_once.project.warehouse, project.warehouse)
        with Warehouse(project.warehouse).write() as connection:
            connection.execute(sql)
        return asked(check, project)

    return after


@pytest.mark.parametrize(
    ("asset", "check", "sql"),
    [
        # the clock ran backwards
        ("measurements", "figures_finite_and_positive", "decode_tok_s = -1"),
        ("measurements", "figures_finite_and_positive", "ttft_ms = 'nan'"),
        # a median outside its own interval
        ("measurements", "figures_finite_and_positive", "prefill_tok_s = prefill_tok_s_hi + 1"),
        # a figure lost on the way
        ("measurements", "figures_finite_and_positive", "ttft_ms = null"),
        ("curve_points", "figures_finite_and_positive", "prefill_tok_s = null"),
        ("curve_points", "figures_finite_and_positive", "decode_tok_s = decode_tok_s_lo - 1"),
        ("curve_points", "figures_finite_and_positive", "status = 'failed'"),
        ("bare_tests", "figures_finite_and_positive", "tok_s = 'infinity'"),
        ("measurements", "ranges_hold", "decode_tok_s = decode_tok_s * 1.01"),
        ("measurements", "workload_speeds_are_measured", "decode_tok_s = decode_tok_s * 1.01"),
        ("measurements", "workload_speeds_are_measured", "delivered_on_time = false"),
        ("measurements", "site_equals_warehouse", "aggregate_tok_s = aggregate_tok_s + 0.1"),
        ("curve_points", "site_equals_warehouse", "ttft_ms = ttft_ms + 0.1"),
        ("bare_tests", "site_equals_warehouse", "n = 6"),
        ("speed_ranges", "ranges_hold", "decode_tok_s_min = decode_tok_s_max + 1"),
        ("speed_ranges", "site_equals_warehouse", "n_workloads = 3"),
        ("workload_speeds", "workload_speeds_are_measured", "run_id = 'abc'"),
        ("run_files", "every_run_file_ingested", "sha256 = 'edited since'"),
        ("build_trends", "tables_as_made", "flagged = not flagged"),
    ],
)
def test_a_number_that_slipped_through_is_caught(
    verdict: Verdict, asset: str, check: str, sql: str
) -> None:
    assert verdict(f"update {asset} set {sql}", check).passed is False


def test_a_measurement_that_stands_twice_is_caught(verdict: Verdict) -> None:
    twice = "select * from measurements union all select * from measurements"
    stands_twice = f"create or replace table measurements as {twice}"
    assert verdict(stands_twice, "measurements_key_unique").passed is False


@pytest.mark.parametrize("check", BY_NAME)
def test_what_nobody_touched_passes(verdict: Verdict, check: str) -> None:
    assert verdict("select 1", check).passed, "else the tampered ones say nothing"


def test_a_number_that_slipped_through_fails_its_checks_in_dagsters_own_job(
    checks_after: ChecksAfter,
) -> None:
    def change(project: Project) -> None:
        with Warehouse(project.warehouse).write() as connection:
            connection.execute("update measurements set decode_tok_s = -1")

    assert checks_after(change) == {
        *("figures_finite_and_positive", "ranges_hold", "workload_speeds_are_measured"),
        *("site_equals_warehouse", "tables_as_made"),
    }


def test_a_point_whose_clocks_disagree_has_no_figure_and_holds_nothing_up(
    published_once: Published, tmp_path: Path
) -> None:
    project = Project(tmp_path / "copy")
    shutil.copytree(published_once.project.root, project.root)
    [point, *rest] = curve_and_bare_engine()["curves"]
    cold = [r.model_copy(update={"server_decode_ms": 2 * r.decode_ms}) for r in point.cold]
    curves = [point.model_copy(update={"cold": cold}), *rest]
    write_run(measured_run(seed=2, curves=curves), project.runs)
    assert refresh(project).ingested == 1
    assert asked("figures_finite_and_positive", project).passed


def test_a_run_file_that_vanished_is_caught(checks_after: ChecksAfter) -> None:
    def remove(project: Project) -> None:
        next(project.runs.rglob("*.yaml")).unlink()

    assert checks_after(remove) == {"every_run_file_ingested"}


def test_an_edited_data_file_is_caught(checks_after: ChecksAfter) -> None:
    def edit(project: Project) -> None:
        path = project.site / "data" / "ranges.csv.gz"
        edited = unpacked(path).replace(",measured,", ",published,")
        path.write_bytes(gzip.compress(edited.encode()))

    assert checks_after(edit) == {"site_equals_warehouse"}


def test_no_committed_figure_holds_a_page_up(
    published_clone: tuple[Path, CompletedProcess[str]],
) -> None:
    """Also of an engine without a clock of its own, which has no prefill."""
    clone, _ = published_clone
    assert asked("figures_finite_and_positive", Project(clone)).passed
