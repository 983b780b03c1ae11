"""Tables as files to download."""

import csv
import io
import os
import random
import subprocess
import sys
from datetime import datetime

import pytest

from bench_pipeline.records.yaml.files import write_run
from bench_pipeline.warehouse.export import (
    as_cell,
    columns_of,
    csv_header,
    csv_lines,
    export_duckdb,
    export_parquet,
)
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests import full_disk
from tests.conftest import without_runs
from tests.factories import measured_run
from tests.warehouse.conftest import published_runs

MEASUREMENTS = [
    "run_id",
    "rig",
    "gpu",
    "engine",
    "build",
    "backend",
    "family",
    "variant",
    "quant",
    "mode",
    "power_cap_w",
    "workload",
    "concurrency",
    "status",
    "n",
    "decode_tok_s",
    "decode_tok_s_lo",
    "decode_tok_s_hi",
    "prefill_tok_s",
    "prefill_tok_s_lo",
    "prefill_tok_s_hi",
    "aggregate_tok_s",
    "aggregate_tok_s_lo",
    "aggregate_tok_s_hi",
    "ttft_ms",
    "ttft_ms_lo",
    "ttft_ms_hi",
    "provenance",
]
SETTING = MEASUREMENTS[: MEASUREMENTS.index("workload")]
RANGES = [
    "family",
    "variant",
    "quant",
    "rig",
    "engine",
    "build",
    "backend",
    "mode",
    "concurrency",
    "decode_tok_s_min",
    "decode_tok_s_max",
    "n_workloads",
    "provenance",
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Warehouse:
    """Of the runs taken over from another page and a measured one, to be read."""
    project = without_runs(tmp_path_factory.mktemp("filled") / "checkout")
    published_runs(project)
    write_run(measured_run(), project.runs)
    refresh(project)
    return Warehouse(project.warehouse)


@pytest.mark.parametrize(
    ("table", "promised"),
    [
        ("measurements", MEASUREMENTS),
        ("speed_ranges", RANGES),
        ("curve_points", [*SETTING, "depth_tokens", "status", "n", "prefill_tok_s"]),
        ("bare_tests", [*SETTING, "kind", "prompt_tokens", "output_tokens", "depth_tokens", "n"]),
    ],
)
def test_the_promised_columns_come_first(filled, table, promised):
    with filled.read() as connection:
        header = csv_header(connection, table).decode().rstrip("\n").split(",")
    assert header[: len(promised)] == promised


def test_each_type_has_one_plain_form(tmp_path):
    with Warehouse(tmp_path / "w.duckdb").write() as connection:
        connection.execute(
            "create table t as select 143.0::double as rate, 0.1 + 0.2::double as exact,"
            " 7 as whole, null::double as nothing, true as yes, ['b', 'a'] as items,"
            " timestamp '2026-11-22 12:00:00' as at, 'a \"b\", c' as words"
        )
        count, lines = csv_lines(connection, "t")
        assert count == 1
        found = csv_header(connection, "t") + lines
    assert found == (
        b"rate,exact,whole,nothing,yes,items,at,words\n"
        b'143.0,0.30000000000000004,7,,true,b;a,2026-11-22T12:00:00Z,"a ""b"", c"\n'
    )


def test_a_rebuilt_warehouse_exports_the_same_bytes(filled, published_project, put):
    put(measured_run())
    refresh(published_project)
    exports = []
    for warehouse in (filled, Warehouse(published_project.warehouse)):
        with warehouse.read() as connection:
            tables = ("measurements", "speed_ranges", "workload_speeds")
            exports.append([csv_lines(connection, table) for table in tables])
    assert exports[0] == exports[1]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
        ("a=b", "a=b"),
        (["=a", "b"], "'=a;b"),
        (-0.5, "-0.5"),
        (-3, "-3"),
        ("", ""),
    ],
)
def test_a_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(value, cell):
    assert as_cell(value) == cell


LETTERS = "'=+-@\t\rab;, \"\né"


def test_the_exported_cells_are_those(tmp_path):
    chance = random.Random(3)
    texts = ["".join(chance.choices(LETTERS, k=chance.randrange(6))) for _ in range(300)]
    floats = [chance.uniform(-9, 9) * 10 ** chance.randrange(-12, 18) for _ in texts]
    lists = [chance.sample(texts, chance.randrange(3)) for _ in texts]
    times = [datetime(2026, 11, 22, 12, 0, 0, chance.choice((0, 5, 120_000))) for _ in texts]
    rows = list(zip(floats, texts, lists, times, strict=True))
    with Warehouse(tmp_path / "w.duckdb").write() as connection:
        connection.execute("create table t (a double, b varchar, c varchar[], d timestamp)")
        connection.executemany("insert into t values (?, ?, ?, ?)", rows)
        _, lines = csv_lines(connection, "t")
    cells = list(csv.reader(io.StringIO(lines.decode(), newline="")))
    assert cells == [[as_cell(value) for value in row] for row in sorted(rows)]


