"""The method page says what the code does: each of its numbers is the code's own constant."""

import importlib
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest

from bench_pipeline.measures import statistics
from bench_pipeline.records.cell import FailureKind
from bench_pipeline.site import wording
from bench_pipeline.site.pages.method import MODULES, PROFILE_RULES, constant
from tests.site.conftest import Made, make

FACTORS = {"%": 100, "s": 1, "ms": 1, "MiB": 1, "": 1}


class Page(HTMLParser):
    """The shown numbers of the text: those in a <data> element apart from all others."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.constants: list[tuple[str, str]] = []
        """Title of the element, its text."""
        self.prose = ""
        self._title: str | None = None
        self.feed(text[text.index("<h1>") : text.index("</main>")])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "data":
            self._title = dict(attrs)["title"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "data":
            self._title = None

    def handle_data(self, data: str) -> None:
        if self._title is None:
            self.prose += data
        else:
            self.constants.append((self._title, data))


@pytest.fixture(scope="module")
def text(site: Path) -> str:
    return (site / "method.html").read_text()


def value_of(title: str) -> Any:
    module, _, path = title.partition(": ")
    value: Any = importlib.import_module(module)
    for part in path.split("."):
        value = value[part] if isinstance(value, Mapping) else getattr(value, part)
    return value


def test_each_number_is_the_constant_that_it_names(text: str):
    constants = Page(text).constants
    assert len(constants) >= 40
    for title, shown in constants:
        value = value_of(title)
        if value is None or isinstance(value, str):
            assert shown == (value or "not used")
        elif isinstance(value, tuple):
            assert [int(number) for number in re.findall(r"\d+", shown.replace(",", ""))] == [
                *value
            ] or [int(n.replace(",", "")) for n in re.split(r", | and ", shown)] == [*value]
        else:
            number, _, unit = shown.partition(" ")
            assert float(number.replace(",", "")) == pytest.approx(value * FACTORS[unit])


def test_no_threshold_is_typed_by_hand(made: Made, text: str):
    prose = Page(text).prose
    for section in ("read", "workloads"):  # a figure and prompts: data, not rules
        body = text[text.index(f'<section id="{section}"') :]
        shown = re.sub(r"<[^>]+>", "", body[: body.index("</section>")])
        for number in re.findall(r"\d[\d.,]*", shown):
            prose = prose.replace(number, "", 1)
    allowed = {"99": "percentile", "3": "% faster"}
    for number, after in re.findall(r"(\d[\d.,]*)(.{0,15})", prose):
        assert number in allowed and allowed[number] in after, f"{number}{after}"


def test_a_constant_that_changes_changes_the_page(monkeypatch):
    assert ">95 %<" in constant("statistics.CONFIDENCE", "%")
    monkeypatch.setattr(statistics, "CONFIDENCE", 0.9)
    assert ">90 %<" in constant("statistics.CONFIDENCE", "%")
    with pytest.raises(AttributeError):
        constant("statistics.GONE")


def test_every_rule_of_the_profiles_is_shown(text: str):
    from bench_pipeline.harness.planning.profiles import PROFILES, ProfileRules

    assert {field for _, field, _ in PROFILE_RULES} == set(ProfileRules.__dataclass_fields__)
    for profile in PROFILES:
        for _, field, _ in PROFILE_RULES:
            assert f"{MODULES['profiles'].__name__}: PROFILES.{profile}.{field}" in text


def test_every_mark_and_every_failure_is_explained(text: str):
    assert set(re.findall(r'id="flag-([^"]+)"', text)) == set(wording.FLAGS)
    assert set(re.findall(r'id="failure-([^"]+)"', text)) == set(get_args(FailureKind))


def test_the_example_is_a_figure_of_the_front_page(made: Made, text: str):
    example = text[text.index('class="example"') :]
    href, shown = re.findall(r'<a href="([^"]+)"><b>([^<]+)</b>', example)[0]
    figures = [(f.href, f.text) for row in made.view.rows for f in row.figures]
    assert (href, shown) in figures


def test_without_a_measured_figure_there_is_no_example(tmp_path: Path):
    made = make(tmp_path / "project", [])
    made.build()
    assert 'class="example"' not in (made.project.site / "method.html").read_text()


def test_every_workload_is_explained(made: Made, text: str):
    for work in made.tables.workloads:
        assert f"{work['title']}<span" in text
