"""Figures from elsewhere, compared: with their own kind only, each called what it is, unjudged."""

import pytest
from playwright.sync_api import Page

from bench_pipeline.site.compare.configurations import (
    ELSEWHERE,
    SERVED,
    Catalogue,
    Configuration,
    catalogue,
)
from bench_pipeline.site.compare.pairs import natural_pairs
from bench_pipeline.site.compare.two import BASES, Comparison, Side, compare
from tests.site.compare.test_in_browser import body, squeezed, status, visit, words
from tests.site.conftest import Made


@pytest.fixture(scope="module")
def known(elsewhere: Made) -> Catalogue:
    return catalogue(elsewhere.tables)


def of_rig(known: Catalogue, rig: str) -> list[Configuration]:
    found = [c for c in known.configurations if c.row["rig"] == rig]
    return sorted(found, key=lambda c: (c.row["build_number"] or 0, c.parts))


def told(two: Comparison) -> list[tuple[str, str, str, str]]:
    """Of each line the metric, the shape and what stands beside the two figures."""
    found = []
    for section in two.sections:
        for metric in section.metrics:
            for line in metric.lines:
                a, b = (c.values[metric.metric].interval for c in (line.a, line.b) if c)
                found.append((metric.metric, line.workload, a, b))
    return found


def test_two_imports_stand_side_by_side_each_with_its_statistic_and_without_a_verdict(known):
    _, second, third = of_rig(known, "builds")
    two = compare(known, Side(second), Side(third))
    assert [section.title for section in two.sections] == ["Without a server, or as printed"]
    assert told(two) == [
        (
            "prefill_tok_s",
            "256 tokens",
            second.cells[second.shapes[0], ELSEWHERE].values["prefill_tok_s"].interval,
            "mean ± 12.8, no samples",
        )
    ]
    assert told(two)[0][2].startswith("median of 3, 1267.3")
    (line,) = two.sections[0].metrics[0].lines
    assert (line.outcome.verdict, line.outcome.change) == ("not judged", "+10.3 %")
    assert two.finding == "Prefill, B against A: +10.3 % over 1 cell (1 not judged)."
    assert two.basis == "alone" and "nothing is judged" in BASES["alone"]


def test_medians_with_intervals_are_not_told_apart_either(known):
    one, other = of_rig(known, "builds")[:2]
    two = compare(known, Side(one), Side(other))
    verdicts = {e.outcome.verdict for s in two.sections for m in s.metrics for e in m.lines}
    assert verdicts == {"not judged"}


def test_settings_that_differ_are_listed_and_tell_the_ids_apart(known):
    off, on = of_rig(known, "fa")
    assert off.id != on.id and off.id.partition("--set.")[0] == on.id.partition("--set.")[0]
    assert "flash_attn 0" in off.label and "flash_attn 1" in on.label
    two = compare(known, Side(off), Side(on))
    assert [(d.fact, d.a, d.b) for d in two.differ if d.fact == "Settings"] == [
        ("Settings", "flash_attn 0", "flash_attn 1")
    ]


def test_only_figures_of_equal_lengths_meet(known):
    (plain,), (table,) = of_rig(known, "plain"), of_rig(known, "table")
    assert [line[:2] for line in told(compare(known, Side(plain), Side(table)))] == [
        ("prefill_tok_s", "256 tokens")
    ]


def test_an_import_against_a_served_row_says_why_nothing_is_judged(known, made: Made):
    (page,), (plain,) = of_rig(known, "page"), of_rig(known, "plain")
    assert (page.kind, plain.kind) == (SERVED, "engine only")
    here = catalogue(made.tables)
    measured = next(c for c in here.configurations if c.row["provenance"] == "measured")
    imported = next(c for c in here.configurations if c.kind == "engine only")
    for catalogue_of, a, b in ((known, page, plain), (here, imported, measured)):
        two = compare(catalogue_of, Side(a), Side(b))
        assert (two.sections, two.basis) == ((), "unlike")
        assert "nothing is judged" in BASES[two.basis] and "sampling, HTTP" in BASES[two.basis]


def test_they_are_paired_with_their_own_kind_alone(known, made: Made):
    for of in (known, catalogue(made.tables)):
        for kind in natural_pairs(of):
            for two in kind.shown:
                kinds = {side.configuration.kind for side in (two.a, two.b)}
                assert len(kinds) == 1
                assert (kinds == {SERVED}) == (not kind.title.startswith("Two from elsewhere"))
    titles = [kind.title for kind in natural_pairs(known)]
    assert "Two from elsewhere, without a server or as printed" in titles


def test_the_script_says_the_same_and_offers_them_apart(page: Page, elsewhere: Made, known):
    site = elsewhere.project.site
    (kind,) = (k for k in natural_pairs(known) if k.title.startswith("Two from elsewhere"))
    for two in kind.shown[:2]:
        visit(page, site, two.a.id, two.b.id)
        title = squeezed(words(page, f"#pair-{two.key}-title"))
        whole = squeezed(words(page, f"#pair-{two.key}"))
        assert squeezed(body(page)) == whole.removeprefix(title)
    (served,), (plain,) = of_rig(known, "page"), of_rig(known, "plain")
    visit(page, site, served.id, plain.id)
    assert status(page) == "Compared: see below."
    assert page.locator("#compare-body .basis").get_attribute("data-basis") == "unlike"
    assert page.locator("#compare-body .compared").count() == 0
    apart = page.locator("#pick-b optgroup option").evaluate_all("all => all.map(o => o.value)")
    assert plain.id in apart and served.id not in apart
    assert page.locator("#streams-b option").count() == 1, "without a server there are no streams"
