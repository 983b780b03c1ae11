"""The front page divided by family, once it would hold too many rows."""

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench_pipeline.site import view as view_module
from bench_pipeline.site.charts.views import RUNTIME
from bench_pipeline.site.kept import Kept
from bench_pipeline.site.pages import best
from bench_pipeline.site.pages.families import pages as family_pages
from bench_pipeline.site.pages.front import pages as front_page
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.tables.rows import TableRow, families
from bench_pipeline.site.view import view
from tests.site.conftest import Made
from tests.site.many_rows import many_rows


@pytest.fixture(scope="module")
def divided(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pages of the very data that otherwise stand on one, by path, with what their charts
    load."""
    tables = made.tables
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_module, "ROWS_ON_ONE_PAGE", len(made.view.rows) - 1)
        patch.setattr(view_module, "ANSWERS_ON_A_DIVIDED_PAGE", 6)
        patch.setattr(view_module, "FEWEST_ANSWERS", 2)
        site = view(tables)
    press = Press()
    found = front_page(press, site, tables)
    kept = Kept(tmp_path_factory.mktemp("kept"))
    keys = best.keep(press, kept, site, [best.rows_by_rig(site.rows)], tables.site)
    for key, machine in zip(keys, site.machines, strict=True):
        found |= {board.href: kept.page(key, board.href) for board in machine.boards}
    found |= family_pages(press, site.rows, tables)
    return {path: content.decode() for path, content in found.items()}


def row_ids(page: str) -> list[str]:
    return re.findall(r'<tr id="(row-[0-9a-f]+)"', page)


def test_one_row_too_many_gives_each_family_its_page_and_the_front_page_its_links(
    made: Made, divided: dict[str, str]
):
    site = made.view
    index = divided["index.html"]
    pages = {path for path in divided if path.endswith(".html")}
    best = {board.href for machine in site.machines for board in machine.boards}
    assert pages == {"index.html"} | best | {family.href for family in site.families}
    assert row_ids(index) == []
    for family in site.families:
        assert f'href="{family.href}"' in index
        assert row_ids(divided[family.href]) == [row.id for row in family.rows]
    found = [row for page in divided.values() for row in row_ids(page)]
    assert sorted(found) == sorted(row.id for row in site.rows)


def answers_on(page: str) -> list[str]:
    return re.findall(r'<a class="speed" href="[^"]*">([^<]*)</a>', page)


def test_the_divided_front_page_keeps_the_fastest_models_of_each_machine(
    made: Made, divided: dict[str, str]
):
    boards = [machine.boards[0] for machine in made.view.machines]
    shown = [answer.figure.text for board in boards for answer in board.answers[:2]]
    assert answers_on(divided["index.html"]) == shown
    assert max(len(board.answers) for board in boards) > 2
    for board in boards:
        if len(board.answers) > 2:
            assert f"The 2 fastest of {len(board.answers)} models." in divided["index.html"]


def test_every_answer_stands_on_the_page_of_its_machine_and_workload(
    made: Made, divided: dict[str, str]
):
    for machine in made.view.machines:
        for board in machine.boards:
            page = divided[board.href]
            assert answers_on(page) == [answer.figure.text for answer in board.answers]
            assert f'href="{board.href}"' in divided["index.html"]
            for link in re.findall(r'href="../../(best/[^"]+)"', page):
                assert link in divided


def test_each_familys_charts_load_one_library_and_rows_of_their_own(
    made: Made, divided: dict[str, str]
):
    assert "data-runtime" not in divided["index.html"]
    charted = [f for f in made.view.families if 'id="charts"' in divided[f.href]]
    assert len(charted) > 1
    for family in charted:
        page = divided[family.href]
        assert f'data-runtime="../lazy/{RUNTIME}"' in page
        (data,) = re.findall(r'data-rows="../(lazy/charts-[^"]+)"', page)
        assert data.startswith(f"lazy/charts-{family.slug}-")
        charts = json.loads(divided[data].removeprefix("window.benchCharts=").rstrip(";\n"))
        assert set(charts["rows"]) <= {row.id for row in family.rows}


def test_as_many_rows_as_one_page_takes_stay_on_it(made: Made, monkeypatch):
    monkeypatch.setattr(view_module, "ROWS_ON_ONE_PAGE", len(made.view.rows))
    assert not view(made.tables).divided


def test_families_whose_names_look_alike_have_different_addresses(made: Made):
    names = ["LFM2", "lfm2", "<b>", "Gemma-3", "モデル"]
    row = made.view.rows[0]
    slugs = [f.slug for f in families(replace(row, family=name) for name in names)]
    assert len(set(slugs)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", slug) for slug in slugs)
    assert "gemma-3" in slugs


def test_as_many_rows_as_one_page_takes_leave_room_for_their_charts(made: Made):
    """Of the 100 KB that a first visit may weigh. Digits are as random as real ones: repeated
    figures would compress to nothing."""
    page, files = many_rows(made, view_module.ROWS_ON_ONE_PAGE)
    assert sum(len(gzip.compress(content, mtime=0)) for content in (page, *files)) < 80_000


def test_a_divided_front_page_of_a_hundred_models_on_three_machines_is_light(made: Made):
    page, files = many_rows(made, 100 * 27, divided=True)
    assert sum(len(gzip.compress(content, mtime=0)) for content in (page, *files)) < 50_000


def test_a_changed_row_makes_its_own_machines_answers_anew_and_no_others(
    made: Made, tmp_path: Path
):
    site = replace(made.view, divided=True)
    press, kept = Press(), Kept(tmp_path)

    def entries(*changed: TableRow) -> dict[str, str]:
        rows = [
            replace(row, name=f"{row.name}, renamed") if row in changed else row
            for row in site.rows
        ]
        keys = best.keep(press, kept, site, [best.rows_by_rig(rows)], made.tables.site)
        return {machine.rig: key for machine, key in zip(site.machines, keys, strict=True)}

    before = entries()
    assert len(before) > 1
    alone, among = (
        next(row for row in site.rows if row.concurrency == streams) for streams in (1, 4)
    )
    after = entries(alone)
    assert {rig for rig in before if before[rig] != after[rig]} == {alone.hardware.rig}
    assert entries(among) == before  # no answer is taken from several streams
