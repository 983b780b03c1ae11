"""Every kind of page on a phone: whose speed it is, and the speed, stand beside each other."""

import re
import shutil
from collections import defaultdict
from pathlib import Path

import pytest
from playwright.sync_api import Page

from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import write_run
from bench_pipeline.site import groups, view
from bench_pipeline.site.data import run_file_lists
from bench_pipeline.site.pages import data
from bench_pipeline.site.pages import trends as trend_pages
from bench_pipeline.site.pages.press import STATIC
from bench_pipeline.site.rigs import view as rigs
from bench_pipeline.site.trends import weight
from bench_pipeline.warehouse.refresh import refresh
from tests.curve_factories import imported_run
from tests.once import once
from tests.site.browsing import render_all
from tests.site.conftest import MISTRAL, Made
from tests.site.every_kind import any_two, open_everything, set_width

PHONE_PX = 412

KINDS = sorted(
    path.stem
    for path in (STATIC.parent / "templates").glob("*.html")
    if '{% extends "base.html" %}' in path.read_text()
)
"""Each template that makes pages."""

WITHOUT_A_SPEED = {"data", "glossary", "method", "rigs", "run_files", "unlisted"}
"""Kinds whose tables tell nobody's speed."""

TABLES = """
() => [...document.querySelectorAll("main table")].flatMap(table => {
  const heads = [...table.querySelectorAll("thead tr:last-child th")].map(
    head => head.textContent.trim().replace(/\\s+/g, " "));
  const columns = heads.flatMap((head, n) =>
    /tok\\/s|^(Decode|Median|Speed)/.test(head) ? [n] : []);
  const wanted = columns.filter(
    (n, place) => place === 0 || /^(Decode|Each stream|All together)/.test(heads[n]));
  const scroller = table.closest(".scroller")?.getBoundingClientRect();
  const right = Math.min(scroller?.right ?? Infinity, innerWidth) + 0.5;
  const left = Math.max(scroller?.left ?? 0, 0) - 0.5;
  return [...table.querySelectorAll("tbody tr")].filter(row => row.offsetParent).map(row => {
    const speeds = [...row.querySelectorAll(".speed, .leads"), ...wanted.map(n => row.cells[n])]
      .filter(cell => cell && !cell.matches("[colspan], .unknown"));
    const name = row.querySelector("th, .named") || row.cells[0];
    const outside = [name, ...speeds].filter(part => {
      const words = document.createRange();
      words.selectNodeContents(part);
      const box = words.getBoundingClientRect();
      return box.width === 0 || box.left < left || box.right > right;
    });
    return {
      speeds: speeds.length,
      outside: outside.map(part => `${heads.join(" | ")}: ${part.textContent.trim()}`),
    };
  });
})
"""
"""Of each row that can be seen: how many speeds it has, and which of them, or its name, are out of
sight until somebody scrolls sideways."""


@pytest.fixture(scope="module")
def pages(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """By kind, the heaviest first; those that only a site of very many runs has are of one that
    takes few for very many, with a model that no cell was measured of."""

    def divide(folder: Path) -> None:
        shutil.copytree(made.project.root, folder, ignore=shutil.ignore_patterns("pages", "site_*"))
        other = MISTRAL.model_copy(update={"slug": "other-123b-q4_k_m", "sha256": "c6" * 32})
        imported = imported_run(run_id="2b3c4d5e6f1a", model=other.model_dump())
        write_run(imported, Project(folder).runs)
        refresh(Project(folder))
        with pytest.MonkeyPatch.context() as patch:
            for module, name, number in (
                (groups, "ROWS_ON_ONE_PAGE", 3),
                (view, "ROWS_ON_ONE_PAGE", 3),
                (view, "ANSWERS_ON_A_DIVIDED_PAGE", 6),
                (view, "FEWEST_ANSWERS", 2),
                (weight, "CELLS_ON_ONE_PAGE", 2),
                (trend_pages, "CELLS_DRAWN", 1),
                (trend_pages, "POINTS_OF_A_MODEL", 1),
                (data, "UNLISTED_ON_THE_DATA_PAGE", 0),
                (run_file_lists, "RUN_FILES_ON_ONE_PAGE", 5),
                (rigs, "RUNS_ON_A_PAGE", 2),
                (rigs, "NEWEST_RUNS", 1),
            ):
                patch.setattr(module, name, number)
            Made(Project(folder)).build()

    divided = Project(once(tmp_path_factory, "a-divided-site", divide)).site
    found: dict[str, list[Path]] = defaultdict(list)
    for site in (made.project.site, divided):
        known = set(found)
        for path in sorted(site.rglob("*.html"), key=lambda path: -path.stat().st_size):
            kind = re.search(r'<body data-kind="(\w+)"', path.read_text())
            assert kind, path
            if kind[1] not in known:
                found[kind[1]].append(path)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_s_name_and_speed_are_in_sight(
    page: Page, site: Path, pages: dict[str, list[Path]], kind: str
):
    set_width(page, PHONE_PX)
    speeds = 0
    assert pages[kind], "no page of that kind here: a threshold is to be lowered above"
    for path in pages[kind][:3]:
        query = f"?{any_two(site, page)}" if kind == "compare" else ""
        page.goto(f"{path.as_uri()}{query}")
        if query:
            page.locator("#compare-result").wait_for()
        open_everything(page)
        render_all(page)
        rows = page.evaluate(TABLES)
        speeds += sum(row["speeds"] for row in rows)
        assert [part for row in rows for part in row["outside"]] == []
    assert (speeds > 0) == (kind not in WITHOUT_A_SPEED)
