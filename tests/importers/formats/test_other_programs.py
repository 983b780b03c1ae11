"""What other programs print: their figures as they stand, under the program's name."""

import json

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.importers.model_names import Described

FABLE = Described(None, "2026-02", "Fable", "7B-chat", "Q5_K_M")

BATCHED = {
    **{"n_kv_max": 8192, "n_batch": 2048, "n_ubatch": 512, "flash_attn": 1, "is_pp_shared": 0},
    **{"n_gpu_layers": 99, "n_threads": 8, "pp": 256, "tg": 64, "pl": 8, "n_kv": 2560},
    **{"t_pp": 1.0, "speed_pp": 2048.5, "t_tg": 2.0, "speed_tg": 256.25, "t": 3, "speed": 853.3},
}
SWEEP = {key: value for key, value in BATCHED.items() if key not in ("pl", "is_pp_shared")}
BENCHY = {
    "version": "0.4.0",
    "timestamp": "2026-05-06 07:08:09Z",
    "model": "fable",
    "benchmarks": [
        {
            **{"concurrency": 2, "context_size": 1024, "prompt_size": 256, "response_size": 64},
            "pp_throughput": {"mean": 901.0, "std": 3.0, "values": [898.0, 904.0]},
            "tg_throughput": {"mean": 61.5, "std": 0.5, "values": [61.0, 62.0]},
        }
    ],
}
GUIDE = {
    "benchmarks": [
        {
            "config": {"strategy": {"type_": "concurrent", "streams": 4}},
            "metrics": {
                "time_to_first_token_ms": {
                    "successful": {"mean": 81.5, "median": 80.25, "std_dev": 4.0, "count": 40}
                },
                "request_latency": {"successful": {"mean": 2.5, "median": 2.25, "count": 40}},
            },
        }
    ]
}
VLLM = {
    **{"date": "20260506-070809", "backend": "vllm", "model_id": "acme/Fable-7B-chat"},
    **{"completed": 100, "request_rate": "inf", "max_concurrency": 16, "total_input_tokens": 25600},
    **{"request_throughput": 3.5, "output_throughput": 448.0, "total_token_throughput": 1344.0},
    **{"mean_ttft_ms": 120.0, "median_ttft_ms": 110.0, "std_ttft_ms": 9.0, "p99_ttft_ms": 190.0},
    **{"mean_itl_ms": 21.0, "median_itl_ms": 20.5},
}
SCORE = {
    "runtime_info": {"name": "llamafile", "version": "0.9.2"},
    "model_info": {"name": "Fable 7B", "quant": "Q4_K"},
    "results": [
        {
            **{"name": "pp1024+tg16", "n_prompt": 1024, "n_gen": 16, "prompt_tps": 1500.5},
            **{"gen_tps": 55.25, "ttft_ms": 700.0, "power_watts": 120.0},
        }
    ],
}
OLLAMA = {
    **{"model": "fable:7b", "created_at": "2026-05-06T07:08:09.123Z", "total_duration": 3 * 10**9},
    **{"prompt_eval_count": 256, "prompt_eval_duration": 200_000_000},
    **{"eval_count": 64, "eval_duration": 10**9},
}


def told(run):
    return [
        (f.what, f.value, f.statistic, f.deviation, f.n, f.concurrency) for f in run.printed.figures
    ]


@pytest.mark.parametrize(
    ("found", "program", "figures"),
    [
        (
            BATCHED,
            "llama-batched-bench",
            [
                ("prefill_tok_s", 2048.5, None, None, None, 8),
                ("aggregate_tok_s", 256.25, None, None, None, 8),
            ],
        ),
        (
            SWEEP,
            "sweep-bench",
            [
                ("prefill_tok_s", 2048.5, None, None, None, 1),
                ("decode_tok_s", 256.25, None, None, None, 1),
            ],
        ),
        (
            BENCHY,
            "llama-benchy",
            [
                ("prefill_tok_s", 901.0, "mean", 3.0, 2, 2),
                ("aggregate_tok_s", 61.5, "mean", 0.5, 2, 2),
            ],
        ),
        (
            GUIDE,
            "GuideLLM",
            [
                ("ttft_ms", 81.5, "mean", 4.0, 40, 4),
                ("ttft_ms", 80.25, "median", None, 40, 4),
                ("latency_ms", 2500.0, "mean", None, 40, 4),
                ("latency_ms", 2250.0, "median", None, 40, 4),
            ],
        ),
        (
            VLLM,
            "vLLM bench serve",
            [
                ("aggregate_tok_s", 448.0, None, None, 100, 16),
                ("requests_per_s", 3.5, None, None, 100, 16),
                ("end_to_end_tok_s", 1344.0, None, None, 100, 16),
                ("ttft_ms", 120.0, "mean", 9.0, 100, 16),
                ("ttft_ms", 110.0, "median", None, 100, 16),
                ("ttft_ms", 190.0, "p99", None, 100, 16),
                ("itl_ms", 21.0, "mean", None, 100, 16),
                ("itl_ms", 20.5, "median", None, 100, 16),
                ("prompt_tokens", 256.0, "mean", None, 100, 16),
            ],
        ),
        (
            SCORE,
            "LocalScore",
            [
                ("prefill_tok_s", 1500.5, "mean", None, None, 1),
                ("decode_tok_s", 55.25, "mean", None, None, 1),
                ("ttft_ms", 700.0, "mean", None, None, 1),
                ("power_w", 120.0, "mean", None, None, 1),
            ],
        ),
        (
            OLLAMA,
            "ollama",
            [
                ("prefill_tok_s", 1280.0, None, None, 1, 1),
                ("decode_tok_s", 64.0, None, None, 1, 1),
                ("latency_ms", 3000.0, None, None, 1, 1),
            ],
        ),
    ],
)
def test_each_program_s_figures_are_taken_as_they_stand(bring, found, program, figures):
    (run,) = bring(json.dumps(found), model=FABLE, backend="cuda")
    assert run.printed.program == program and run.source.title.startswith(program)
    assert told(run) == figures
    assert run.bare_engine is None and run.cells == []
    assert any("Its build" in sentence for sentence in run.unknown)
    assert any("Its machine" in sentence for sentence in run.unknown)
    with pytest.raises(RecordError, match="imported before"):
        bring(json.dumps(found), model=FABLE, backend="cuda")


