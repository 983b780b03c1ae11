"""Only what changed is read, and the tables end as if everything had been."""

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import yaml

from bench_pipeline.records.cell import Request, Telemetry, Wave
from bench_pipeline.records.server import MemoryProof
from bench_pipeline.records.yaml.files import dump_record
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.schema import TABLES
from bench_pipeline.warehouse.store import Warehouse
from tests.curve_factories import curve_and_bare_engine, imported_run
from tests.edits import edit_run
from tests.factories import failed_cell, measured_run
from tests.warehouse.given import Here, given


class Listening:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator:
        self.lines.append(what)
        yield self

    def advance(self, amount: float) -> None:
        pass

    def describe(self, what: str) -> None:
        pass

    def say(self, line: str) -> None:
        self.lines.append(line)


def contents(project) -> dict[str, list[tuple]]:
    """The rows of each table, in an order of their own: DuckDB takes longer to sort so few."""
    with Warehouse(project.warehouse).read() as connection:
        return {
            table: sorted(
                connection.execute(
                    f"select * {'exclude ingested_at' if table == 'run_files' else ''} from {table}"
                ).fetchall(),
                key=repr,
            )
            for table in TABLES
        }


def test_a_second_refresh_reads_nothing_and_changes_nothing(project, put, small):
    put(small())
    first = refresh(project)
    before = contents(project)
    listening = Listening()
    second = refresh(project, listening)
    assert (first.ingested, first.removed, first.unchanged) == (1, 0, 0)
    assert (second.ingested, second.removed, second.unchanged) == (0, 0, 1)
    assert second.row_counts == first.row_counts
    assert contents(project) == before
    assert listening.lines == []


def test_only_a_new_file_is_read(project, put, small):
    put(small(seed=1))
    refresh(project)
    put(small(seed=2))
    listening = Listening()
    report = refresh(project, listening)
    assert (report.ingested, report.unchanged) == (1, 1)
    assert listening.lines == ["Reading 1 run files"]


def test_an_edited_file_replaces_its_rows(project, put, small, rows):
    run = small()
    path = put(run)
    put(small(seed=2))
    refresh(project)
    edit_run(path, "Intel(R) Xeon(R) Processor", "another CPU")
    report = refresh(project)
    assert report.rejected == []
    assert (report.ingested, report.removed, report.unchanged) == (1, 0, 1)
    assert rows(f"select cpu from runs where run_id = '{run.run_id}'") == [("another CPU",)]
    assert rows("select count(*) from measurements") == [(2,)]


def test_a_deleted_file_takes_its_rows_with_it(project, put, small, rows):
    path = put(small(seed=1, **curve_and_bare_engine()))
    put(small(seed=2, **curve_and_bare_engine()))
    refresh(project)
    path.unlink()
    report = refresh(project)
    assert (report.ingested, report.removed, report.unchanged) == (0, 1, 1)
    assert report.row_counts["speed_ranges"] > 0
    of_a_run = ("run_files", "runs", "servers", "requests", "waves", "measurements")
    for table in (*of_a_run, "curve_points", "bare_tests"):
        assert rows(f"select count(distinct run_id) from {table}") == [(1,)], table


def test_a_deleted_warehouse_is_rebuilt_as_it_was(published_project, put, small):
    put(small())
    rich = curve_and_bare_engine()
    put(measured_run(backend="cuda", rig="h100-vm", build="b11434", **rich))
    put(imported_run())
    refresh(published_project)
    before = contents(published_project)
    shutil.rmtree(published_project.warehouse.parent)
    report = refresh(published_project)
    assert report.ingested == 13
    assert contents(published_project) == before


def test_steps_end_where_one_ingest_of_everything_ends(published_project, put, small):
    refresh(published_project)
    paths = [put(small(seed=seed)) for seed in range(4)]
    refresh(published_project)
    paths[0].unlink()
    put(small(seed=9))
    refresh(published_project)
    by_steps = contents(published_project)
    shutil.rmtree(published_project.warehouse.parent)
    refresh(published_project)
    assert contents(published_project) == by_steps


def test_changed_code_rebuilds_from_scratch(project, put, small, rows):
    put(small())
    refresh(project)
    with Warehouse(project.warehouse).write() as connection:
        connection.execute("update warehouse_state set value = 'older' where key = 'code_version'")
        connection.execute("create table of_an_older_version (x integer)")
    report = refresh(project)
    assert report.ingested == 1
    assert rows("select count(*) from runs") == [(1,)]
    assert rows("select * from duckdb_tables() where table_name = 'of_an_older_version'") == []


def test_more_runs_than_one_batch(project, put, small, monkeypatch):
    monkeypatch.setattr("bench_pipeline.warehouse.ingest._BATCH_RUNS", 2)
    monkeypatch.setattr("bench_pipeline.warehouse.ingest._TASK_BYTES", 1)
    for seed in range(5):
        put(small(seed=seed))
    assert refresh(project).ingested == 5
    assert refresh(project).unchanged == 5


