"""llama-bench's output in each form that it has, and in the surroundings that people give it."""

import json

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.importers.model_names import Described
from bench_pipeline.importers.runs import NO_SAMPLES
from tests.importers.results import ROW, TABLE, as_csv, as_sql, decode, lines, row, without

SHAPES = [(256, 0, 0), (0, 64, 0)]


def shapes(run):
    return [(t.prompt_tokens, t.output_tokens, t.depth_tokens) for t in run.bare_engine.tests]


def test_the_default_table_gives_means_and_deviations_and_no_samples(bring):
    (run,) = bring(TABLE)
    assert shapes(run) == [(256, 0, 0), (0, 64, 2048)]
    first, second = run.bare_engine.tests
    assert (first.times_ms, first.mean_tok_s, first.sd_tok_s) == ([], 1280.0, 12.8)
    assert (second.mean_tok_s, second.sd_tok_s, second.repetitions) == (71.25, 0.3, None)
    assert (run.backend, run.engine.build, run.engine.commit) == ("cuda", "b9100", "0c1d2e3f")
    assert run.inventory.gpus == [] and run.started_at is None
    assert NO_SAMPLES in run.unknown


def test_a_table_s_model_is_the_engine_s_words_unless_it_is_described(bring):
    (run,) = bring(TABLE)
    assert (run.model.family, run.model.variant, run.model.quant) == ("llama", "7B", "Q5_K_M")
    assert any("Which model it is" in sentence for sentence in run.unknown)
    better = TABLE.replace("1280", "1281").replace("71.25", "71.30")
    (run,) = bring(better, model=Described(None, "2026-02", "Fable", "7B-chat"))
    assert (run.model.family, run.model.slug) == ("Fable", "fable-7b-chat-q5_k_m")
    assert not any("Which model it is" in sentence for sentence in run.unknown)


def test_settings_stand_in_a_table_s_columns(bring):
    table = TABLE.replace("ngl", " fa").replace("  99 |", "   1 |")
    (run,) = bring(table.replace("| CUDA    |", "| ROCm    |"))
    assert run.backend == "rocm"
    assert run.bare_engine.settings["flash_attn"] == "1"


@pytest.mark.parametrize("sign", [" Â± ", " ┬▒ ", " +- ", " \N{PLUS-MINUS SIGN} "])
def test_a_mangled_sign_hides_no_deviation(bring, sign):
    (run,) = bring(TABLE.replace(" ± ", sign))
    assert [test.sd_tok_s for test in run.bare_engine.tests] == [12.8, 0.3]


def test_a_table_quoted_in_a_thread_is_read_with_the_cards_that_stand_before_it(bring, done):
    log = (
        "$ llama-bench -m fable.gguf\nggml_cuda_init: found 1 CUDA devices:\n"
        "  Device 0: NVIDIA GeForce RTX 3090, compute capability 8.6, VMM: yes\n"
    )
    (run,) = bring("".join(f"> {line}\n" for line in (log + TABLE).splitlines()))
    assert [gpu.name for gpu in run.inventory.gpus] == ["NVIDIA GeForce RTX 3090"]
    assert "llama-bench -m fable.gguf" in done[-1].passed[0].why


def test_rows_of_two_tables_with_two_builds_are_two_runs(bring):
    later = TABLE.replace("9100", "9200").replace("0c1d2e3f", "4a5b6c7d").replace("1280", "1290")
    runs = bring(f"{TABLE}\nAfter the update:\n\n{later}")
    assert sorted(run.engine.build for run in runs) == ["b9100", "b9200"]


@pytest.mark.parametrize("written", [as_csv, as_sql])
def test_csv_and_sql_give_means_with_time_machine_and_name(bring, written):
    (run,) = bring(written(row(), decode()))
    assert shapes(run) == SHAPES
    assert [test.mean_tok_s for test in run.bare_engine.tests] == [1280.0, 64.0]
    assert run.inventory.cpu.model == "Example CPU E5 12-Core"
    assert (run.model.slug, run.started_at.year) == ("fable-7b-chat-q5_k_m", 2026)


def test_what_sql_says_is_never_run(bring, tmp_path):
    victim = tmp_path / "made-by-sql"
    text = f"ATTACH DATABASE '{victim}' AS x; CREATE TABLE x.y (z);\n{as_sql(row())}"
    assert len(bring(text)) == 1
    assert not victim.exists()


AROUND = {
    "log lines before": "ggml_cuda_init: found 1 CUDA devices:\n{}",
    "a shell prompt": "jane@box:~$ ./llama-bench -o jsonl\n{}jane@box:~$ \n",
    "a code fence": "My results:\n\n```json\n{}```\n",
    "progress": "llama-bench: benchmark 1/2: starting\r{}llama-bench: done {{1 of 2}}\n",
}


@pytest.mark.parametrize("around", AROUND)
def test_whole_tests_are_taken_and_what_stands_around_them_is_named(bring, done, around):
    (run,) = bring(AROUND[around].format(lines(row(), decode())))
    assert shapes(run) == SHAPES
    assert len(run.bare_engine.tests[0].times_ms) == 3
    assert [passed.why for passed in done[-1].passed] != []


def test_of_a_file_that_was_cut_off_the_whole_tests_are_taken(bring, done):
    text = json.dumps([row(), decode()], indent=2)
    (run,) = bring(text[: text.index('"samples_ns"', len(text) // 2)])
    assert shapes(run) == [(256, 0, 0)]
    assert "cut off" in done[-1].passed[-1].why


def test_tests_within_somebody_s_wrapper_are_found(bring):
    (run,) = bring(json.dumps({"host": {"os": "x"}, "runs": {"a": [row()], "b": [decode()]}}))
    assert shapes(run) == SHAPES


def test_a_mean_without_samples_is_taken_as_that(bring):
    kept = [without(each, "samples_ns", "samples_ts") for each in (row(), decode())]
    (run,) = bring(lines(*kept))
    assert [(t.times_ms, t.mean_tok_s) for t in run.bare_engine.tests] == [([], 1280), ([], 64)]


def test_numbers_in_quotes_are_numbers(bring):
    quoted = {key: str(value) if isinstance(value, int) else value for key, value in ROW.items()}
    (run,) = bring(lines(quoted))
    assert run.bare_engine.tests[0].prompt_tokens == 256


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ({"n_prompt": -5}, "greater than or equal to 0"),
        ({"samples_ns": [], "samples_ts": [], "avg_ts": None}, "neither samples nor their mean"),
        ({"samples_ns": ["soon"]}, "valid number"),
        ({"avg_ts": 2560.0}, "of samples from 1267.33 to 1292.93 tok/s"),
        ({"test_time": "1999-01-01T00:00:00Z"}, "greater than or equal to"),
    ],
)
def test_a_damaged_test_is_passed_over_and_the_others_are_taken(bring, done, damage, why):
    (run,) = bring(lines(row(**damage), decode()))
    assert shapes(run) == [(0, 64, 0)]
    assert why in done[-1].passed[0].why and ":1" in done[-1].passed[0].place


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("nothing here\n", "neither a table nor JSON"),
        ('{"temperature": 21.5, "humidity": 40}', "`temperature`, `humidity`"),
        ('{"n_prompt": 1', "cut off"),
    ],
)
def test_what_holds_no_result_is_refused_with_what_it_is(bring, text, why):
    with pytest.raises(RecordError, match=r"holds no result|no whole JSON") as caught:
        bring(text)
    assert why in caught.value.problem
