"""How far a deep curve goes, and why no further."""

import pytest

from bench_pipeline.errors import EngineError
from bench_pipeline.harness.planning.depths import (
    Memory,
    context_for,
    depths_for,
    expected_s,
    without_room,
    without_time,
)
from bench_pipeline.models.context import Context
from bench_pipeline.records.rig import BackendSetup

OUTPUT = 128
LLAMA_8B = Context(131072, key_numbers=32 * 8 * 128, value_numbers=32 * 8 * 128)


def test_a_curve_ends_where_the_model_s_training_does():
    depths, left_out = depths_for((), OUTPUT, 32768, "model")
    assert depths == [512, 2048, 8192, 16384, 32512], "the last with room for its answer"
    assert context_for(32512 + OUTPUT) <= 32768
    assert [each.depth_tokens for each in left_out] == [32768, 65536, 131072]
    assert {each.why for each in left_out} == {"trained"}
    assert "trained for 32,768" in left_out[0].message


def test_a_model_whose_training_nobody_tells_is_asked_for_all():
    depths, left_out = depths_for((), OUTPUT, None, "model")
    assert (depths[-1], left_out) == (131072, [])


def test_a_length_hardly_beyond_the_one_before_is_none_of_its_own():
    depths, _ = depths_for((), OUTPUT, 8192 + 512, "model")
    assert depths == [512, 2048, 8192]


def test_a_depth_beyond_the_trained_context_that_is_asked_for_is_refused():
    with pytest.raises(EngineError, match="prompt of 16,384 tokens is longer than the 7,936") as e:
        depths_for((512, 16384), OUTPUT, 8192, "smollm2")
    assert (e.value.kind, e.value.where) == ("refused", "smollm2")
    assert "up to 7936" in str(e.value)


def test_a_cache_that_cannot_fit_is_left_out_with_its_numbers():
    """128 KiB a token in f16: 16 GiB at 131,072."""
    depths, setup = [8192, 131072], BackendSetup()
    (left_out,) = without_room(depths, OUTPUT, LLAMA_8B, setup, Memory(20_000, 4_700))
    assert (left_out.depth_tokens, left_out.why) == (131072, "memory")
    assert "KV cache in f16 of 131,328 tokens takes 16,416 MiB" in left_out.message
    assert "20,000 MiB were free" in left_out.message
    assert without_room(depths, OUTPUT, LLAMA_8B, setup, Memory(24_000, 4_700)) == []


def test_a_quantized_cache_reaches_further():
    setup = BackendSetup(cache_type_k="q8_0", cache_type_v="q8_0", flash_attention="on")
    memory = Memory(20_000, 4_700)
    assert without_room([131072], OUTPUT, LLAMA_8B, setup, memory) == []
    (left_out,) = without_room([131072], OUTPUT, LLAMA_8B, setup, Memory(10_000, 4_700))
    assert "in q8_0 of" in left_out.message


def test_where_nobody_knows_what_is_free_or_what_a_token_takes_the_server_shows_it():
    setup = BackendSetup()
    assert without_room([131072], OUTPUT, LLAMA_8B, setup, Memory(None, 4_700)) == []
    assert without_room([131072], OUTPUT, Context(131072), setup, Memory(1_000, 4_700)) == []


def test_a_length_s_time_is_known_from_the_ones_before():
    assert expected_s(512, []) is None
    assert expected_s(4096, [(1024, 2.0), (2048, 4.0)]) == pytest.approx(8.0)
    assert expected_s(4096, [(1024, 2.0), (2048, 8.0)]) == pytest.approx(32.0)
    alone = expected_s(4096, [(2048, 4.0)])
    assert 8.0 < alone < 16.0, "with one before: between a line and a square"
    assert expected_s(4096, [(1024, 2.0), (2048, 1.0)]) == pytest.approx(2.0), "never less"


def test_a_length_without_time_says_what_it_would_have_taken():
    left_out = without_time(32768, 410.0, 220.0, 300.0)
    assert (left_out.why, left_out.depth_tokens) == ("time", 32768)
    assert "take 410 s, and 220 s were left of the 300 s" in left_out.message
