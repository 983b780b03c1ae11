"""What the data page offers: the same rows in every format, described, hashed, to be asked."""

import csv
import hashlib
import html
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench_pipeline.paths import checkout
from bench_pipeline.site import wording
from bench_pipeline.site.data import citation
from bench_pipeline.site.data.dictionary import ROWS, TABLES
from tests.factories import SMOLLM2, measured_run
from tests.published import published_rows, unpacked
from tests.site.conftest import Made, make

NAMES = list(TABLES)
EVIL = [
    '=HYPERLINK("http://x.example","y"),\n',
    "+1-2",
    "-2+3",
    "@SUM(1)",
    "'=1",
    "''@x",
    "it's ok",
    '<script>alert("x")</script>',
    "\u202eltr \U0001f680",
]


def shown(value: Any) -> str:
    """As the CSV writes it, but for the apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, list):
        return ";".join(value)
    return str(value)


def text_of(cell: str) -> str:
    """The rule of the data page, to have a text back; numbers are not text."""
    numeric = re.fullmatch(r"-\d[\d.e+-]*", cell)
    return cell if numeric else re.sub(r"^'('*[=+\-@\t\r])", r"\1", cell)


def in_csv(data: Path, name: str) -> tuple[list[str], list[list[str]]]:
    header, *lines = csv.reader(io.StringIO(unpacked(data / f"{name}.csv.gz"), newline=""))
    return header, [[text_of(cell) for cell in line] for line in lines]


def in_parquet(data: Path, name: str) -> tuple[list[str], list[list[str]]]:
    import duckdb

    found = duckdb.read_parquet(str(data / f"{name}.parquet"))
    return found.columns, [[shown(value) for value in row] for row in found.fetchall()]


def in_duckdb(data: Path, name: str) -> tuple[list[str], list[list[str]]]:
    """As asked in the folder where the files lie."""
    import duckdb

    with duckdb.connect(str(data / "bench.duckdb"), read_only=True) as connection:
        connection.execute(f"set file_search_path = '{data}'")
        found = connection.table(name)
        return found.columns, [[shown(value) for value in row] for row in found.fetchall()]


@pytest.fixture(scope="module")
def data(site: Path) -> Path:
    return site / "data"


@pytest.fixture(scope="module")
def page(site: Path) -> str:
    return (site / "data.html").read_text()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run for each string, in the family's name."""
    runs = [
        measured_run(
            model=SMOLLM2.model_copy(update={"family": evil[:60], "slug": f"evil-{number}"}),
            workloads=["chat"],
            concurrencies=[1],
        )
        for number, evil in enumerate(EVIL)
    ]
    made = make(tmp_path_factory.mktemp("hostile") / "project", runs)
    folder = made.project.method_by_hand.parent
    folder.mkdir()
    shutil.copy(checkout().method_by_hand, folder)
    made.build()
    return made


@pytest.mark.parametrize("name", NAMES)
def test_all_formats_hold_the_same_rows(data: Path, name: str):
    assert in_csv(data, name) == in_parquet(data, name) == in_duckdb(data, name)


def test_the_rows_are_the_warehouse_s(made: Made, data: Path):
    for file, table in TABLES.items():
        rows = getattr(made.tables, table)
        header, lines = in_csv(data, file)
        assert sorted(lines) == sorted([shown(row[name]) for name in header] for row in rows)
        assert not rows or set(header) == set(rows[0])


def test_a_hostile_text_is_the_same_in_every_format_and_no_formula_in_csv(hostile: Made):
    data = hostile.project.site / "data"
    for name in ("measurements", "ranges"):
        header, rows = in_csv(data, name)
        family = header.index("family")
        assert {row[family] for row in rows} == {evil[:60] for evil in EVIL}
        assert in_parquet(data, name) == (header, rows)
        cells = [row["family"] for row in published_rows(data.parent, name)]
        assert not [cell for cell in cells if cell[0] in "=+-@\t\r"]
        assert "it's ok" in cells


def test_a_hostile_text_is_text_on_the_page(hostile: Made):
    for path in hostile.project.site.rglob("*.html"):
        assert "<script>alert" not in path.read_text()


