"""Repetitions are counted once, and only what belongs together is one run."""

import json

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.records.yaml.files import read_run
from tests.importers.results import as_csv, decode, lines, row


def shapes(run):
    return [
        (test.prompt_tokens, test.output_tokens, len(test.times_ms))
        for test in run.bare_engine.tests
    ]


def test_the_same_test_twice_in_a_file_is_counted_once(bring, done):
    (run,) = bring(lines(row(), decode(), row(), decode()))
    assert shapes(run) == [(256, 0, 3), (0, 64, 3)]
    assert [passed.why for passed in done[-1].passed] == [
        f"the same test as {done[-1].passed[0].place.rsplit(':', 1)[0]}:{line}: counted once"
        for line in (1, 2)
    ]


def test_a_number_written_otherwise_is_no_other_test(bring):
    again = json.dumps(row() | {"samples_ns": [1.98e8, 200000000.0, 202000000], "n_depth": 0.0})
    (run,) = bring(f"{lines(row())}{again}\n")
    assert shapes(run) == [(256, 0, 3)]


def test_the_same_test_with_and_without_its_samples_is_one(bring):
    (run,) = bring(as_csv(row()), lines(row()))
    assert shapes(run) == [(256, 0, 3)]


def test_a_test_made_again_adds_its_repetitions(bring):
    (run,) = bring(lines(row(), row(test_time="2026-05-06T07:20:00Z", samples_ns=[199_000_000])))
    assert shapes(run) == [(256, 0, 4)]


def test_of_a_file_that_grows_only_new_tests_are_added(bring, done):
    (first,) = bring(lines(row()))
    (second,) = bring(lines(row(), decode()))
    assert shapes(first) == [(256, 0, 3)] and shapes(second) == [(0, 64, 3)]
    assert read_run(done[-1].known[0]) == first
    with pytest.raises(RecordError, match="was imported before"):
        bring(lines(row(), decode()))


def test_what_was_imported_as_json_is_not_imported_again_as_csv(bring):
    bring(lines(row(), decode()))
    with pytest.raises(RecordError, match="was imported before"):
        bring(as_csv(row(), decode()))


def test_prefill_and_decode_from_two_files_are_one_run(bring):
    (run,) = bring(lines(row()), lines(decode()))
    assert shapes(run) == [(256, 0, 3), (0, 64, 3)]
    assert run.source.title == "llama-bench output mine.txt and 1 more"


def test_two_sessions_a_year_apart_are_two_runs(bring):
    later = {"test_time": "2027-05-06T07:08:09Z", "samples_ns": [190_000_000]}
    runs = bring(lines(row(), decode(), row(**later)))
    assert [shapes(run) for run in runs] == [[(256, 0, 3), (0, 64, 3)], [(256, 0, 1)]]
    assert [run.started_at.year for run in runs] == [2026, 2027]


@pytest.mark.parametrize(
    "values",
    [
        {"flash_attn": 0},
        {"n_ubatch": 1024},
        {"n_threads": 6},
        {"type_k": "q8_0"},
        {"no_kv_offload": True},
        {"n_cpu_moe": 8},
        {"tensor_buft_overrides": "exps=CPU"},
        {"n_gpu_layers": 20},
        {"mla_attn": 2},
    ],
)
def test_tests_that_differ_in_a_setting_are_two_runs(bring, values):
    one, other = bring(lines(row(), row(**values)))
    (key,) = values
    assert one.bare_engine.settings.get(key) != other.bare_engine.settings[key]


@pytest.mark.parametrize("values", [{"test": "tg64"}, {"avg_ttft_ms": 12.5}, {"mood": {"a": [1]}}])
def test_a_key_that_nobody_knows_is_kept_and_decides_nothing(bring, values):
    (run,) = bring(lines(row(), decode(**values)))
    ((key, value),) = values.items()
    assert run.bare_engine.tests[0].also is None
    kept = value if isinstance(value, str) else json.dumps(value)
    assert run.bare_engine.tests[1].also == {key: kept}
    assert key not in run.bare_engine.settings


def test_what_differs_in_an_unknown_key_is_not_pooled(bring):
    (run,) = bring(lines(row(dice=1), row(dice=2, samples_ns=[210_000_000])))
    assert shapes(run) == [(256, 0, 3), (256, 0, 1)]


def test_folders_patterns_and_standard_input_are_files(bring, tmp_path, monkeypatch):
    folder = tmp_path / "results"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.jsonl").write_text(lines(row()))
    (folder / "deep" / "b.jsonl").write_text(lines(decode()))
    (folder / "weights.bin").write_bytes(b"\0" * 9)
    (run,) = bring(files=[folder])
    assert shapes(run) == [(256, 0, 3), (0, 64, 3)]
    (folder / "c.jsonl").write_text(lines(row(n_prompt=99)))
    (run,) = bring(files=[str(folder / "c*.jsonl")])
    assert shapes(run) == [(99, 0, 3)]

    class Piped:
        buffer = (tmp_path / "piped").open("wb+")

    Piped.buffer.write(lines(row(n_prompt=77)).encode())
    Piped.buffer.seek(0)
    monkeypatch.setattr("sys.stdin", Piped)
    (run,) = bring(files=["-"])
    Piped.buffer.close()
    assert shapes(run) == [(77, 0, 3)] and run.source.title.endswith("standard input")


def test_one_of_several_files_that_cannot_be_taken_is_named(bring, done):
    (run,) = bring(lines(row()), "no result at all\n", lines(row(backends="CANN")))
    assert shapes(run) == [(256, 0, 3)]
    whys = " ".join(passed.why for passed in done[-1].passed)
    assert "holds no result" in whys and "Ascend" in whys
