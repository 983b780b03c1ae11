"""A rig's history drawn to scale: each value stands where its runs were, and the list says so too.

Made of one real run's row, at other times and with other things read from the machine.
"""

import gzip
import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from bench_pipeline.site import wording
from bench_pipeline.site.pages import rigs as pages
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.rigs.history import history
from bench_pipeline.site.rigs.timeline import Lane, Timeline, timeline_of
from bench_pipeline.site.rigs.timeline_drawing import MAX_MARKS, PLACES, draw
from bench_pipeline.site.rigs.view import RUNS_ON_A_PAGE, rig_pages
from bench_pipeline.site.source import Row
from bench_pipeline.site.view import view
from tests.site.conftest import Made
from tests.site.every_kind import set_width

START = datetime(2026, 1, 3, 7, 12)
HOUR = timedelta(hours=1)
HOURS = 4800
"""Of a long history."""
WIDEST_PX = 1200
"""Of a page's content."""
LONG_KERNEL = "6.12.0-1009-nvidia-lowlatency-with-a-name-that-no-phone-has-room-for"


@pytest.fixture(scope="module")
def like(made: Made) -> Row:
    """A run of the table `runs`, on a GPU."""
    return next(run for run in made.tables.runs if run["rig"] == "h100-vm")


def row(like: Row, hour: float, build: str = "b11434", backend: str = "cuda", **read: Any) -> Row:
    """A run `hour` hours after START. `read`: its GPU's driver and power_cap_w, kernel,
    memory_mib."""
    inventory = json.loads(like["inventory_key"])
    inventory["os"]["kernel"] = read.get("kernel", "6.8.0")
    inventory["memory"]["total_mib"] = read.get("memory_mib", 128_000)
    inventory["gpus"][0] |= {
        "driver": read.get("driver", "580.95"),
        "power_cap_w": read.get("power_cap_w", 700),
    }
    started_at = START + hour * HOUR
    run_id = f"{round(hour * 3600):012x}"
    changed = {"backend": backend, "build": build, "inventory_key": json.dumps(inventory)}
    return {**like, "run_id": run_id, "started_at": started_at, **changed}


def line(rows: Sequence[Row]) -> Timeline:
    made = timeline_of(rows)
    assert made
    return made


def lane(timeline: Timeline, title: str) -> Lane:
    return next(lane for lane in timeline.lanes if lane.title == title)


def stretches(timeline: Timeline, title: str) -> list[tuple[str, float, float]]:
    """Of one lane: value, and hours from START to its first and its last run."""
    return [
        (span.value, (span.first - START) / HOUR, (span.last - START) / HOUR)
        for span in lane(timeline, title).spans
    ]


def many(like: Row, count: int) -> list[Row]:
    """Runs at random over HOURS, with 12 builds of 3 backends, while all else changes too."""
    choose = random.Random(count)
    hours = [(number + 0.6 * choose.random()) * HOURS / count for number in range(count)]
    return [
        row(
            like,
            hour,
            build=f"b{11000 + int(hour / 400) * 17}",
            backend=choose.choice(("cuda", "vulkan", "rocm")),
            driver=("580.95", "590.10", "590.48")[int(hour / 2000)],
            kernel="6.8.0" if hour < 3000 else LONG_KERNEL,
            power_cap_w=350.5 if 1400 < hour < 1800 else 700,
            memory_mib=128_000 if hour < 4000 else 256_000,
        )
        for hour in hours
    ]


def test_a_value_lasts_from_the_first_run_that_saw_it_to_the_last(like: Row):
    drivers = ((0, "580.95"), (5, "580.95"), (20, "590.10"), (30, "590.10"), (31, "580.95"))
    made = line([row(like, hour, driver=driver) for hour, driver in drivers])
    assert stretches(made, "Driver of the GPU") == [
        ("580.95", 0, 5),
        ("590.10", 20, 30),
        ("580.95", 31, 31),
    ]
    assert stretches(made, "Kernel") == [("6.8.0", 0, 31)]
    assert "driver of the GPU changed 2 times, last to 580.95" in made.summary
    assert "kernel always 6.8.0" in made.summary


def test_a_build_lasts_until_a_newer_one_comes_and_an_older_one_replaces_none(like: Row):
    runs = [(0, "b10092"), (2, "b10092"), (6, "b10434"), (7, "b10068"), (8, "b10092")]
    rows = [row(like, hour, build=build, backend="cpu") for hour, build in runs]
    made = line([*rows, row(like, 12, build="b10068", backend="cuda")])
    assert stretches(made, "CPU build") == [("b10092", 0, 6), ("b10434", 6, 8)]
    assert stretches(made, "CUDA build") == [("b10068", 12, 12)]


def test_all_else_that_changes_shares_a_lane_and_is_named(like: Row):
    rows = [row(like, hour, memory_mib=mib) for hour, mib in ((0, 1024), (1, 1024), (3, 2048))]
    made = line(rows)
    assert stretches(made, "Other parts") == [("", 0, 1), ("memory", 3, 3)]
    assert not any(lane.title == "Other parts" for lane in line(rows[:2]).lanes)