def test_the_duckdb_file_explains_its_columns(data: Path):
    import duckdb

    with duckdb.connect(str(data / "bench.duckdb"), read_only=True) as connection:
        tables = connection.execute(
            "select view_name from duckdb_views() where not internal"
        ).fetchall()
        assert sorted(name for (name,) in tables) == sorted(NAMES)
        comments = connection.execute(
            "select comment from duckdb_columns() where not internal"
        ).fetchall()
    assert comments and all(comment for (comment,) in comments)
    assert ("tok/s: Slowest workload's decode rate.",) in comments


def test_the_dictionary_describes_every_column_of_every_table(data: Path, page: str):
    with (data / "columns.csv").open(newline="") as file:
        described = list(csv.DictReader(file))
    assert [(row["table"], row["column"]) for row in described] == [
        (name, column) for name in NAMES for column in in_parquet(data, name)[0]
    ]
    for row in described:
        assert row["type"] and row["meaning"].endswith(".")
        assert f"<code>{row['column']}</code>" in page
        unit = re.search(r"_(ms|w|mib|tok_s|tokens)(_lo|_hi|_min|_max)?$", row["column"])
        if unit or row["column"] == "tok_s":
            assert row["unit"], row["column"]
    assert set(TABLES.values()) <= set(ROWS)


def test_sizes_and_hashes_on_the_page_are_those_of_the_files(site: Path, page: str):
    lines = re.findall(
        r'<tr><th scope="row"><a href="(data/[^"]+)" download>[^<]+</a></th>'
        r'<td class="num">([^<]+)</td><td><code>([0-9a-f]{64})</code>',
        page,
    )
    files = [path for path in (site / "data").rglob("*") if path.is_file()]
    assert {site / href for href, _, _ in lines} == set(files)
    for href, size, sha256 in lines:
        content = (site / href).read_bytes()
        assert wording.size(len(content)) == size
        assert hashlib.sha256(content).hexdigest() == sha256


def test_sha256sum_finds_every_file_as_it_was_made(data: Path):
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=data,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    listed = {line.split("  ")[1] for line in (data / "SHA256SUMS").read_text().splitlines()}
    files = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert files - listed == {"SHA256SUMS"}


def commands(page: str) -> Iterator[str]:
    for command in re.findall(r'<pre class="command"[^>]*>([^<]*)</pre>', page):
        yield html.unescape(command)


def test_the_commands_of_the_page_work_where_the_files_lie(data: Path, page: str):
    import duckdb

    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    outputs = [
        subprocess.run(
            command, shell=True, cwd=data, env=environment, capture_output=True, text=True
        )
        for command in commands(page)
    ]
    assert [output.stderr for output in outputs] == ["", ""]
    fastest = max(
        float(row[1])
        for row in duckdb.read_parquet(str(data / "measurements.parquet"))
        .filter("status = 'ok' and concurrency = 1")
        .select("run_id, decode_tok_s")
        .fetchall()
    )
    assert str(fastest) in outputs[0].stdout
    assert "family" in outputs[1].stdout


def test_the_licence_leaves_published_figures_with_their_sources(made: Made, data: Path, page: str):
    text = (data / "LICENSE.txt").read_text()
    assert "CC BY 4.0" in text and citation.LICENCE_URL in text
    ((title, url),) = citation.sources(made.tables)
    assert title in text and url in text
    assert title in html.unescape(page)


def test_the_citation_names_the_project_and_the_state_of_the_data(data: Path, page: str):
    cited = yaml.safe_load((data / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["authors"] == [{"name": citation.AUTHOR}]
    assert cited["type"] == "dataset" and cited["license"] == "CC-BY-4.0"
    assert cited["version"].startswith(cited["date-released"])
    assert cited["version"] in page


def test_another_set_of_run_files_is_another_edition(made: Made, hostile: Made):
    editions = {citation.edition(m.tables).fingerprint for m in (made, hostile, made)}
    assert len(editions) == 2
    unknown = citation.Edition(day="", fingerprint="0" * 12, run_files=0)
    assert "date-released" not in yaml.safe_load(citation.citation_cff(unknown))


def test_the_computation_by_hand_is_published_where_the_project_has_it(hostile: Made, site: Path):
    published = hostile.project.site
    assert (published / "data" / "method.md").read_bytes() == checkout().method_by_hand.read_bytes()
    assert 'href="data/method.md"' in (published / "method.html").read_text()
    assert "docs/method.md" in (site / "method.html").read_text()


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        *[(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB")],
        *[(999_950, "1.0 MB"), (12_345_678, "12.3 MB")],
    ],
)
def test_a_size_reads_well(size_bytes: int, text: str):
    assert wording.size(size_bytes) == text
