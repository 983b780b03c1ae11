"""The front page in a real browser: its state in the address, its numbers, its downloads."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.measures.ties import RULE
from bench_pipeline.site import wording
from bench_pipeline.site.tables.answers import Machine
from bench_pipeline.site.tables.columns import METRICS, OPTIONAL, metric_text
from tests.published import published_rows
from tests.site.browsing import (
    choose,
    front,
    front_anew,
    left_by_each_filter,
    render_all,
    search,
    speeds,
    visible_rows,
)
from tests.site.conftest import Made


@pytest.fixture
def page(lasting: Page) -> Page:
    return lasting


def plain(text: str) -> str:
    return " ".join(text.split())


def csv_of_what_is_shown(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.locator("#csv").click()
    with download.value.path().open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_without_script_every_machines_answers_and_every_row_are_there(
    without_script: Page, made: Made, site: Path
):
    page = without_script
    page.goto((site / "index.html").as_uri())
    render_all(page)
    rows = made.view.rows
    assert page.locator("#tables tbody tr:visible").count() == len(rows)
    shown = [plain(text) for text in page.locator("#tables .speed").all_inner_texts()]
    assert sorted(shown) == sorted(row.text for row in rows)
    machines = page.locator(".machine:visible")
    assert machines.locator("h3").all_inner_texts() == [named(m) for m in made.view.machines]
    for number, machine in enumerate(made.view.machines):
        texts = machines.nth(number).locator(".answers:visible .speed").all_inner_texts()
        assert texts == [answer.figure.text for answer in machine.boards[0].answers]
    assert page.locator("#filters").is_hidden()
    assert page.locator("a[href='data/ranges.csv.gz']").is_visible()
    words = page.locator("a[href^='glossary.html#def-']:visible")
    page.goto(page.url.rpartition("/")[0] + "/" + words.first.get_attribute("href"))
    assert page.locator(".definitions div:visible").count() == len(DEFINITIONS)
    assert RULE in page.locator("#def-ties").inner_text()


def test_every_range_is_the_warehouses_rounded(page: Page, made: Made, site: Path):
    front(page, site)
    shown = page.locator("#tables tbody tr").evaluate_all(
        "rows => rows.map(row => row.querySelector('.speed').textContent)"
    )
    for row in published_rows(site, "ranges"):
        low, high = float(row["decode_tok_s_min"]), float(row["decode_tok_s_max"])
        assert wording.span(low, high) in shown


def test_every_figure_of_a_chosen_workload_is_the_warehouses_rounded(
    page: Page, made: Made, site: Path
):
    cells = {
        (row["run_id"], row["workload"], row["concurrency"]): row
        for row in published_rows(site, "measurements")
    }
    everything = ",".join(column.name for column in OPTIONAL)
    metrics = {column.metric: column.name for column in OPTIONAL if column.metric}
    read = 0
    for work in made.tables.workloads:
        front(page, site, f"?workload={work['workload']}&columns={everything}")
        lines = page.locator("#tables tbody tr").evaluate_all(
            """rows => rows.map(row => ({
              href: row.querySelector(".speed").getAttribute("href"),
              words: Object.fromEntries([...row.querySelectorAll("td")].map(
                cell => [cell.className.split(" ")[0].slice(2), cell.textContent.trim()])),
              speed: row.querySelector(".speed").textContent,
              interval: row.querySelector(".interval").textContent,
              n: row.querySelector(".reps").textContent,
            }))"""
        )
        for line in lines:
            place = re.fullmatch(r"runs/(\w+)\.html#([\w-]+)-(\d+)", line["href"])
            if place is None or not re.match(r"\d", line["speed"]):
                continue
            cell = cells[place[1], place[2], place[3]]
            assert line["speed"] == wording.decimal(float(cell["decode_tok_s"]))
            ends = (cell["decode_tok_s_lo"], cell["decode_tok_s_hi"])
            assert line["interval"] == (wording.span(*map(float, ends)) if all(ends) else "")
            assert line["n"] == (f"n = {cell['n']}" if cell["n"] else "")
            for metric in METRICS:
                value = float(cell[metric]) if cell[metric] else None
                assert line["words"][metrics[metric]] == metric_text(metric, value, value)
            read += 1
    assert read == len(made.tables.workload_speeds)


def named(machine: Machine) -> str:
    return f"{machine.headline} {machine.title}"


def shown_machine(page: Page) -> str:
    return page.locator(".machine:visible h3").inner_text()


def test_the_first_screen_follows_the_machine_and_the_workload_in_the_address(
    page: Page, made: Made, site: Path
):
    front_anew(page, site)
    first, second = made.view.machines[:2]
    assert shown_machine(page) == named(first)
    page.get_by_role("link", name=named(second), exact=True).first.click()
    assert shown_machine(page) == named(second)
    assert search(page) == f"?rig={second.rig}"
    assert page.locator("#filters [name=rig]").input_value() == second.rig
    page.get_by_role("link", name="Retrieval", exact=True).click()
    answers = page.locator(".machine:visible .answers:visible .speed").all_inner_texts()
    assert answers == [answer.figure.text for answer in second.boards[1].answers]
    said = page.locator("#best-shown")
    assert said.get_attribute("role") == "status"
    assert said.inner_text().startswith(f"{named(second)}: Retrieval, one stream, ")
    page.reload()
    assert shown_machine(page) == named(second)
    page.go_back()
    page.go_back()
    assert shown_machine(page) == named(first)


def test_each_answer_stands_there_with_its_interval_and_its_repetitions(
    page: Page, made: Made, site: Path
):
    for machine in made.view.machines:
        front(page, site, f"?rig={machine.rig}")
        lines = page.locator(".machine:visible .answers:visible tbody tr")
        for number, answer in enumerate(machine.boards[0].answers):
            words = plain(lines.nth(number).inner_text())
            assert answer.row.name in words and answer.configuration in words
            assert answer.figure.text in words and answer.fits in words
            if answer.figure.interval:
                assert f"{answer.figure.interval}, n = {answer.figure.n}" in words


def test_the_bar_under_an_answer_is_as_long_as_its_speed(page: Page, made: Made, site: Path):
    front(page, site)
    board = made.view.machines[0].boards[0]
    bars = page.locator(".machine:visible .answers:visible .meter").evaluate_all(
        """all => all.map(meter => {
          const [own, bar] = [meter, meter.firstChild].map(e => e.getBoundingClientRect());
          return [bar.left - own.left, bar.width / own.width];
        })"""
    )
    rates = [answer.figure.tok_s for answer in board.answers if answer.figure.tok_s]
    assert len(bars) == len(rates) > 1
    for (start, share), rate in zip(bars, rates, strict=True):
        assert start == 0
        assert share == pytest.approx(rate / max(rates), abs=0.005)


def test_each_filter_keeps_exactly_the_rows_that_have_its_value(page: Page, made: Made, site: Path):
    values = {
        "rig": lambda row: row.hardware.rig,
        "backend": lambda row: row.backend,
        "build": lambda row: row.build,
        "family": lambda row: row.family,
        "quant": lambda row: row.quant,
        "creator": lambda row: row.creator,
        "mode": lambda row: row.mode,
        "cap": lambda row: row.cap,
    }
    rows = made.view.rows
    had = {name: {value_of(row) for row in rows} - {""} for name, value_of in values.items()}
    wanted = {name: min(options) for name, options in had.items()}
    front(page, site)
    left = left_by_each_filter(page, wanted)
    for name, value_of in values.items():
        assert set(left[name]) == {row.id for row in rows if value_of(row) == wanted[name]}, name
    assert len(visible_rows(page)) == len(rows)


def test_the_former_name_of_a_filter_still_works(page: Page, site: Path):
    front(page, site, "?rig=h100-vm")
    wanted = visible_rows(page)
    front_anew(page, site, "?hardware=h100-vm")
    assert visible_rows(page) == wanted


def test_columns_are_chosen_by_keyboard_and_kept_in_the_address(page: Page, site: Path):
    front(page, site)
    heads = "#tables table:first-of-type >> nth=0 >> thead th:visible"
    usual = page.locator(heads).evaluate_all("all => all.map(th => th.dataset.column)")
    assert usual == ["variant", "decode", *(c.name for c in OPTIONAL if c.chosen)]
    page.locator("#columns summary").focus()
    page.keyboard.press("Enter")
    page.locator("#columns input[value=energy]").focus()
    page.keyboard.press("Space")
    page.locator("#columns input[value=mode]").focus()
    page.keyboard.press("Space")
    wanted = [c.name for c in OPTIONAL if (c.chosen or c.name == "energy") and c.name != "mode"]
    assert search(page) == f"?columns={','.join(wanted)}"
    page.reload()
    shown = page.locator(heads).evaluate_all("all => all.map(th => th.dataset.column)")
    assert shown == ["variant", "decode", *wanted]
    front(page, site, "?columns=nonsense,__proto__")
    assert page.locator(heads).evaluate_all("all => all.map(th => th.dataset.column)") == usual


def shown_table(page: Page) -> list[list[str]]:
    """Rows as a reader sees them: every visible cell's words."""
    return page.locator("#tables tbody tr:visible").evaluate_all(
        """rows => rows.map(row => [...row.cells].filter(cell => cell.offsetParent !== null)
          .map(cell => cell.innerText.replace(/\\s+/g, " ").trim()))"""
    )