def test_an_empty_table_has_its_columns_in_every_format(tmp_path):
    import duckdb

    with Warehouse(tmp_path / "w.duckdb").write() as connection:
        connection.execute("create table t (a integer, b varchar[])")
        assert csv_lines(connection, "t") == (0, b"")
        assert csv_header(connection, "t") == b"a,b\n"
        export_parquet(connection, "t", tmp_path / "t.parquet")
        columns = columns_of(connection, "t")
    assert [(column.name, column.type) for column in columns] == [
        ("a", "INTEGER"),
        ("b", "VARCHAR[]"),
    ]
    assert duckdb.read_parquet(str(tmp_path / "t.parquet")).columns == ["a", "b"]


def test_a_duckdb_file_is_the_same_bytes_whatever_the_memory_held(tmp_path):
    """`MALLOC_PERTURB_` fills what malloc gives and what free takes back."""
    code = """
import sys
from pathlib import Path
import duckdb
from bench_pipeline.warehouse.export import export_duckdb, export_parquet
folder = Path(sys.argv[1])
folder.mkdir()
connection = duckdb.connect()
connection.execute("create table t as select i as whole, i / 7 as rate, 'it''s ' || i % 5 as words,"
    " [i % 3] as items, case when i % 4 = 0 then i % 2 = 0 end as yes from range(5000) r(i)")
export_parquet(connection, "t", folder / "t.parquet")
meanings = {"t": {"words": "what it's called"}}
export_duckdb({"t": folder / "t.parquet"}, meanings, folder / "all.duckdb")
"""
    made = []
    for fill in ("0", "90", "165"):
        folder = tmp_path / fill
        environment = {**os.environ, "MALLOC_PERTURB_": fill}
        subprocess.run([sys.executable, "-c", code, folder], env=environment, check=True)
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert set(made[0]) == {"t.parquet", "all.duckdb"}
    assert made[0] == made[1] == made[2]


def test_a_duckdb_file_shows_the_rows_beside_it_and_what_they_mean(tmp_path, monkeypatch):
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("create table t as select 'it''s' as words, 2.5::double as rate")
        export_parquet(connection, "t", tmp_path / "it's.parquet")
    meanings = {"t": {"words": "what it's called", "rate": "tok/s"}}
    for _ in range(2):  # the second takes the first one's place
        export_duckdb({"t": tmp_path / "it's.parquet"}, meanings, tmp_path / "it's.duckdb")
    with duckdb.connect(str(tmp_path / "it's.duckdb"), read_only=True) as connection:
        monkeypatch.chdir(tmp_path)
        assert connection.table("t").fetchall() == [("it's", 2.5)]
        said = connection.execute(
            "select comment from duckdb_columns() where not internal"
        ).fetchall()
    assert said == [("what it's called",), ("tok/s",)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it's.duckdb", "it's.parquet"]


def test_parquet_holds_what_csv_holds(filled, tmp_path):
    import duckdb

    with filled.read() as connection:
        _, lines = csv_lines(connection, "measurements")
        text = (csv_header(connection, "measurements") + lines).decode()
        export_parquet(connection, "measurements", tmp_path / "it's.parquet")
    rows = list(csv.DictReader(text.splitlines()))
    found = duckdb.read_parquet(str(tmp_path / "it's.parquet"))
    assert found.columns == list(rows[0])
    assert [(run, rate) for run, rate in found.select("run_id, decode_tok_s").fetchall()] == [
        (row["run_id"], float(row["decode_tok_s"])) for row in rows
    ]
    assert [path.name for path in tmp_path.glob("*it's*")] == ["it's.parquet"]


def test_the_rows_of_some_models_stand_together_in_both_forms(filled, tmp_path):
    import duckdb

    with filled.read() as connection:
        models = connection.execute("select distinct model from runs order by 1").fetchall()
        groups = [[model for (model,) in models[start::3]] for start in (2, 0, 1)]
        header = csv_header(connection, "measurements")
        parts = [csv_lines(connection, "measurements", group)[1] for group in groups]
        export_parquet(connection, "measurements", tmp_path / "t.parquet", groups)
    rows = list(csv.DictReader(b"".join((header, *parts)).decode().splitlines()))
    places = [next(at for at, of in enumerate(groups) if row["model"] in of) for row in rows]
    assert places == sorted(places) and set(places) == {0, 1, 2}
    found = duckdb.read_parquet(str(tmp_path / "t.parquet"))
    assert found.columns == list(rows[0])
    assert found.select("run_id, model, workload").fetchall() == [
        (row["run_id"], row["model"], row["workload"]) for row in rows
    ]


@pytest.mark.parametrize("way", full_disk.ways())
def test_a_full_disk_leaves_the_older_parquet(tmp_path, way):
    problem, left = full_disk.on_full_disk(
        tmp_path / "disk",
        way,
        """
        from bench_pipeline.errors import WarehouseError
        from bench_pipeline.warehouse.export import export_parquet
        import duckdb
        connection = duckdb.connect()
        connection.execute("create table t as select 1 as x")
        export_parquet(connection, "t", folder / "t.parquet")
        older = (folder / "t.parquet").read_bytes()
        connection.execute("insert into t select (random() * 1e9)::int from range(3000000)")
        fill_disk()
        problem = None
        try:
            export_parquet(connection, "t", folder / "t.parquet")
        except WarehouseError as error:
            problem = error.problem
        assert (folder / "t.parquet").read_bytes() == older
        result = [problem, left()]
        """,
        limit_bytes=2**20,
    )
    assert problem.startswith("cannot be written")
    assert left == ["t.parquet"]
