import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench_pipeline.errors import SiteError, WarehouseError
from bench_pipeline.paths import checkout
from bench_pipeline.records.yaml.files import run_files
from bench_pipeline.site import build, wording
from bench_pipeline.site.build import build_site
from bench_pipeline.site.place import STAMP
from tests.factories import measured_run
from tests.full_disk import on_full_disk, ways
from tests.published import published_rows
from tests.site.conftest import Made, make


class Reader(HTMLParser):
    """Links, anchors and the text of every element with an id."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.described: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "data-href"):
                self.links.append(value or "")
            elif name == "id":
                self.ids.append(value or "")
            elif name in ("aria-describedby", "aria-labelledby"):
                self.described.append(value or "")


def digest(site: Path) -> dict[str, str]:
    return {
        str(path.relative_to(site)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in site.rglob("*")
        if path.is_file() and path.name != STAMP
    }


def made_small(folder: Path) -> Made:
    return make(folder / "project", [measured_run(workloads=["chat"], concurrencies=[1])])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Built; for tests after which its site is as it was."""
    made = made_small(tmp_path_factory.mktemp("small"))
    made.build()
    return made


def test_the_tables_hold_the_published_figures_as_printed(site: Path):
    ranges = {
        (row["family"], row["variant"]): (row["decode_tok_s_min"], row["decode_tok_s_max"])
        for row in published_rows(site, "ranges")
        if row["provenance"] == "published"
    }
    assert len(ranges) == 10
    assert ranges["LFM2", "8B-A1B"] == ("319.2", "364.9")
    assert ranges["Gemma-3", "4b-it"] == ("143.0", "168.7")
    published = [r for r in published_rows(site, "measurements") if r["provenance"] == "published"]
    assert len(published) == 40


def test_every_number_of_a_run_page_is_the_files_number_rounded(site: Path):
    metrics = ("decode_tok_s", "prefill_tok_s", "aggregate_tok_s", "ttft_ms")
    for row in published_rows(site, "measurements"):
        text = (site / "runs" / f"{row['run_id']}.html").read_text()
        start = text.index(f'id="{row["workload"]}-{row["concurrency"]}"')
        line = text[start : text.index("</tr>", start)]
        for metric in metrics:
            if row[metric]:
                assert f">{float(row[metric]):.1f}<" in line
            if row.get(f"{metric}_lo"):
                ends = float(row[f"{metric}_lo"]), float(row[f"{metric}_hi"])
                assert f">{wording.span(*ends)}<" in line


def test_every_number_of_a_curve_is_the_files_number_rounded(site: Path):
    points = published_rows(site, "curves")
    assert len(points) == 3
    for point in points:
        section = (site / "runs" / f"{point['run_id']}.html").read_text()
        start = section.index(f'<th scope="row" class="num">{int(point["depth_tokens"]):,}</th>')
        line = section[start : section.index("</tr>", start)]
        for metric in ("prefill_tok_s", "decode_tok_s", "ttft_ms", "cached_ttft_ms"):
            assert f">{float(point[metric]):.1f}<" in line
        for metric in ("prefill_tok_s", "decode_tok_s"):
            ends = float(point[f"{metric}_lo"]), float(point[f"{metric}_hi"])
            assert f">{wording.span(*ends)}<" in line
        for share in ("server_prefill_share", "server_decode_share"):
            assert f">{float(point[share]) * 100:.0f} %<" in line


def test_every_test_of_the_bare_engine_is_on_its_page_as_in_the_file(site: Path):
    tests = published_rows(site, "bare_engine")
    assert len(tests) == 12
    for test in tests:
        text = (site / "runs" / f"{test['run_id']}.html").read_text()
        section = text[text.index('aria-labelledby="bare-title"') :]
        section = section[: section.index("</section>")]
        assert f'>{float(test["tok_s"]):.1f}<span class="interval">' in section


def test_every_link_and_description_leads_somewhere(site: Path):
    pages = {path: Reader(path) for path in site.rglob("*.html")}
    ids = {path: set(reader.ids) for path, reader in pages.items()}
    for path, reader in pages.items():
        assert len(reader.ids) == len(ids[path]), f"{path.name} repeats an id"
        assert set(reader.described) <= ids[path]
        for link in reader.links:
            if link.startswith(("https://", "data:")) or not link:
                continue
            file, _, anchor = link.partition("#")
            file = file.partition("?")[0]
            target = (path.parent / file).resolve() if file else path
            assert target.is_file(), f"{path.name}: {link}"
            assert not anchor or anchor in ids[target], f"{path.name}: {link}"


def test_nothing_is_loaded_from_elsewhere(site: Path):
    for path in site.rglob("*.html"):
        loading = r"""<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]*)"""
        loaded = re.findall(loading, path.read_text())
        assert not [link for link in loaded if re.match(r"(?!data:)[a-z]+:|//", link)]
    for path in (*(site / "static").iterdir(), *(site / "lazy").glob("compare-*.js")):
        text = path.read_text()
        assert "url(" not in text and "@import" not in text and "http" not in text


def test_run_files_are_published_as_they_are(made: Made, site: Path):
    originals = list(run_files(made.project.runs))
    assert len(originals) == len(list((site / "data" / "runs").rglob("*.*")))
    for path in originals:
        copy = site / "data" / "runs" / f"{path.relative_to(made.project.runs)}.gz"
        assert gzip.decompress(copy.read_bytes()) == path.read_bytes()