@pytest.mark.parametrize("query", ["", "?rig=shared-vm-2core&workload=agent&columns=energy,quant"])
def test_the_csv_is_what_is_shown(page: Page, site: Path, query: str):
    front(page, site, query)
    table = shown_table(page)
    lines = csv_of_what_is_shown(page)
    assert len(lines) == len(table) > 0
    of_speed = ("decode_tok_s", "interval", "n", "standing", "remarks")
    for line, cells in zip(lines, table, strict=True):
        assert line["variant"] == cells[0]
        assert all(part in cells[1] for name in of_speed for part in line[name].split("; "))
        others = [
            value for name, value in line.items() if name not in ("family", "variant", *of_speed)
        ]
        assert others == cells[2:]
        assert cells[1].startswith(line["decode_tok_s"])


def test_the_csv_has_no_formula_for_a_spreadsheet_to_compute(page: Page, site: Path):
    """As the published ones have it: a quote before it, and numbers as they are."""
    front(page, site)
    names = ["=1+1", "@sum", "'-x", "-4.5"]
    page.locator("#tables tbody tr:visible").evaluate_all(
        "(rows, names) => names.forEach((name, at) => { rows[at].dataset.family = name; })", names
    )
    found = [line["family"] for line in csv_of_what_is_shown(page)[: len(names)]]
    page.goto("about:blank")  # nobody finds it so
    assert found == ["'=1+1", "'@sum", "''-x", "-4.5"]


