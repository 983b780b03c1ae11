"""What new builds changed, as pages and as a feed."""

import re
import uuid
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.pages.trends import model_sections
from bench_pipeline.site.source import Row
from bench_pipeline.site.trends import words as trends_words
from bench_pipeline.site.trends.changes import changes, newest_steps
from bench_pipeline.site.trends.feed import MAX_ENTRIES, feed
from bench_pipeline.site.trends.maker import trends_of
from tests.session_factories import AVX2, AVX512_AND_AMX, session_runs
from tests.site.conftest import make
from tests.site.trends.trend_rows import NOON, pages_of, series, step, tables, three_builds

ATOM = "{http://www.w3.org/2005/Atom}"
PLACE = "trends/shared-vm-2core-cpu.html"
EVIL = "<script>alert(1)</script>&\u202e\x1b😀"


@pytest.fixture(scope="module")
def press() -> Press:
    return Press()


def made(press: Press, *rows: Row, **others: list[Row]) -> dict[str, str]:
    found = pages_of(press, tables(*rows, **others))
    return {path: content.decode() for path, content in found.items()}


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def flagged(build: str, ratio: float, **columns: object) -> Row:
    kind = "faster" if ratio > 1 else "slower"
    ends = (ratio, ratio - 0.005, ratio + 0.005)
    return step(build, 100 * ratio, kind, ends, flagged=True, **columns)


def test_a_page_for_each_rig_and_backend_shows_every_number_with_its_verdict(press: Press):
    page = made(press, *three_builds())[PLACE]
    lines = re.findall(r'<tr data-row="(.*?)">(.*?)</tr>', page, re.DOTALL)
    assert [build for build, _ in lines] == ["b10068", "b10092", "b10434"]
    first, second, third = (text(line) for _, line in lines)
    assert "100.0 99.0 – 101.0 48 first build here" in first
    assert "112.0 110.9 – 113.1 48 12.1 % faster 10.8 – 13.4 %" in second
    assert "not judged they were measured in different sessions" in third
    assert "b10092 has AMX_INT8, AVX512; b10068 has not" in second
    assert "SSE3, SSSE3, AVX, AVX2" in first and "as b10092" in third
    assert page.count('class="drawing wide"') == page.count('class="drawing narrow"') == 1


def test_a_points_run_and_what_changed_upstream_are_one_click_away(press: Press):
    page = made(press, *three_builds())[PLACE]
    assert 'href="../runs/000000010092.html#chat-1"' in page
    assert "https://github.com/ggml-org/llama.cpp/compare/571d0d5...3ce7da2" in page
    assert "https://github.com/ggml-org/llama.cpp/commit/7e4c0a9" in page


@pytest.mark.parametrize(
    "unknown", [{"commit": None}, {"commit": "unknown"}, {"commit": "x/../../evil"}]
)
def test_without_both_commits_there_is_no_link_to_what_changed(unknown):
    rows = series(step("b1", 1.0, **unknown), step("b2", 1.0))
    assert trends_words.changes_href(*rows) == ""
    rows = series(step("b1", 1.0), step("b2", 1.0, commit="3ce7da2"), engine="other-server")
    assert trends_words.changes_href(*rows) == ""


def test_verdicts_read_as_a_person_would_say_them():
    def said(metric: str, *ratio: float, verdict: str) -> str:
        row = step("b2", 1.0, verdict, ratio) | {"metric": metric}  # type: ignore[arg-type]
        return trends_words.verdict(row).text

    assert (
        said("decode_tok_s", 0.9, 0.89, 0.915, verdict="slower") == "10.0 % slower (8.5 – 11.0 %)"
    )
    assert said("ttft_ms", 1.08, 1.07, 1.09, verdict="slower") == "8.0 % later (7.0 – 9.0 %)"
    assert said("ttft_ms", 0.9, 0.88, 0.92, verdict="faster") == "10.0 % sooner (8.0 – 12.0 %)"
    assert (
        said("decode_tok_s", 1.0, 0.995, 1.0004, verdict="no difference")
        == "no difference (−0.5 to 0.0 %)"
    )


def test_one_build_alone_is_said_to_have_no_trend(press: Press):
    found = made(press, *series(step("b10434", 100.0)))
    assert "Only b10434 was measured here" in text(found[PLACE])
    assert "<svg" not in found[PLACE]
    assert "no trend yet" in text(found["trends.html"])