def test_digits_stay_as_they_were_written(bring):
    (run,) = bring(json.dumps(BENCHY), model=FABLE, backend="cuda")
    assert [figure.printed for figure in run.printed.figures] == ["901.0", "61.5"]
    assert {figure.depth_tokens for figure in run.printed.figures} == {1024}


@pytest.mark.parametrize(
    ("text", "program", "engine", "figures"),
    [
        (
            "|  PP |  TG |  N_KV | T_PP s | S_PP t/s | T_TG s | S_TG t/s |\n"
            "|-----|-----|-------|--------|----------|--------|----------|\n"
            "| 512 | 128 |     0 |  0.250 |  2048.00 |  2.000 |    64.00 |\n"
            "| 512 | 128 |   512 |  0.260 |  1969.23 |  2.100 |    60.95 |\n",
            "sweep-bench",
            "llama.cpp",
            ["2048.00", "64.00", "1969.23", "60.95"],
        ),
        (
            "goos: linux\n"
            "BenchmarkModel/name=fable/step=prefill 256 78125.00 ns/token 12800.00 token/sec\n"
            "BenchmarkModel/name=fable/step=generate 64 8000000.00 ns/token 125.00 token/sec\n",
            "ollama bench",
            "ollama",
            ["12800.00", "125.00"],
        ),
    ],
)
def test_tables_and_lines_of_other_programs_are_read(bring, text, program, engine, figures):
    (run,) = bring(text, model=FABLE, backend="cuda")
    assert (run.printed.program, run.engine.name) == (program, engine)
    assert [figure.printed for figure in run.printed.figures] == figures


@pytest.mark.parametrize("found", [BATCHED, BENCHY, GUIDE, VLLM, SCORE, OLLAMA])
def test_what_such_a_file_leaves_open_is_asked_for_under_the_program_s_name(bring, found):
    with pytest.raises(RecordError, match=r"is of \S.*, which does not tell on which backend"):
        bring(json.dumps(found), model=FABLE)


def test_a_build_is_said_by_who_brings_it(bring):
    (run,) = bring(json.dumps(VLLM), model=FABLE, backend="cuda", build="0.17.1")
    assert (run.engine.name, run.engine.build) == ("vllm", "0.17.1")
    assert not any("Its build" in sentence for sentence in run.unknown)


TABLE_OF_BENCHY = """\
| model     |             test |   t/s (total) |    t/s (req) | peak t/s |  e2e_ttft (ms) |
|:----------|-----------------:|--------------:|-------------:|---------:|---------------:|
| acme/f-7b |           pp2048 | 861.00 ± 8.20 | 861.0 ± 8.20 |          | 2375.13 ± 69.0 |
| acme/f-7b |    tg128 @ d4096 |   6.92 ± 0.10 |  6.92 ± 0.10 | 7.67     |                |
| acme/f-7b | tg128 @ d4 (c10) |  61.20 ± 0.50 |  6.12 ± 0.10 | 8.10     |                |
| acme/f-7b |   ctx_pp @ d4096 | 900.00 ± 1.00 |  900.0 ± 1.0 |          |                |

llama-benchy (0.4.0)
"""