def test_what_failed_is_a_row_with_its_kind(page: Page, made: Made, site: Path):
    front(page, site)
    failed = [row for row in made.view.rows if row.problem]
    assert len(failed) >= 3
    for row in failed:
        words = plain(page.locator(f"#{row.id} .c-decode").inner_text())
        assert words == f"{row.problem} ✕ failed" or words.startswith(f"{row.problem} failed")


def test_an_old_build_says_how_far_it_is_behind_the_newest_there(page: Page, site: Path):
    front(page, site, "?build=b10068")
    said = page.locator("#tables tbody tr:visible .c-backend").first.inner_text()
    assert re.search(r"\d+ builds? behind b10\d+", said)


def test_a_filter_is_painted_in_the_next_frame(page: Page, site: Path):
    """How long that takes is `benchmarks/site_speed.py`'s to tell."""
    front(page, site)
    before, painted = page.evaluate(
        """() => new Promise(done => {
          const tables = document.querySelector("#tables"), before = tables.innerText;
          const select = document.querySelector("#filters [name=workload]");
          select.value = "rag";
          select.dispatchEvent(new Event("change", { bubbles: true }));
          requestAnimationFrame(() => done([before, tables.innerText]));
        })"""
    )
    page.wait_for_timeout(300)
    assert before != painted == page.locator("#tables").inner_text()


def test_a_filter_lives_in_the_address_and_survives_reload_and_back(page: Page, site: Path):
    front(page, site)
    everything = visible_rows(page)
    choose(page, "rig", "h100-vm")
    on_h100 = visible_rows(page)
    assert 0 < len(on_h100) < len(everything)
    assert search(page) == "?rig=h100-vm"
    choose(page, "concurrency", "4")
    both = visible_rows(page)
    assert 0 < len(both) < len(on_h100)
    page.reload()
    assert visible_rows(page) == both
    assert page.locator("#filters [name=concurrency]").input_value() == "4"
    page.go_back()
    assert visible_rows(page) == on_h100
    page.go_back()
    assert visible_rows(page) == everything
    page.go_forward()
    assert visible_rows(page) == on_h100


