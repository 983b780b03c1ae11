"""The data page lists what can be downloaded, and divides once that is too much for one page."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Page

from bench_pipeline.site import wording
from bench_pipeline.site.data import run_file_lists
from bench_pipeline.site.data.downloads import Downloads, write_downloads, write_parquet
from bench_pipeline.site.data.parts import Download, part_of
from bench_pipeline.site.earlier import Earlier
from bench_pipeline.site.kept import Kept
from bench_pipeline.site.pages import data as data_page
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.view import Site
from bench_pipeline.warehouse.store import Warehouse
from tests.site.conftest import Made
from tests.site.every_kind import WIDTHS, set_width
from tests.site.test_accessibility import assert_no_violations

LINE = re.compile(
    r'<tr><th scope="row"><a href="(?:\.\./)?data/(runs/[^"]+)" download>([^<]+)</a></th>'
    r'<td class="num">([^<]+)</td><td><code>([0-9a-f]{64})</code>'
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("divided")


@pytest.fixture(scope="module")
def downloads(made: Made, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Downloads:
    (folder / "data").mkdir()
    tables, root = made.tables, made.project.root
    models = sorted({run["model"] for run in tables.runs})
    with Warehouse(made.project.warehouse).read() as connection:
        part, files = part_of(connection, models, tables.run_files, root, Earlier())
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        write_parquet(connection, [models], folder / "data")
        kept = Kept(tmp_path_factory.mktemp("kept"))
        return write_downloads(connection, tables, [part], root, folder, kept)


@pytest.fixture(scope="module")
def seen(made: Made) -> Site:
    return made.view


def pages(made: Made, seen: Site, downloads: Downloads) -> dict[str, str]:
    found = data_page.pages(Press(), seen, made.tables, downloads)
    return {path: content.decode() for path, content in found.items()}


def weight(page: str) -> int:
    return len(gzip.compress(page.encode(), mtime=0))


def places(downloads: Downloads) -> list[str]:
    """Folders of rig and backend, in order."""
    return sorted({file.name.rpartition("/")[0] for file in downloads.run_files})


def test_one_run_file_too_many_gives_each_rig_and_backend_a_list(
    made: Made, seen: Site, downloads: Downloads, folder: Path, monkeypatch
):
    count = len(downloads.run_files)
    monkeypatch.setattr(run_file_lists, "RUN_FILES_ON_ONE_PAGE", count - 1)
    divided = pages(made, seen, downloads)
    index = divided.pop("data.html")
    assert LINE.findall(index) == []
    assert f"{count} files, unchanged" in index
    lists = re.findall(
        r'<a href="(run-files/[^"]+)">([^<]+)</a></th>'
        r'<td class="num">(\d+)</td><td class="num">([^<]+)</td>',
        index,
    )
    assert {href for href, *_ in lists} == set(divided)
    assert len(lists) == len(places(downloads)) > 3
    listed = {}
    for href, title, files, size in lists:
        assert f"<h1>Run files of {title}</h1>" in divided[href]
        lines = LINE.findall(divided[href])
        assert len(lines) == int(files)
        listed |= {name: (shown, kind, digest) for name, shown, kind, digest in lines}
        paths = [folder / "data" / name for name, *_ in lines]
        assert size == wording.size(sum(path.stat().st_size for path in paths))
        assert all(path.name == shown for path, (_, shown, *_) in zip(paths, lines, strict=True))
    assert set(listed) == {file.name for file in downloads.run_files}
    for name, (_, size, digest) in listed.items():
        content = (folder / "data" / name).read_bytes()
        assert (size, digest) == (wording.size(len(content)), sha256(content).hexdigest())
    titles = [title for _, title, *_ in lists]
    assert "One H100 of a virtual machine, CUDA" in titles
    sums = (folder / "data" / "SHA256SUMS").read_text()
    assert all(f"{digest}  {name}\n" in sums for name, (_, _, digest) in listed.items())


def test_as_many_run_files_as_one_page_takes_stay_on_it(
    made: Made, seen: Site, downloads: Downloads, monkeypatch
):
    monkeypatch.setattr(run_file_lists, "RUN_FILES_ON_ONE_PAGE", len(downloads.run_files))
    (index,) = pages(made, seen, downloads).values()
    assert [name for name, *_ in LINE.findall(index)] == [f.name for f in downloads.run_files]
    assert "run-files/" not in index


def test_a_place_with_too_many_files_is_listed_in_parts(
    made: Made, seen: Site, downloads: Downloads, monkeypatch
):
    monkeypatch.setattr(run_file_lists, "RUN_FILES_ON_ONE_PAGE", 4)
    divided = pages(made, seen, downloads)
    parts = [path for path in divided if path.startswith("run-files/gaming-desktop-vulkan")]
    assert parts == [f"run-files/gaming-desktop-vulkan-{number}.html" for number in (1, 2, 3)]
    found = [[name for name, *_ in LINE.findall(divided[path])] for path in parts]
    assert [len(names) for names in found] == [4, 4, 1]
    own = [f.name for f in downloads.run_files if f.name.startswith("runs/gaming-desktop/vulkan/")]
    assert [name for names in found for name in names] == own
    assert "part 2 of 3</h1>" in divided[parts[1]]


def test_models_without_a_speed_get_a_page_when_they_are_many(
    made: Made, seen: Site, downloads: Downloads, monkeypatch
):
    bare = [replace(model, listed=False) for model in seen.models]
    unlisted = replace(seen, models=tuple(bare))
    (index,) = pages(made, unlisted, downloads).values()
    assert all(f'<a href="{model.href}">{model.name}</a>' in index for model in bare)
    monkeypatch.setattr(data_page, "UNLISTED_ON_THE_DATA_PAGE", len(bare) - 1)
    divided = pages(made, unlisted, downloads)
    assert not any(model.href in divided["data.html"] for model in bare)
    assert f'<a href="unlisted.html">All {len(bare)} models</a>' in divided["data.html"]
    for model in bare:
        assert f'<a href="{model.href}">{model.name}</a>' in divided["unlisted.html"]


def farm(rigs: int, backends: tuple[str, ...], runs: int) -> Iterator[Download]:
    """So many run files of each place, with digests as random as real ones."""
    for rig in range(rigs):
        for backend in backends:
            for number in range(runs):
                digest = sha256(f"{rig}{backend}{number}".encode()).hexdigest()
                name = f"202611{number % 30:02d}T{number % 24:02d}0312Z-{digest[20:32]}.yaml.gz"
                path = f"runs/machine-{rig}/{backend}/{name}"
                yield Download(path, 90_000 + int(digest[:4], 16), digest)


def test_as_many_run_files_as_one_page_takes_weigh_no_more_than_40_kb(
    made: Made, seen: Site, downloads: Downloads
):
    files = tuple(farm(1, ("cuda",), run_file_lists.RUN_FILES_ON_ONE_PAGE))
    (index,) = pages(made, seen, replace(downloads, run_files=files)).values()
    assert len(LINE.findall(index)) == len(files)
    assert weight(index) <= 40_000


def test_no_list_of_5400_run_files_weighs_more_than_40_kb(
    made: Made, seen: Site, downloads: Downloads
):
    files = tuple(farm(3, ("cuda", "rocm", "vulkan"), 600))
    divided = pages(made, seen, replace(downloads, run_files=files))
    assert sum(len(LINE.findall(page)) for page in divided.values()) == len(files) == 5400
    assert max(map(weight, divided.values())) <= 40_000
    assert weight(divided["data.html"]) <= 12_000


def test_lists_have_no_violation_and_are_no_wider_than_the_window(
    page: Page, made: Made, seen: Site, downloads: Downloads, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(run_file_lists, "RUN_FILES_ON_ONE_PAGE", 4)
    press = Press()
    found = data_page.pages(press, seen, made.tables, downloads) | press.files
    for path, content in found.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    page.goto((tmp_path / "data.html").as_uri())
    page.get_by_role("link", name="part 2 of 3").click()
    assert page.locator("h1").inner_text().endswith("part 2 of 3")
    assert_no_violations(page)
    for width in WIDTHS:
        set_width(page, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="All run files").click()
    assert page.url.endswith("data.html#runs-title")
    assert page.locator("#runs-title").evaluate("node => node.getBoundingClientRect().top") < 900
