"""The figures of the page that this project takes over, as that page printed them."""

import csv

import pytest

from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests.conftest import without_runs
from tests.published import whole_csv
from tests.warehouse.conftest import published_runs

RANGES = {
    ("Gemma-4", "E2B-it"): ("206.5", "216.7"),
    ("Gemma-4", "E4B-it"): ("120.5", "126.8"),
    ("granite-4.1", "8b"): ("91.5", "98.5"),
    ("LFM2.5-350M", "350M"): ("761.9", "861.4"),
    ("LFM2", "1.2B"): ("485.5", "529.6"),
    ("LFM2", "1.2B-Tool"): ("475.8", "522.1"),
    ("LFM2", "8B-A1B"): ("319.2", "364.9"),
    ("LFM2", "2.6B"): ("249.9", "268.6"),
    ("Gemma-3", "4b-it"): ("143.0", "168.7"),
    ("Qwen2.5-Coder", "7B-Instruct"): ("110.5", "119.4"),
}
CHAT_RAG_CODEGEN_AGENT = {
    ("LFM2.5-350M", "350M"): ("761.9", "792.4", "861.4", "824.4"),
    ("LFM2", "1.2B"): ("508.7", "485.5", "529.6", "513.2"),
    ("LFM2", "1.2B-Tool"): ("499.9", "475.8", "522.1", "504.5"),
    ("LFM2", "8B-A1B"): ("336.1", "319.2", "364.9", "355.0"),
    ("LFM2", "2.6B"): ("259.5", "249.9", "268.6", "262.7"),
    ("Gemma-4", "E2B-it"): ("211.9", "206.5", "216.7", "209.5"),
    ("Gemma-3", "4b-it"): ("166.9", "143.0", "168.7", "163.7"),
    ("Gemma-4", "E4B-it"): ("124.3", "120.5", "126.8", "123.2"),
    ("Qwen2.5-Coder", "7B-Instruct"): ("117.2", "110.5", "119.4", "114.5"),
    ("granite-4.1", "8b"): ("97.6", "91.5", "98.5", "94.6"),
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    """A warehouse of the checkout's content with the runs taken over from that page alone."""
    project = without_runs(tmp_path_factory.mktemp("published") / "checkout")
    published_runs(project)
    refresh(project)
    with Warehouse(project.warehouse).read() as connection:
        yield connection


def rows(connection, sql):
    return connection.execute(sql).fetchall()


def exported(connection, table):
    return list(csv.DictReader(whole_csv(connection, table).splitlines()))


def test_the_ten_ranges_read_as_printed(connection):
    ranges = exported(connection, "speed_ranges")
    assert {
        (row["family"], row["variant"]): (row["decode_tok_s_min"], row["decode_tok_s_max"])
        for row in ranges
    } == RANGES
    assert len(ranges) == 10
    assert {row["n_workloads"] for row in ranges} == {"4"}


def test_the_forty_values_read_as_printed(connection):
    cells = exported(connection, "measurements")
    values = {(c["family"], c["variant"], c["workload"]): c["decode_tok_s"] for c in cells}
    assert values == {
        (*model, workload): value
        for model, four in CHAT_RAG_CODEGEN_AGENT.items()
        for workload, value in zip(("chat", "rag", "codegen", "agent"), four, strict=True)
    }
    assert len(cells) == 40


def test_nothing_is_invented_beside_a_published_value(connection):
    for cell in exported(connection, "measurements"):
        assert cell["provenance"] == "published"
        assert cell["status"] == "ok"
        assert cell["concurrency"] == "1"
        unknown = {"n", "driver", "creator", "profile", "started_at", "clocks_agree", "window_ms"}
        unknown |= {name for name in cell if name.endswith(("_lo", "_hi", "_ms"))}
        unknown |= {"prefill_tok_s", "aggregate_tok_s", "server_decode_tok_s"}
        assert {name: cell[name] for name in unknown} == dict.fromkeys(unknown, "")


def test_a_build_without_a_printed_value_has_no_row(connection):
    assert rows(connection, "select build, count(*) from runs group by build order by build") == [
        ("b9174", 9),
        ("cuda-1a68ec9", 1),
    ]


def test_both_printed_drivers_stand_on_the_hardware_card(connection):
    [(card,)] = rows(
        connection, "select inventory_json from rig_inventories where rig = 'gaming-desktop'"
    )
    assert '"driver":"595.71.05 (card) / 595.58.03 (prose list)"' in card
    assert rows(connection, "select distinct gpu, power_cap_w, driver from runs") == [
        ("NVIDIA GeForce RTX 5070", 250.0, None)
    ]