@given
def test_a_failed_run_is_kept_and_visible(here: Here):
    run = here.run(
        status="failed",
        failure={"kind": "crash", "message": "the server died", "log_tail": ["GGML_ASSERT"]},
        cells=[
            here.cell("chat"),
            failed_cell("rag", 1, kind="crash"),
        ],
    )
    here.put(run)
    yield
    assert here.rows(
        "select status, failure_kind, failure_message, failure_log_tail from runs"
    ) == [("failed", "crash", "the server died", ["GGML_ASSERT"])]
    assert here.rows(
        "select workload, status, failure_kind, n, decode_tok_s is null from measurements"
        " order by workload"
    ) == [("chat", "ok", None, 5, False), ("rag", "failed", "crash", None, True)]


@given
def test_a_run_that_failed_before_its_first_cell_is_kept(here: Here):
    here.put(here.run(cells=[], status="failed", failure={"kind": "load", "message": "no model"}))
    yield
    assert here.rows("select failure_kind from runs") == [("load",)]
    assert here.rows("select * from measurements") == []


@given
def test_a_failed_cells_requests_are_kept_without_figures(here: Here):
    measured = here.cell("chat")
    cut_off = failed_cell("chat", 1).model_copy(
        update={"requests": measured.requests[:2], "waves": measured.waves[:2]}
    )
    here.put(here.small(cells=[cut_off]))
    yield
    assert here.rows("select n, decode_tok_s, prompt_tokens from measurements") == [
        (None, None, None)
    ]
    assert here.rows("select count(*) from requests where not warmup") == [(2,)]


@given
def test_the_decode_rate_agrees_with_the_servers_raw_counts(here: Here):
    [path] = here.put(here.run(decode_tok_s=115.0))
    yield
    document = yaml.safe_load(path.read_text())
    for cell in document["cells"]:
        waves: dict[str, list[float]] = {}
        for request in csv.DictReader(cell["requests"].splitlines()):
            rate = (int(request["output_tokens"]) - 1) / float(request["server_decode_ms"]) * 1000
            waves.setdefault(request["wave"], []).append(rate)
        medians = sorted(sorted(rates)[len(rates) // 2] for rates in waves.values())
        recomputed = medians[len(medians) // 2]
        place = f"workload = '{cell['workload']}' and concurrency = {cell['concurrency']}"
        [(ours, lo, hi, n, agree)] = here.rows(
            "select decode_tok_s, decode_tok_s_lo, decode_tok_s_hi, n, clocks_agree"
            f" from measurements where {place}"
        )
        assert ours == pytest.approx(recomputed, rel=0.01)
        assert lo <= ours <= hi
        assert (n, agree) == (5, True)


@given
def test_every_field_of_the_raw_records_has_its_column(here: Here):
    here.put(here.run(backend="cuda", rig="h100-vm"))
    yield

    def columns(table: str) -> set[str]:
        found = here.rows(f"select column_name from duckdb_columns() where table_name = '{table}'")
        return {name for (name,) in found}

    assert set(Request.model_fields) <= columns("requests")
    assert set(Wave.model_fields) <= columns("waves")
    assert set(Telemetry.model_fields) <= columns("telemetry")


@given
def test_a_run_says_everything_about_itself(here: Here):
    run = here.run(backend="cuda", rig="h100-vm", build="b11434", decode_tok_s=720.0)
    here.put(run)
    yield
    assert here.rows(
        "select gpu, gpu_memory_mib, driver, power_cap_w, build_number, reasons, memory_verdict,"
        " quiet, ladder, ladder_ended, started_at, path, size_bytes from runs"
    ) == [
        (
            "NVIDIA H100 80GB HBM3",
            81559.0,
            "580.95.05",
            700.0,
            11434,
            False,
            "fits",
            True,
            [1, 4],
            "asked",
            datetime(2026, 11, 22, 12, 0),
            f"content/benchmarks/runs/{run.relative_path}",
            98362432,
        )
    ]
    assert here.rows(
        "select server, concurrencies, slots, argv[1], layers_offloaded, layers_total, load_ms"
        " from servers order by server"
    ) == [(0, [1], 1, "llama-server", 31, 31, 2100.0), (1, [4], 4, "llama-server", 31, 31, 2100.0)]
    [(memory,)] = here.rows("select memory_json from servers where server = 1")
    assert MemoryProof.model_validate_json(memory) == run.servers[1].memory
    [(power, joules)] = here.rows(
        "select any_value(power_mean_w), min(joules_per_token) from measurements"
    )
    assert power == 350.0
    assert joules > 0


@given
def test_times_are_utc_wherever_the_rig_stands(here: Here):
    started = datetime.fromisoformat("2026-11-22T23:30:00-05:00")
    run = here.small(started_at=started)
    assert "2026-11-23T04:30:00Z" in dump_record(run)
    here.put(run)
    yield
    assert here.rows("select started_at from runs") == [(datetime(2026, 11, 23, 4, 30),)]
    assert started.astimezone(UTC).replace(tzinfo=None) == datetime(2026, 11, 23, 4, 30)
