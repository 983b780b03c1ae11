"""The glossary: every word once, and what others call it."""

import re
from html import unescape
from pathlib import Path

import pytest

from bench_pipeline.measures.definitions import DEFINITIONS


@pytest.fixture(scope="module")
def text(site: Path) -> str:
    return unescape((site / "glossary.html").read_text(encoding="utf-8"))


def test_metrics_are_named_by_the_field_s_words(text: str):
    for word in ("TTFT", "TPOT", "ITL", "Output throughput", "End-to-end latency", "llama-bench"):
        assert word in text, word
    for definition in DEFINITIONS.values():
        assert definition.meaning in text
        assert definition.in_the_field in text


def test_each_term_of_each_page_leads_to_its_word_here(site: Path, text: str):
    words = set(re.findall(r'id="def-(\w+)"', text))
    assert words == set(DEFINITIONS)
    linked = {
        word
        for page in site.rglob("*.html")
        for word in re.findall(r'glossary\.html#def-(\w+)"', page.read_text(encoding="utf-8"))
    }
    assert linked and linked <= words
