"""llama-bench's own output, of the real program, as checked tests."""

import json
from pathlib import Path

import pytest

from bench_pipeline.engines.llama_cpp.llama_bench_output import parse, read_rows
from bench_pipeline.errors import RecordError

FIXTURES = Path(__file__).parent / "fixtures"
JSON, JSONL = FIXTURES / "llama-bench-b11434.json", FIXTURES / "llama-bench-b11434.jsonl"
FILE = Path("mine.jsonl")


def rows() -> list[dict]:
    return json.loads(JSON.read_text())


def test_a_list_and_lines_are_read_alike():
    tests = parse(JSON.read_text(), JSON)
    assert tests == parse("\n".join(json.dumps(row) for row in rows()), FILE)
    assert [(t.prompt_tokens, t.output_tokens, t.depth_tokens) for t in tests] == [
        (0, 16, 0),
        (0, 16, 64),
    ]


def test_times_are_the_samples_in_milliseconds():
    for text, where in ((JSON.read_text(), JSON), (JSONL.read_text(), JSONL)):
        for row, test in zip(read_rows(text, where), parse(text, where), strict=True):
            assert [round(ms * 1e6) for ms in test.times_ms] == row.samples_ns
            tokens = test.prompt_tokens + test.output_tokens
            # what it calls avg_ts is the mean of these very rates
            rates = [tokens / ms * 1000 for ms in test.times_ms]
            printed = row.model_dump()["avg_ts"]
            assert sum(rates) / len(rates) == pytest.approx(printed, rel=1e-6)


def test_builds_from_before_backends_and_depth_are_read():
    """Keys of early 2024, by the program's source: a flag for each backend, no depth."""
    new = ("backends", "n_depth", "devices", "load_mode", "lazy_mode", "flash_attn", "cpu_mask")
    old = [{k: v for k, v in row.items() if k not in new} for row in rows()]
    for row in old:
        row |= {"cuda": False, "metal": False, "blas": False, "use_mmap": True, "f16_kv": True}
    read = read_rows(json.dumps(old), FILE)
    assert [row.test.depth_tokens for row in read] == [0, 0]
    assert read[0].backends is None
    assert read[0].settings["cuda"] is False


def test_settings_are_all_but_shape_time_and_result():
    first, second = read_rows(JSON.read_text(), JSON)
    assert first.settings == second.settings
    assert {"n_threads", "type_k", "flash_attn", "build_number"} <= set(first.settings)
    assert not {"n_depth", "samples_ns", "avg_ts", "test_time"} & set(first.settings)


def test_what_was_whole_is_kept_of_output_that_was_cut_off():
    text = JSONL.read_text()
    lines = text.splitlines(keepends=True)
    cut = "".join(lines[:2]) + lines[2][:200]
    assert parse(cut, FILE, cut_off=True) == parse(text, FILE)[:2]
    assert parse("usage: llama-bench [options]\n", FILE, cut_off=True) == []
    assert parse("", FILE, cut_off=True) == []


def changed(**values) -> str:
    return json.dumps(rows()[0] | values)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", "", "holds no test"),
        ("[\n]\n", "", "holds no test"),
        ("| model | size |\n", ":1", "is no JSON"),
        (changed() + "\nggml_cuda_init: found 1 CUDA devices\n", ":2", "is no JSON"),
        (changed() + "\n" + changed()[:300], ":2", "is no JSON"),
        ("[" + changed() + ",\n" + changed() + "\n", ":3", "is cut off"),
        ("[1]", ":1", "holds something else than tests"),
        ("[" * 100_000, ":1", "is cut off"),
        ('{"a": ' * 100_000, ":1", "is no JSON"),
        ('{"n_prompt": ' + "9" * 5000 + "}", ":1", "is no JSON"),
        (changed() + "\n" + changed(samples_ns=[float("nan")]), ":2", "`NaN` is no number"),
        (changed(samples_ns=[]), ":1", "`samples_ns`"),
        (changed(samples_ns=[0]), ":1", "`samples_ns.0`"),
        (changed(samples_ns=["5"]), ":1", "`samples_ns.0`"),
        (changed(n_gen=True), ":1", "`n_gen`"),
        (changed(n_gen=-1), ":1", "`n_gen`"),
        (changed(n_gen=2**40), ":1", "`n_gen`"),
        (changed(n_gen=0), ":1", "neither of prefill nor of decoding"),
        (changed(test_time="yesterday"), ":1", "`test_time`"),
        (changed(test_time="0001-01-01T00:00:00+14:00"), ":1", "`test_time`"),
        (changed(model_filename=""), ":1", "`model_filename`"),
    ],
)
def test_what_is_no_output_of_llama_bench_is_refused_by_file_and_line(text, line, problem):
    with pytest.raises(RecordError) as caught:
        parse(text, FILE)
    assert str(caught.value).startswith(f"mine.jsonl{line}: ")
    assert problem in caught.value.problem
    assert "-o jsonl" in caught.value.mend
    assert len(str(caught.value).splitlines()) == 2
