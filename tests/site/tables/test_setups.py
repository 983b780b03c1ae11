"""Several setups of one backend on one rig: each a row with its setup in words, ranked among its
own kind, a choice of the filter and a side of the comparison."""

import pytest

from bench_pipeline.records.rig import Arrangement
from bench_pipeline.site.arrangements import setup_words
from bench_pipeline.site.compare.configurations import catalogue
from bench_pipeline.site.compare.pairs import natural_pairs
from tests.site.conftest import make, on_h100


def setup(backend: str, decode_tok_s: float, seed: int, **asked: object):
    run = on_h100(decode_tok_s=decode_tok_s, concurrencies=[1], seed=seed)
    arrangement = Arrangement.model_validate(asked) if asked else None
    return run.model_copy(
        update={"backend": backend, "arrangement": arrangement, "run_id": f"{seed:012x}"}
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    runs = [
        setup("cuda", 700, 1),
        setup("cuda-kv8", 720, 2, cache_type_k="q8_0", cache_type_v="q8_0"),
        setup("cuda-moe", 90, 3, experts_on_cpu="all", ubatch_tokens=2048),
        setup("cuda-moe20", 140, 4, experts_on_cpu=20),
        setup("cuda-fa", 730, 5, flash_attention="on"),
    ]
    return make(tmp_path_factory.mktemp("setups"), runs)


def test_each_is_a_row_with_its_setup_in_words(site):
    assert {row.backend_name: row.setup for row in site.view.rows} == {
        "CUDA": "",
        "CUDA kv8": "KV cache q8_0",
        "CUDA moe": "experts on the CPU, batches of 2,048 tokens",
        "CUDA moe20": "experts of 20 layers on the CPU",
        "CUDA fa": "flash attention on",
    }


def test_cards_that_share_a_model_are_counted_with_how_they_share_it():
    row = {"gpu": "2 × NVIDIA GeForce RTX 3090", "layers": 32, "arrangement_json": None}
    assert setup_words(row | {"backend": "cuda"}) == "", "as before there were setups"
    assert setup_words(row | {"backend": "cuda-2x"}) == "2 × GeForce RTX 3090, layer split"
    asked = {"backend": "cuda", "arrangement_json": '{"split_mode": "row", "gpu_layers": 20}'}
    told = "2 × GeForce RTX 3090, row split, 20 layers on the GPU"
    assert setup_words(row | asked) == told
    assert setup_words(row | asked | {"layers": 16}) == "2 × GeForce RTX 3090, row split"


def test_each_is_ranked_among_its_own_kind(site):
    standings = {row.backend: row.figures[0].standing for row in site.view.rows}
    assert standings["cuda-fa"] == "fastest" and standings["cuda"] == "slower"
    assert {standings[name] for name in ("cuda-kv8", "cuda-moe", "cuda-moe20")} == {"unjudged"}
    (machine,) = site.view.machines
    answers = {answer.row.backend for answer in machine.boards[0].answers}
    assert answers == {"cuda-fa", "cuda-kv8", "cuda-moe", "cuda-moe20"}


def test_each_can_be_chosen(site):
    (backends,) = (each for each in site.view.filters if each.name == "backend")
    assert [option.label for option in backends.options] == [
        *("CUDA", "CUDA fa", "CUDA kv8", "CUDA moe", "CUDA moe20"),
    ]


def test_two_are_compared_as_setups_and_not_as_backends(site):
    kinds = {kind.title: kind for kind in natural_pairs(catalogue(site.tables))}
    assert "Two backends on one card" not in kinds
    assert len(kinds["Two setups of one backend"].shown) == 10