def test_a_site_without_any_session_has_its_pages_and_a_valid_empty_feed(press: Press):
    found = made(press)
    assert set(found) == {"trends.html", "feed.xml"}
    assert "None so far" in found["trends.html"]
    assert ET.fromstring(found["feed.xml"]).findall(f"{ATOM}entry") == []
    never_together = series(step("b1", 100.0), step("b2", 50.0, "unjudged"))
    found = made(press, *never_together)
    assert "None so far" in found["trends.html"]
    assert "Not judged" in found["trends.html"]


def test_flagged_steps_stand_newest_first_and_those_of_one_change_together():
    rows = [
        *series(step("b1", 100.0), flagged("b2", 0.9), flagged("b3", 0.8)),
        *series(step("b1", 50.0), flagged("b2", 0.8), metric="ttft_ms"),
        *series(
            step("b1", 9.0), flagged("b2", 1.2, started_at=NOON + timedelta(hours=1)), rig="newer"
        ),
    ]
    steps = newest_steps(trends_of(tables(*rows)))
    assert [(s.rig_title, s.build, s.metric) for s in steps] == [
        ("newer", "b2", "Decode"),
        ("shared-vm-2core", "b3", "Decode"),
        ("shared-vm-2core", "b2", "Decode"),
        ("shared-vm-2core", "b2", "TTFT"),
    ]
    found, _ = changes(steps)
    last = found[-1]
    assert last.metrics == ("Decode", "TTFT")
    assert [set(cell.verdicts) for cell in last.cells] == [{"Decode", "TTFT"}]


def test_a_verdict_names_how_the_builds_were_compiled_wherever_it_is_told(press: Press):
    found = made(press, *three_builds())
    words = "Part of this may be how they were compiled: b10092 has AMX_INT8, AVX512"
    assert words in found["trends.html"]
    assert words in found["feed.xml"]


def test_why_a_pair_is_undecided_is_told_in_the_words_of_its_newest_comparison(press: Press):
    rows = series(step("b1", 100.0), step("b2", 101.0, "undecided", (1.01, 0.99, 1.03)))
    keys = (
        "rig",
        "backend",
        "engine",
        "model",
        "mode",
        "power_cap_w",
        "system",
        "workload",
        "concurrency",
        "metric",
    )
    compared = {key: rows[1][key] for key in keys} | {"build_before": "b1", "build_after": "b2"}
    older = {**compared, "started_at": NOON, "session_id": "a", "reason": "2 of the 3 turns"}
    newer = {**older, "started_at": NOON + timedelta(days=1), "reason": "known to ±2.0% only"}
    page = text(made(press, *rows, comparisons=[newer, older])["trends.html"])
    assert "Undecided: known to ±2.0% only" in page
    assert "2 of the 3 turns" not in page


def test_another_system_is_a_figure_of_its_own_named_by_what_differs():
    old, new = "driver 570 · kernel 6.12", "driver 580 · kernel 6.12"
    later = {"started_at": NOON + timedelta(days=1), "system": new}
    rows = [
        *series(step("b1", 100.0), step("b2", 101.0), system=old),
        *series(step("b2", 90.0, **later), step("b3", 91.0, **later)),
    ]
    (trend,) = trends_of(tables(*rows))
    newer, older = trend.models[0].figures
    assert [figure.title for figure in (newer, older)] == [
        "chat, 1 stream, driver 580",
        "chat, 1 stream, driver 570",
    ]
    assert newer.id == f"{older.id}-system2"
    assert [point.build for point in older.series[0].points] == ["b1", "b2"]


def test_a_models_page_shows_its_trend_or_says_that_there_is_none():
    alone = series(step("b1", 1.0), model="other", rig="h100-vm", backend="cuda")
    sections = model_sections(tables(*three_builds(), *alone))
    (trend,) = sections["smollm2-135m-instruct-q4_1"]
    assert trend.drawing and trend.shown and trend.shown.metric == "decode_tok_s"
    (none,) = sections["other"]
    assert none.drawing is None and none.model.builds == ("b1",)


def entries(content: bytes) -> list[ET.Element]:
    return ET.fromstring(content).findall(f"{ATOM}entry")


def of(element: ET.Element, name: str) -> str:
    return element.findtext(f"{ATOM}{name}") or ""


def made_feed(*rows: Row, runs: list[Row] | None = None) -> bytes:
    return feed(newest_steps(trends_of(tables(*rows))), runs or [])