def test_llama_benchy_s_table_is_none_of_llama_bench(bring):
    (run,) = bring(TABLE_OF_BENCHY, model=FABLE, backend="cuda")
    assert run.printed.program == "llama-benchy" and run.bare_engine is None
    assert told(run) == [
        ("prefill_tok_s", 861.0, "mean", 8.2, None, 1),
        ("ttft_ms", 2375.13, "mean", 69.0, None, 1),
        ("decode_tok_s", 6.92, "mean", 0.1, None, 1),
        ("aggregate_tok_s", 61.2, "mean", 0.5, None, 10),
        ("prefill_tok_s", 900.0, "mean", 1.0, None, 1),
    ]
    first, _, decoding, *_, loaded = run.printed.figures
    assert (first.printed, first.prompt_tokens, first.depth_tokens) == ("861.00", 2048, 0)
    assert (decoding.output_tokens, decoding.depth_tokens) == (128, 4096)
    assert loaded.label == "context loaded"


def test_its_table_of_one_stream_is_read_too(bring):
    table = TABLE_OF_BENCHY.replace("t/s (total)", "t/s").replace("t/s (req)", "est_ppt (ms)")
    (run,) = bring(table, model=FABLE, backend="cuda")
    assert len(run.printed.figures) == 5


def test_a_row_without_a_figure_is_named(bring, done):
    table = TABLE_OF_BENCHY.replace("61.20 ± 0.50", "         N/A")
    (run,) = bring(table, model=FABLE, backend="cuda")
    assert len(run.printed.figures) == 4
    assert [passed.why for passed in done[-1].passed] == ["of llama-benchy, without a figure"]
    with pytest.raises(RecordError, match="without a figure"):
        bring(
            "\n".join(TABLE_OF_BENCHY.splitlines()[:2]) + "\n| a | pp512 | | | | |\n", model=FABLE
        )


REPORT = """\
============ Serving Benchmark Result ============
Successful requests:                     100       
Maximum request concurrency:             25        
Total input tokens:                      25600     
Request throughput (req/s):              0.16      
Output token throughput (tok/s):         80.41     
Total Token throughput (tok/s):          723.84    
---------------Time to First Token----------------
Mean TTFT (ms):                          34710.68  
P99 TTFT (ms):                           48000.10  
----------------End-to-End Latency----------------
Mean E2E Latency (ms):                   50000.00  
==================================================
"""
OF_SGLANG = "Backend: {}\nSuccessful"


@pytest.mark.parametrize(
    ("replaced", "program", "engine"),
    [
        (("E2E Latency", "E2EL"), "vLLM bench serve", "engine not named"),
        (("Successful", OF_SGLANG.format("sglang-oai")), "SGLang bench_serving", "sglang"),
        (("Successful", OF_SGLANG.format("vllm-chat")), "SGLang bench_serving", "vllm"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_report_that_a_client_prints_is_read(bring, replaced, program, engine, end):
    text = f"Starting ...\n{REPORT.replace(*replaced)}".replace("\n", end)
    (run,) = bring(text, model=FABLE, backend="cuda")
    assert (run.printed.program, run.engine.name) == (program, engine)
    assert told(run) == [
        ("aggregate_tok_s", 80.41, None, None, 100, 25),
        ("requests_per_s", 0.16, None, None, 100, 25),
        ("end_to_end_tok_s", 723.84, None, None, 100, 25),
        ("ttft_ms", 34710.68, "mean", None, 100, 25),
        ("ttft_ms", 48000.1, "p99", None, 100, 25),
        ("latency_ms", 50000.0, "mean", None, 100, 25),
        ("prompt_tokens", 256.0, "mean", None, 100, 25),
    ]


@pytest.mark.parametrize("found", [BENCHY, GUIDE, VLLM | {"backend": "openai-chat"}])
def test_a_server_that_no_file_names_is_not_said_to_be_llama_cpp(bring, found):
    (run,) = bring(json.dumps(found), model=FABLE, backend="cuda")
    assert run.engine.name == "engine not named"
    assert any("Its engine" in sentence for sentence in run.unknown)


def test_a_server_that_is_named_by_who_brings_it_is_that(bring):
    (run,) = bring(json.dumps(BENCHY), model=FABLE, backend="cuda", engine="vllm")
    assert run.engine.name == "vllm"
    assert not any("Its engine" in sentence for sentence in run.unknown)


def test_tables_of_two_settings_are_two_runs(bring):
    said = (
        "main: n_kv_max = 8192, n_batch = 2048, n_ubatch = 512, flash_attn = {}, is_pp_shared = 0"
    )
    table = (
        "|    PP |   TG |  B | N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |\n"
        "|-------|------|----|------|----------|----------|----------|----------|\n"
        "|   512 |   32 |  1 |  544 |    0.337 |  {}.90 |    0.405 |    79.04 |\n"
    )
    text = "\n".join(f"{said.format(on)}\n\n{table.format(1500 + on)}" for on in (0, 1))
    runs = bring(text, model=FABLE, backend="cuda")
    assert [run.printed.figures[0].value for run in runs] == [1500.9, 1501.9]
    assert ["flash_attn 0" in run.source.note for run in runs] == [True, False]
