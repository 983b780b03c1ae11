"""Quants of one model beside each other: size, bits per weight, what the file holds, speeds."""

import pytest

from bench_pipeline.records.run import TensorsOfType
from bench_pipeline.site.charts.configurations import ChartMaker
from bench_pipeline.site.models import model_pages
from tests.site.conftest import make, on_h100


def held(kind: str, weights: int, bits: float) -> TensorsOfType:
    return TensorsOfType(type=kind, tensors=3, weights=weights, size_bytes=int(weights * bits / 8))


def quant(name: str, maker: str, seed: int, *tensors: TensorsOfType, **update: object):
    run = on_h100(decode_tok_s=500 + seed, concurrencies=[1, 4], seed=seed)
    model = run.model.model_copy(
        update={
            "slug": f"smollm2-{name.lower()}-{maker}",
            "quant": name,
            "creator": maker,
            "size_bytes": 100_000_000 + seed,
            "tensors": list(tensors) or None,
            **update,
        }
    )
    return run.model_copy(update={"model": model, "run_id": f"{seed:012x}"})


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    runs = [
        quant("Q4_K_M", "one", 1, held("Q4_K", 60_000, 4.5), held("Q6_K", 40_000, 6.5625)),
        quant("Q4_K_M", "two", 2, held("Q4_K", 100_000, 4.5), held("F32", 100, 32)),
        quant("Q8_0", "one", 3, held("Q8_0", 100_000, 8.5)),
        quant("Q4_0", "two", 4, parameters=134_515_008),
        quant("Q6_K", "one", 5, variant="1.7B"),
    ]
    return make(tmp_path_factory.mktemp("quants"), runs)


@pytest.fixture(scope="module")
def pages(site):
    return {page.slug: page for page in model_pages(site.tables, site.view.rows)}


def test_files_of_one_model_stand_beside_each_other_smallest_first(pages):
    (table,) = pages["smollm2-q4_k_m-one"].quants
    assert [line.model for line in table.lines] == [
        *("smollm2-q4_k_m-one", "smollm2-q4_k_m-two", "smollm2-q8_0-one", "smollm2-q4_0-two"),
    ]
    assert table.streams == 1, "at the fewest streams that they have in common"
    assert pages["smollm2-q8_0-one"].quants == (table,)
    assert pages["smollm2-q6_k-one"].quants == (), "another variant has no other quant"


def test_two_makers_of_one_quant_differ_in_what_their_files_hold(pages):
    (table,) = pages["smollm2-q4_k_m-one"].quants
    one, two, *_ = table.lines
    assert (one.held, one.bits) == ("Q4_K 51 %, Q6_K 49 %", "5.32")
    assert (two.held, two.bits) == ("Q4_K 99 %, F32 1 %", "4.53")
    assert (one.maker, two.maker) == ("one", "two")


def test_what_was_not_read_is_not_made_up(pages):
    (table,) = pages["smollm2-q4_k_m-one"].quants
    last = table.lines[-1]
    assert last.held == "", "the run names no tensors"
    assert last.bits == "≤ 5.95", "the file holds the vocabulary too"


def test_speed_is_drawn_over_the_bits_of_those_that_are_known(site):
    charts = ChartMaker(site.tables).charts(site.view.rows)
    drawn = [chart for chart in charts if chart.kind.name == "bits"]
    assert {mark.at_text for chart in drawn for mark in chart.marks} == {"5.32", "4.53", "8.50"}