def test_gpus_that_were_always_alike_share_a_lane(like: Row):
    rows = []
    for hour, caps in enumerate(((700, 700), (350, 700), (700, 700))):
        one = row(like, hour)
        inventory = json.loads(one["inventory_key"])
        (gpu,) = inventory["gpus"]
        inventory["gpus"] = [{**gpu, "index": n, "power_cap_w": cap} for n, cap in enumerate(caps)]
        rows.append({**one, "inventory_key": json.dumps(inventory)})
    titles = [lane.title for lane in line(rows).lanes]
    assert titles == [
        "Kernel",
        "Driver of GPU 0 and 1",
        "Power cap of GPU 0",
        "Power cap of GPU 1",
        "CUDA build",
    ]


def test_runs_of_one_moment_have_no_time_line(like: Row):
    assert timeline_of([]) is None
    assert timeline_of([row(like, 1), {**row(like, 1), "run_id": "another"}]) is None


def share(timeline: Timeline, when: datetime) -> float:
    return (when - timeline.runs[0]) / (timeline.runs[-1] - timeline.runs[0])


def boxes(path: str) -> list[tuple[float, float]]:
    """From where to where, as shares of the track, each line goes that begins at its top."""
    return [
        (int(left) / PLACES, int(right) / PLACES)
        for left, right in re.findall(r"M(\d+) 0H(\d+)", path)
    ]


def lines(path: str) -> list[float]:
    return [int(place) / PLACES for place in re.findall(r"M(\d+) 0V1", path)]


def assert_at(drawn: Sequence[float], true: Sequence[float]) -> None:
    assert len(drawn) == len(true)
    assert drawn == sorted(drawn) and max(drawn, default=0) <= 1
    off_px = [abs(one - other) * WIDEST_PX for one, other in zip(drawn, true, strict=True)]
    assert max(off_px, default=0) <= 0.5


def test_every_span_and_every_unknown_stretch_is_drawn_at_its_dates(like: Row):
    made = line(many(like, 150))
    drawing = draw(made)
    for lane, track in zip(made.lanes, drawing.tracks, strict=True):
        ends = [(share(made, span.first), share(made, span.last)) for span in lane.spans]
        known = [end for span in ends for end in span]
        unknown = known[1:-1]
        assert_at(lines(track.begins), [first for first, _ in ends])
        assert len(ends) > 1
        if lane.title.endswith("build"):  # nothing about them is unknown: they touch
            assert_at([end for box in boxes(track.known) for end in box], [known[0], known[-1]])
            assert track.unknown_edges == ""
        else:
            assert_at([end for box in boxes(track.known) for end in box], known)
            assert boxes(track.known_edges) == boxes(track.known)
            assert_at([end for box in boxes(track.unknown_edges) for end in box], unknown)
    assert_at(lines(drawing.runs), [share(made, when) for when in made.runs])


def test_a_value_that_a_single_run_saw_is_a_line_between_two_unknown_stretches(like: Row):
    drivers = ((0, "580.95"), (4, "590.10"), (10, "590.48"))
    drawing = draw(line([row(like, hour, driver=driver) for hour, driver in drivers]))
    track = drawing.tracks[1]
    assert (track.title, track.known) == ("Driver of the GPU", "")
    assert boxes(track.unknown_edges) == [(0, 1)]
    assert lines(track.begins) == [0, 0.4, 1]
    assert [(label.text, label.left, label.width) for label in track.labels] == [
        ("580.95", "0", "40"),
        ("590.10", "40", "60"),
    ]
    assert track.now == "590.48"


def test_the_list_says_what_the_drawing_shows(like: Row):
    rows = many(like, 150)
    told: set[tuple[str, ...]] = set()
    for event in history(rows):
        for change in event.changes:
            told.add((change.what, event.since, event.when, change.before, change.after))
        if event.engine and event.engine.newest_before:
            told.add((event.engine.words, event.when))
    drawn: set[tuple[str, ...]] = set()
    for lane in line(rows).lanes:
        for one, other in pairwise(lane.spans):
            when = wording.moment(one.last), wording.moment(other.first)
            if lane.title.endswith("build"):
                backend = lane.name.removesuffix(" build")
                words = f"{backend}: llama.cpp {other.value}, after llama.cpp {one.value}"
                drawn.add((words, when[1]))
            elif lane.title == "Other parts":
                drawn.add((other.value, *when, "128000 MiB", "256000 MiB"))
            else:
                drawn.add((lane.name, *when, one.value, other.value))
    assert drawn == told
    assert len(drawn) == 2 + 1 + 2 + 1 + 3 * 11


@pytest.mark.parametrize("hours", [0.02, 0.9, 5, 20, 49, 240, 700, 3000, 9000, 50_000, 300_000])
def test_the_axis_names_round_moments(like: Row, hours: float):
    drawing = draw(line([row(like, 0), row(like, hours)]))
    assert 1 <= len(drawing.marks) <= MAX_MARKS
    for mark in drawing.marks:
        when = START + float(mark.left) / 100 * hours * HOUR
        shown = {
            f"{at:{pattern}}"
            for at in (when, when + timedelta(seconds=hours * 3600 / 10_000))
            for pattern in ("%Y", "%Y-%m", "%Y-%m-%d", "%H:%M")
        }
        assert mark.name in {"", *shown}
    assert any(mark.name for mark in drawing.marks)


