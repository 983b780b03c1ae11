"""ik_llama.cpp's llama-bench: keys of its own, and labels that llama.cpp does not have."""

import pytest

from tests.importers.results import TABLE, decode, lines, row, without

OWN = {
    **{"build_number": 4100, "backends": None, "cuda": True, "rpc": "0", "mla_attn": 3},
    **{"fused_moe": True, "rcache": False, "cuda_params": "", "override_tensor": ""},
}


def made(found, **values):
    return without(found, "devices", "n_depth") | OWN | values


def test_decoding_after_a_prompt_is_at_that_depth_and_the_prompt_is_not_counted(bring):
    after = made(decode(), n_prompt=512, test="tg64@pp512", avg_ts=64.0)
    (run,) = bring(lines(made(row(), test="pp256"), after))
    prefill, decoding = run.bare_engine.tests
    assert (prefill.prompt_tokens, prefill.output_tokens, prefill.depth_tokens) == (256, 0, 0)
    assert (decoding.prompt_tokens, decoding.output_tokens, decoding.depth_tokens) == (0, 64, 512)
    assert run.engine.name == "ik_llama.cpp"


def test_its_table_has_the_same_label(bring):
    (run,) = bring(TABLE.replace("tg64 @ d2048 ", "tg64@pp2048  "))
    assert [test.depth_tokens for test in run.bare_engine.tests] == [0, 2048]
    assert run.bare_engine.tests[1].mean_tok_s == 71.25


@pytest.mark.parametrize("key", ["rcache", "muge", "grouped_er", "use_thp", "no_fused_up_gate"])
def test_tests_that_differ_in_a_setting_of_its_own_are_two_runs(bring, key):
    faster = row(samples_ns=[190_000_000, 191_000_000, 192_000_000])
    runs = bring(lines(made(row(), **{key: False}), made(faster, **{key: True})))
    assert sorted(run.bare_engine.settings[key] for run in runs) == ["0", "1"]


@pytest.mark.parametrize(("overrides", "verdict"), [("exps=CPU", "spilled"), ("", None)])
def test_tensors_that_it_left_in_the_host_s_memory_are_told(bring, overrides, verdict):
    (run,) = bring(lines(made(row(), override_tensor=overrides)))
    memory = run.bare_engine.memory
    assert (memory.verdict if memory else None) == verdict


def test_the_short_names_of_its_columns_are_its_keys(bring):
    table = TABLE.replace("| ngl |", "| cuda | ger | ngl |").replace("| --: |", "| - | - | --: |")
    (run,) = bring(table.replace("|  99 |", "| fusion=1 | 1 |  99 |"))
    settings = run.bare_engine.settings
    assert (settings["cuda_params"], settings["grouped_er"]) == ("fusion=1", "1")
    assert run.backend == "cuda"
