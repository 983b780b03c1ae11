"""Whose site it is: content/site.yaml on every page."""

import re
from pathlib import Path

import pytest

from bench_pipeline.paths import Project
from bench_pipeline.site.pages.press import Press
from bench_pipeline.warehouse.refresh import refresh
from tests.site.conftest import Made, make

FACTS = """\
title: Ada's numbers
author: Ada & Co
home: https://ada.example/
address: https://ada.example/speeds/
licence: CC-BY-4.0
repository: https://git.example/ada/speeds
social_image: https://ada.example/card.png
"""


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = make(tmp_path_factory.mktemp("owned"), [])
    made.project.site_facts.write_text(FACTS)
    refresh(made.project)
    made.build()
    return made


@pytest.mark.parametrize("path", ["index.html", "glossary.html", "rigs/h100-vm.html"])
def test_each_page_says_whose_it_is_and_where_it_stands(owned: Made, path: str):
    page = (owned.project.site / path).read_text(encoding="utf-8")
    address = "https://ada.example/speeds/" + ("" if path == "index.html" else path)
    assert f'<link rel="canonical" href="{address}">' in page
    assert f'<meta property="og:url" content="{address}">' in page
    assert '<meta property="og:image" content="https://ada.example/card.png">' in page
    assert '<meta name="author" content="Ada &amp; Co">' in page
    assert re.search(r'class="brand" href="[./]*index.html">Ada&#39;s numbers</a>', page)
    assert "Figures under CC-BY-4.0." in page
    assert 'href="https://git.example/ada/speeds"' in page


def test_another_owner_s_site_is_made_anew_and_without_one_nothing_is_claimed(owned: Made):
    owned.project.site_facts.unlink()
    refresh(owned.project)
    owned.build()
    page = (owned.project.site / "rigs/h100-vm.html").read_text(encoding="utf-8")
    assert "Ada" not in page and "canonical" not in page
    assert '<meta property="og:title" content="' in page


def test_a_site_file_that_cannot_be_read_is_named_and_the_rest_is_published(tmp_path: Path):
    made = make(tmp_path, [])
    made.project.site_facts.write_text("title: ''\nadress: here\n")
    (rejected,) = refresh(made.project).rejected
    assert "site.yaml" in str(rejected.where)
    assert made.build().pages


def test_an_address_with_markup_is_refused(tmp_path: Path):
    project = Project(tmp_path)
    project.content.mkdir()
    project.site_facts.write_text("address: 'https://x.example/\\\"><script>'\n")
    (rejected,) = refresh(project).rejected
    assert "site.yaml" in str(rejected.where)


def test_a_press_of_nobody_has_the_usual_title():
    assert b">Token speeds</a>" in Press().page("glossary.html")