def test_an_address_with_unknown_parameters_and_values_shows_everything(page: Page, site: Path):
    front(page, site)
    everything = visible_rows(page)
    front_anew(page, site, "?rig=nobody&colour=red&workload=<b>&sort=__proto__&order=up")
    assert visible_rows(page) == everything
    choose(page, "backend", "cpu")
    assert search(page) == "?backend=cpu"


def test_the_live_region_counts_what_is_shown(page: Page, made: Made, site: Path):
    front(page, site)
    count = len(made.view.rows)
    assert (
        page.locator("#shown").inner_text() == f"{count} rows, {len(made.view.families)} families"
    )
    choose(page, "rig", "gaming-desktop")
    there = [row.family for row in made.view.rows if row.hardware.rig == "gaming-desktop"]
    words = f"{len(there)} of {count} rows, {len(set(there))} families"
    assert page.locator("#shown").inner_text() == words
    assert page.locator("#shown").get_attribute("role") == "status"
    choose(page, "concurrency", "4")
    assert page.locator("#shown").inner_text() == f"0 of {count} rows, 0 families"
    page.get_by_role("button", name="Show all rows").click()
    assert len(visible_rows(page)) == count


def test_columns_sort_by_keyboard_and_say_so(page: Page, site: Path):
    front(page, site)
    header = page.locator(".family:has(h3:text-is('LFM2')) th[data-column=decode]")
    assert header.get_attribute("aria-sort") == "descending"
    fastest_first = speeds(page, "LFM2")
    assert fastest_first[0] == "485.5 – 529.6"
    header.locator("button").focus()
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert speeds(page, "LFM2") == fastest_first[::-1]
    variant = page.locator(".family:has(h3:text-is('LFM2')) th[data-column=variant]")
    variant.locator("button").focus()
    page.keyboard.press("Space")
    assert variant.get_attribute("aria-sort") == "ascending"
    assert header.get_attribute("aria-sort") is None
    names = page.locator(".family:has(h3:text-is('LFM2')) tbody th").all_inner_texts()
    assert names == ["1.2B", "1.2B-Tool", "2.6B", "8B-A1B"]
    assert search(page) == "?sort=variant"


def test_rows_without_a_figure_stay_last_whichever_way_it_sorts(page: Page, site: Path):
    for order in ("asc", "desc"):
        front(page, site, f"?order={order}&workload=agent&rig=shared-vm-2core")
        assert speeds(page, "SmolLM2")[-1] == "crashed"


def test_a_number_tells_its_repetitions_and_interval_on_focus(page: Page, made: Made, site: Path):
    front(page, site)
    row = next(row for row in made.view.rows if row.source_text == "measured")
    page.locator(f"#{row.id} .speed").focus()
    words = " ".join(page.locator("#tip").inner_text().split())
    for figure in row.figures:
        assert f"{figure.title} {figure.text} tok/s [{figure.interval}], n = 5." in words


def test_a_number_leads_to_its_cell(page: Page, made: Made, site: Path):
    row = next(row for row in made.view.rows if row.source_text == "measured")
    front(page, site, "?workload=rag")
    assert page.locator(f"#{row.id} .speed").get_attribute("href") == row.figures[1].href
    choose(page, "workload", "")
    assert page.locator(f"#{row.id} .speed").get_attribute("href") == row.href


def test_a_model_is_found_by_part_of_its_name(page: Page, made: Made, site: Path):
    front(page, site)
    page.get_by_role("searchbox").fill("gemma 270")
    wanted = {row.id for row in made.view.rows if "270m" in row.name}
    assert set(visible_rows(page)) == wanted
    assert search(page) == "?q=gemma+270"
    page.reload()
    assert set(visible_rows(page)) == wanted
    page.get_by_role("button", name="Show all").click()
    assert len(visible_rows(page)) == len(made.view.rows)
    assert page.get_by_role("searchbox").input_value() == ""
