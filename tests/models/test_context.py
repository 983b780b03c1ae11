"""What a context costs, by a model's header."""

from pathlib import Path

import pytest

from bench_pipeline.models.context import Context, context_of, read_context

QWEN3_8B = {
    "general.architecture": "qwen3",
    "qwen3.block_count": 36,
    "qwen3.context_length": 40960,
    "qwen3.embedding_length": 4096,
    "qwen3.attention.head_count": 32,
    "qwen3.attention.head_count_kv": 8,
    "qwen3.attention.key_length": 128,
    "qwen3.attention.value_length": 128,
}


def test_a_token_leaves_keys_and_values_of_each_kv_head_in_each_layer():
    found = context_of(QWEN3_8B)
    assert found.trained_tokens == 40960
    assert found.bytes_per_token(None, None) == 2 * 36 * 8 * 128 * 2
    assert found.bytes_per_token("q8_0", "q4_0") == 36 * 8 * 128 * (34 + 18) / 32


def test_the_real_model_s_cache_is_as_large_as_the_engine_s_log_says(whole_model):
    """`llama_kv_cache: size = 135.00 MiB (6144 cells, 30 layers)`, b10068 in f16."""
    found = read_context(whole_model[1])
    assert found.trained_tokens == 8192
    assert found.bytes_per_token(None, None) * 6144 == 135 * 2**20


def test_layers_without_a_cache_cost_nothing():
    hybrid = QWEN3_8B | {"qwen3.attention.head_count_kv": [8, 0, 0, 0] * 9}
    whole = context_of(QWEN3_8B).bytes_per_token(None, None)
    assert context_of(hybrid).bytes_per_token(None, None) == whole / 4


def test_of_a_model_with_windows_only_the_layers_that_certainly_look_further_count():
    windowed = context_of(QWEN3_8B | {"qwen3.attention.sliding_window": 512})
    whole = context_of(QWEN3_8B).bytes_per_token(None, None)
    assert windowed.bytes_per_token(None, None) == pytest.approx(whole / 6)


def test_compressed_caches_hold_their_values_in_the_keys():
    found = context_of(QWEN3_8B | {"qwen3.attention.kv_lora_rank": 512})
    assert found.value_numbers == 0


def test_what_the_header_does_not_tell_is_not_guessed(tmp_path: Path):
    without = {k: v for k, v in QWEN3_8B.items() if "head_count" not in k}
    assert context_of(without | {"qwen3.attention.key_length": None}) == Context(40960)
    assert context_of({"general.architecture": "qwen3"}) == Context()
    (tmp_path / "none.gguf").write_bytes(b"no model")
    assert read_context(tmp_path / "none.gguf") == Context()
    assert read_context(tmp_path / "absent.gguf") == Context()