def pages_of(made: Made, rows: Sequence[Row]) -> dict[str, bytes]:
    """The pages of rigs, one of which has these runs, and what they need."""
    tables = made.tables
    site = view(tables)
    others = [run for run in tables.runs if run["rig"] != rows[0]["rig"]]
    tables = replace(tables, runs=[*others, *rows])
    like = next(run for run in site.runs if run.rig == rows[0]["rig"])
    runs = [
        replace(
            like,
            run_id=row["run_id"],
            href=f"runs/{row['run_id']}.html",
            when=wording.moment(row["started_at"]),
            backend=row["backend"],
            build=row["build"],
            model=f"Model-{number // 3} 7B Q4_K_M",
            model_href=f"models/model-{number // 3}.html",
        )
        for number, row in enumerate(rows)
    ]
    press, made_of = Press(), rig_pages(tables, runs)
    found = press.files | pages.index(press, made_of)
    for rig in made_of:
        found |= pages.pages(press, rig)
    return found


def test_the_drawing_fits_its_place_and_its_labels_stand_at_their_dates(
    made: Made, like: Row, page: Page, tmp_path: Path
):
    rows = many(like, 60)
    for path, content in pages_of(made, rows).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    timeline = line(rows)
    page.goto((tmp_path / "rigs" / "h100-vm.html").as_uri())
    picture = page.get_by_role("img", name=timeline.summary)
    assert page.get_by_text(LONG_KERNEL).count() > 0
    for width in (320, 1350):
        set_width(page, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        place = picture.bounding_box()
        found = picture.locator(".track").evaluate_all(MEASURE)
        labels = {}
        for own, lane in zip(found, [*timeline.lanes, None], strict=True):
            right = own["left"] + own["width"]
            assert own["left"] >= place["x"] and right <= place["x"] + place["width"]
            assert own["drawn"] == [own["left"], own["width"]]
            spans = lane.spans if lane else ()
            firsts = {(one.value, share(timeline, one.first)) for one in spans}
            labels[lane and lane.title] = shown = [each for each in own["labels"] if each["width"]]
            for label in shown:
                assert label["font"] >= 11
                assert label["left"] + label["width"] <= right + 0.5
                at = (label["left"] - own["left"]) / own["width"]
                near = {value for value, first in firsts if abs(at - first) * own["width"] <= 0.5}
                assert label["text"] in near
        assert [label["text"] for label in labels["Kernel"]] == ["6.8.0", LONG_KERNEL]
        assert (len(labels["CUDA build"]) >= 6) == (width == 1350)


MEASURE = """tracks => tracks.map(track => {
  const box = element => element.getBoundingClientRect(), own = box(track);
  const svg = box(track.querySelector("svg"));
  return {
    left: own.left, width: own.width, drawn: [svg.left, svg.width],
    labels: Array.from(track.querySelectorAll("span")).map(span => ({
      text: span.textContent, left: box(span).left, width: box(span).width,
      font: parseFloat(getComputedStyle(span).fontSize) })),
  };
})"""


def test_a_rig_of_very_many_runs_divides_them_and_loses_none(made: Made, like: Row):
    rows = many(like, 1800)
    pages = {path: content.decode() for path, content in pages_of(made, rows).items()}
    own = pages["rigs/h100-vm.html"]
    periods = {path: text for path, text in pages.items() if path.startswith("rigs/h100-vm/")}
    assert list(periods) == [f"rigs/h100-vm/runs-{number}.html" for number in range(9, 0, -1)]
    listed = [run for text in periods.values() for run in re.findall(r'<tr id="run-(\w+)"', text)]
    assert listed == [row["run_id"] for row in reversed(rows)]
    assert max(len(gzip.compress(text.encode())) for text in (own, *periods.values())) < 12_000
    assert own.count("<path") + own.count("<span style") < 150
    assert all(f'href="../{path}"' in own for path in periods)
    changes = [event.run_href for event in history(rows)]
    told = [
        run
        for text in periods.values()
        for run in re.findall(r'<li><p><a href="../../(runs/\w+\.html)"', text)
    ]
    assert told == changes
    assert "llama.cpp b11000 to b11187 (CUDA, 12 builds)" in own
    first, last = periods["rigs/h100-vm/runs-1.html"], periods["rigs/h100-vm/runs-9.html"]
    assert ("Earlier:" in first, "Later:" in first) == (False, True)
    assert ("Earlier:" in last, "Later:" in last) == (True, False)
    assert 'href="../../rigs/h100-vm/runs-2.html">Later: runs 201 to 400' in first


def test_as_many_runs_as_one_page_takes_stay_on_it(made: Made, like: Row):
    pages = pages_of(made, many(like, RUNS_ON_A_PAGE))
    assert not any(path.startswith("rigs/h100-vm/") for path in pages)
    assert pages["rigs/h100-vm.html"].count(b'<tr id="run-') == RUNS_ON_A_PAGE