def test_the_feed_has_what_rfc_4287_demands():
    runs = [{"run_id": "ab" * 6, "started_at": NOON}]
    content = made_feed(*three_builds(), runs=runs)
    root = ET.fromstring(content)
    assert root.tag == f"{ATOM}feed"
    assert root.find(f"{ATOM}author/{ATOM}name") is not None
    ids = []
    for element in (root, *entries(content)):
        for required in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{required}")) == 1
        ids.append(of(element, "id"))
        uuid.UUID(of(element, "id").removeprefix("urn:uuid:"))
        assert of(element, "updated").endswith("Z")
        datetime.fromisoformat(of(element, "updated"))
        (alternate,) = [
            link for link in element.findall(f"{ATOM}link") if link.get("rel") == "alternate"
        ]
        assert not urlsplit(alternate.get("href")).scheme
    assert len(set(ids)) == len(ids) == 2
    (entry,) = entries(content)
    assert of(entry, "updated") == "2026-11-22T12:00:00Z"
    assert "12.1 % faster (10.8 – 13.4 %) than with b10068" in of(entry, "summary")


def test_an_entrys_link_leads_to_its_figure(press: Press):
    found = made(press, *three_builds())
    (entry,) = entries(found["feed.xml"].encode())
    path, _, anchor = entry.find(f"{ATOM}link").get("href").partition("#")  # type: ignore[union-attr]
    assert f'id="{anchor}"' in found[path]


def test_the_feed_is_the_same_bytes_for_the_same_data_and_ids_outlive_a_new_measurement():
    rows = three_builds()
    again = three_builds(run_id="f" * 12, started_at=NOON + timedelta(days=3))
    assert made_feed(*rows) == made_feed(*reversed(rows))
    assert [of(entry, "id") for entry in entries(made_feed(*rows))] == [
        of(entry, "id") for entry in entries(made_feed(*again))
    ]
    assert made_feed(*rows) != made_feed(*again)


def test_the_feeds_of_two_sites_differ_and_one_stays_itself_while_runs_are_added():
    def known_as(*run_ids: str) -> str:
        runs = [
            {"run_id": name, "started_at": NOON + timedelta(n)} for n, name in enumerate(run_ids)
        ]
        return of(ET.fromstring(made_feed(runs=runs)), "id")

    assert known_as("aa") == known_as("aa", "bb") != known_as("bb")


def test_a_feed_keeps_the_newest_steps_only():
    rows = series(step("b1", 100.0), *(flagged(f"b{n}", 0.9) for n in range(2, 150)))
    found = entries(made_feed(*rows))
    assert len(found) == MAX_ENTRIES
    assert of(found[0], "title").startswith("b149:")


def test_hostile_words_are_shown_as_text_in_pages_and_feed(press: Press):
    rows = three_builds(family=EVIL, variant="x" * 500, mode="draft-x")
    rows[1] |= {"compile_difference": EVIL, "build": f"b10092-{EVIL}"}
    rows[2] |= {"previous_build": f"b10092-{EVIL}", "system_info": f"CPU : {EVIL} = 1"}
    rigs = [{"rig": "shared-vm-2core", "title": EVIL}]
    for path, content in made(press, *rows, rigs=rigs).items():
        assert "<script>alert" not in content, path
        assert "&lt;script&gt;alert(1)" in content, path
    entry = entries(made_feed(*rows))[0]
    assert "<script>alert(1)</script>" in of(entry, "title")
    assert "\x1b" not in of(entry, "title") and "\u202e" not in of(entry, "summary")


def test_a_session_reaches_the_pages_through_the_warehouse(tmp_path: Path, press: Press):
    infos = {"b10068": AVX2, "b10092": AVX512_AND_AMX, "b10434": AVX512_AND_AMX}
    speeds = {"b10068": 1.0, "b10092": 1.2, "b10434": 1.2}
    runs = session_runs(speeds, turns=5, waves_per_block=1, system_infos=infos)
    found = pages_of(press, make(tmp_path, runs).tables)
    page = found[PLACE].decode()
    said = re.findall(r"b10434 after b10092: (no difference|undecided)", text(page))
    assert len(said) == 3
    faster = {float(change) for change in re.findall(r">([\d.]+) % faster</text>", page)}
    assert faster and all(17 < change < 23 for change in faster)
    titles = [of(entry, "title") for entry in entries(found["feed.xml"])]
    assert {title.split(" ")[0] for title in titles} == {"b10092:"}
    assert all("AMX_INT8" in of(entry, "summary") for entry in entries(found["feed.xml"]))
