"""Figures from elsewhere stand in a class of their own: named, filterable, never ranked."""

import re

import pytest

from bench_pipeline.site.view import Site
from tests.site.conftest import Made


@pytest.fixture(scope="module")
def made(elsewhere: Made) -> Made:
    return elsewhere


@pytest.fixture(scope="module")
def site(made: Made) -> Site:
    return made.view


def rows_of(site: Site, rig: str):
    return [each for each in site.engine_only if each.hardware.rig == rig]


def page(made: Made, path: str) -> str:
    return (made.project.site / path).read_text()


def test_they_are_never_among_what_is_ranked(site: Site):
    assert {row.provenance for row in site.rows} == {"published"}
    assert {figure.standing for row in site.rows for figure in row.figures} == {"unjudged"}
    assert [machine.rig for machine in site.machines if machine.boards] == ["page"]


def test_prefill_and_decode_of_one_configuration_meet_in_one_row(site: Site):
    (found,) = rows_of(site, "plain")
    assert [(speed.text, speed.of) for speed in found.prefill] == [("1280.0", "256 tokens")]
    assert [(speed.text, speed.of) for speed in found.decode] == [("64.0", "64 tokens")]
    assert found.decode[0].how.startswith("median of 3")
    assert (found.kind, found.source_text) == ("engine only", "imported")


def test_a_filter_has_the_rig_and_the_rest(site: Site):
    options = {each.name: [option.value for option in each.options] for each in site.filters}
    assert {"plain", "fa", "apu"} <= set(options["rig"])
    assert "b9100" in options["build"] and "Fable" in options["family"]


def test_model_front_and_rig_page_name_them_and_explain(made: Made, site: Site):
    (model,) = {each.model_href for each in rows_of(site, "plain")}
    for path in ("index.html", "rigs/plain.html", model):
        text = page(made, path)
        assert "1280.0" in text and "64.0" in text
        assert "brought here from their file" in text, "the word imported is explained"
        first = text.index('class="badge imported')
        assert 'glossary.html#def-imported"' in text[first : text.index("</a>", first)]
    assert "No cell of it was measured yet" not in page(made, model)
    assert "The plain box" in page(made, "index.html")


def test_runs_that_differ_in_a_setting_are_told_apart_wherever_they_are_named(made, site: Site):
    assert {each.settings for each in rows_of(site, "fa")} == {"flash_attn 0", "flash_attn 1"}
    (model,) = {each.model_href for each in rows_of(site, "fa")}
    for path in ("index.html", "rigs/fa.html", model):
        assert "flash_attn 0" in page(made, path) and "flash_attn 1" in page(made, path)
    runs = [run for model in site.models for run in model.runs if run.rig == "fa"]
    assert len({run.title for run in runs}) == 2


def test_several_cards_are_several_in_every_place(made: Made, site: Site):
    (found,) = rows_of(site, "pair")
    assert found.hardware.device.startswith("2 × A2")
    card = next(card for card in site.cards if card.rig == "pair")
    assert "2 × A2" in card.summary and card.summary.count("A2") == 1


def test_a_model_partly_in_the_host_s_memory_is_marked_beside_its_figures(made, site: Site):
    (found,) = rows_of(site, "moe")
    assert "experts of 30 layers" in found.spilled
    for path in ("index.html", "rigs/moe.html", found.href):
        assert "spilled" in page(made, path)


def test_the_newest_file_s_card_is_the_rig_s_and_two_names_are_no_change(made, site: Site):
    card = next(card for card in site.cards if card.rig == "apu")
    assert "8060S" in card.summary and card.badge == "imported"
    text = page(made, "rigs/apu.html")
    assert "As imported files name it" in text
    assert "As printed on the page that published it" not in text
    assert "name of the GPU" not in text


def test_a_mean_without_samples_says_so_beside_the_figure(made: Made, site: Site):
    (found,) = rows_of(site, "table")
    assert found.prefill[0].how == "mean ± 12.8, no samples"
    assert "mean ± 12.8, no samples" in page(made, found.href)


def test_what_is_small_is_not_rounded_to_nothing(made: Made, site: Site):
    (found,) = rows_of(site, "slow")
    (prefill,), (decode,) = found.prefill, found.decode
    assert (prefill.text, prefill.how) == ("3.0", "mean ± 0.04, no samples")
    assert (decode.text, decode.how) == ("0.35", "mean ± 0.0, no samples")
    for words in ("mean ± 0.04, no samples", "0.35"):
        assert words in page(made, found.href)


def test_other_programs_figures_stand_in_their_own_digits(made: Made, site: Site):
    (found,) = rows_of(site, "served")
    assert found.kind == "as published" and found.decode[0].text == "61.507 tok/s"
    assert found.decode[0].how == "mean ± 0.5 of 2"
    assert "61.507" in page(made, found.href)


def test_median_or_mean_stands_beside_a_figure_on_every_page_that_has_it(made: Made, site: Site):
    for rig, words in (
        ("plain", "64.0, engine only, median"),
        ("table", "71.2, engine only, mean"),
    ):
        (found,) = rows_of(site, rig)
        for path in (found.model_href, f"rigs/{rig}.html"):
            assert words in page(made, path)
    text = page(made, rows_of(site, "plain")[0].href)
    assert re.findall(r'class="interval">(median, [^<]+)<', text) == [
        "median, 1267.3 – 1292.9",
        "median, 63.9 – 64.1",
    ]


def test_nothing_untrue_is_said_of_them(made: Made, site: Site):
    assert "unchanged since the rig wrote them" not in page(made, "data.html")
    assert "Newest measurement" not in page(made, "index.html"), "none was made here"
    for each in site.engine_only:
        text = page(made, each.href)
        assert "holds every single request" not in text
        assert "builds behind" not in text


def test_keys_that_nobody_knows_are_shown(made: Made, site: Site):
    found, _ = rows_of(site, "fork")
    assert (found.engine, found.build) == ("ik_llama.cpp", "4105")
    assert "also_new 3" in page(made, found.href)


QUEUE = (
    "Chat at 4 streams fits requests that wait for a free slot, not 4 streams at once: each decodes"
    " at 122.0 tok/s, 0.98 of the 125.0 of one alone (from 0.9 on it is as fast) and the first"
    " token comes after 3300.0 ms, 2.2 times a whole request alone later than reading 4 prompts one"
    " after another explains (from 0.5 on it waited for replies)."
)


def test_a_queue_that_a_page_prints_as_concurrency_is_said_where_it_stands(made, site: Site):
    (found,) = rows_of(site, "page")
    assert found.queues == (QUEUE,), "of rag, whose streams ran at once, nothing is said"
    for path in ("index.html", "rigs/page.html", found.model_href, found.href):
        assert QUEUE in page(made, path)
        assert 'method.html#elsewhere"' in page(made, path)
    assert all(each.queues == () for each in site.engine_only if each is not found)


def test_its_figure_is_marked_among_the_rows_and_the_others_are_not(site: Site):
    marks = {
        (row.concurrency, figure.workload): figure.flags
        for row in site.rows
        for figure in row.figures
        if figure.tok_s is not None
    }
    assert marks.pop((4, "chat")) == ("fits a queue, not streams at once",)
    assert marks.keys() == {(1, "chat"), (1, "rag"), (4, "rag")} and not any(marks.values())
