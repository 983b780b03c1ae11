"""A figure that another hand has changed in the warehouse does not stay, and is not published."""

import os

import pytest

from bench_pipeline.errors import SiteError
from bench_pipeline.site.build import build_site
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.seal import as_remembered, broken_tables
from bench_pipeline.warehouse.store import Warehouse
from tests.warehouse.test_ingest import Listening, contents

CHANGES = {
    "measurements": "update measurements set decode_tok_s = decode_tok_s * 1.001",
    "workload_speeds": "update workload_speeds set decode_tok_s = 999",
    "rejected_files": "delete from rejected_files",
}


def test_the_site_is_not_built_and_the_next_refresh_makes_the_tables_anew(project, put, small):
    put(small()).with_name("broken.yaml").write_text("run_id: 7\n...\n")
    refresh(project)
    before = contents(project)
    for table, change in CHANGES.items():
        with Warehouse(project.warehouse).write() as connection:
            connection.execute(change)
        with pytest.raises(SiteError, match=f"another hand has changed {table} since"):
            build_site(project.warehouse, project.site, project.root)
        assert not project.site.exists()
        listening = Listening()
        assert refresh(project, listening).ingested == 1
        assert listening.lines[0].startswith(f"Another hand has changed {table} in the warehouse")
        assert contents(project) == before
    assert refresh(project, listening).ingested == 0
    assert len(listening.lines) == 2


def test_a_warehouse_of_another_duckdb_is_not_taken_for_changed(project, put, small):
    put(small())
    refresh(project)
    with Warehouse(project.warehouse).write() as connection:
        connection.execute(
            "update warehouse_state set value = regexp_replace(value, '^[^\n]*', '0.1')"
            " where key = 'seal'"
        )
    listening = Listening()
    assert refresh(project, listening).ingested == 0
    assert listening.lines == []


def test_a_warehouse_that_grew_run_by_run_is_sealed_as_one_that_is_read_whole(project, put, small):
    for seed in range(3):
        put(small(seed=seed, rig=f"rig-{seed}"))
        refresh(project)
        with Warehouse(project.warehouse).read() as connection:
            assert broken_tables(connection) == []
            assert connection.execute("select count(*) > 0 from requests").fetchone() == (True,)
    with Warehouse(project.warehouse).write() as connection:
        connection.execute("update requests set ttft_ms = ttft_ms * 0.5")
    put(small(seed=4, rig="rig-4"))
    listening = Listening()
    assert refresh(project, listening).ingested == 4
    assert listening.lines[0].startswith("Another hand has changed requests in the warehouse")


def test_setting_the_clock_back_hides_no_other_hand(project, put, small):
    put(small())
    refresh(project)
    assert as_remembered(project.warehouse)
    before = project.warehouse.stat()
    with project.warehouse.open("r+b") as file:
        last = file.seek(-1, os.SEEK_END)
        byte = file.read(1)
        file.seek(last)
        file.write(byte)
    os.utime(project.warehouse, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert project.warehouse.stat().st_mtime_ns == before.st_mtime_ns
    assert not as_remembered(project.warehouse)