def test_the_schema_of_a_run_file_is_published(site: Path):
    schema = json.loads((site / "data" / "run.schema.json").read_text())
    assert schema["properties"]["run_id"]


def test_two_builds_of_the_same_data_are_the_same_bytes(small: Made):
    first = digest(small.project.site)
    small.build()
    assert digest(small.project.site) == first
    stamp = json.loads((small.project.site / STAMP).read_text())
    assert set(stamp) == {"built_at", "made_by"}


def test_a_page_that_no_longer_belongs_is_gone_after_a_build(small: Made):
    stray = small.project.site / "models" / "stray.html"
    stray.write_text("old")
    small.build()
    assert not stray.exists()


def assert_untouched(made: Made, before: dict[str, str]) -> None:
    assert digest(made.project.site) == before
    folder = made.project.site.parent
    assert not [path for path in folder.iterdir() if path.name.startswith(".site_out.")]


def test_a_run_file_that_changed_since_the_refresh_stops_the_build(small: Made):
    before = digest(small.project.site)
    (path,) = run_files(small.project.runs)
    content = path.read_text()
    path.write_text(content + "\n# edited\n")
    try:
        with pytest.raises(SiteError, match="refresh the warehouse"):
            small.build()
    finally:
        path.write_text(content)
    assert_untouched(small, before)


def test_a_front_page_that_is_too_heavy_stops_the_build(small: Made, monkeypatch):
    before = digest(small.project.site)
    monkeypatch.setattr(build, "MAX_INDEX_BYTES", 5000)
    with pytest.raises(SiteError, match="over 5,000"):
        small.build()
    assert_untouched(small, before)


def test_a_missing_warehouse_is_said_so_and_leaves_the_site(small: Made):
    before = digest(small.project.site)
    aside = small.project.warehouse.rename(small.project.warehouse.with_suffix(".aside"))
    try:
        with pytest.raises(WarehouseError, match="no warehouse"):
            small.build()
    finally:
        aside.rename(small.project.warehouse)
    assert_untouched(small, before)


def test_a_folder_that_is_no_site_is_never_replaced(small: Made, tmp_path: Path):
    theirs = tmp_path / "home"
    theirs.mkdir()
    (theirs / "letter.txt").write_text("dear")
    with pytest.raises(SiteError, match="not a site"):
        build_site(small.project.warehouse, theirs)
    assert (theirs / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("way", ways())
def test_a_full_disk_leaves_the_old_site_and_says_what_to_do(way: str, tmp_path: Path):
    made = made_small(tmp_path)
    result = on_full_disk(
        tmp_path / "disk",
        way,
        f"""
        from bench_pipeline.errors import BenchError
        from bench_pipeline.site.build import build_site
        out = folder / "site_out"
        out.mkdir()
        (out / "build.json").write_text('{{"made_by": "bench_pipeline"}}')
        fill_disk()
        try:
            build_site(Path({str(made.project.warehouse)!r}), out)
            message = "no error"
        except BenchError as error:
            message = str(error)
        result = [message, left()]
        """,
        limit_bytes=4096,
    )
    assert "mend: free space" in result[0]
    assert result[1] == ["site_out/build.json"]


def test_another_process_makes_the_same_bytes_of_everything(made: Made, tmp_path: Path):
    """Its strings have other hashes, so that no order of a set is the same."""
    elsewhere = tmp_path / "elsewhere"
    places = (made.project.warehouse, elsewhere, made.project.root)
    code = """
    from dataclasses import asdict
    from pathlib import Path
    import json, sys
    from bench_pipeline.site.build import build_site
    print(json.dumps(asdict(build_site(*map(Path, sys.argv[1:])))))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, places)],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
        cwd=checkout().root,
    )
    assert digest(elsewhere) == digest(made.project.site)
    assert {".html", ".csv", ".gz", ".parquet", ".duckdb", ".xml", ".js"} <= {
        Path(name).suffix for name in digest(elsewhere)
    }
    report = json.loads(done.stdout)
    assert report["warnings"] == []
    assert report["pages"] == len(list(elsewhere.rglob("*.html")))


def test_the_pages_are_light(site: Path):
    """In bytes gzipped; a model's page comes after a first visit, with style and script there."""

    def weight(*paths: Path) -> int:
        return sum(len(gzip.compress(path.read_bytes())) for path in paths)

    assert weight(site / "index.html", *(site / "static").iterdir()) <= 100_000
    assert [path for path in site.glob("models/*.html") if weight(path) > 30_000] == []
    assert weight(*(site / "lazy").glob("vega-*.js")) <= 180_000
    assert weight(*(site / "lazy").glob("charts-*.js")) <= 20_000


def test_a_rejected_run_file_is_a_warning_of_the_build(tmp_path: Path):
    from bench_pipeline.warehouse.refresh import refresh

    made = made_small(tmp_path)
    bad = made.project.runs / "shared-vm-2core" / "cpu" / "broken.yaml"
    bad.write_text("schema_version: 1\nrun_id: [")
    refresh(made.project)
    (warning,) = made.build().warnings
    assert "broken.yaml" in warning
