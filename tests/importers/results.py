"""Results as people keep them, made for the tests."""

import csv
import io
import json

ROW = {
    "build_commit": "0c1d2e3f",
    "build_number": 9100,
    "cpu_info": "Example CPU E5 12-Core",
    "gpu_info": "NVIDIA GeForce RTX 3090",
    "backends": "CUDA",
    "model_filename": "/data/jane/Fable-7B-chat-Q5_K_M.gguf",
    "model_type": "llama 7B Q5_K - Medium",
    "model_size": 4_780_000_000,
    "model_n_params": 6_740_000_000,
    "n_batch": 2048,
    "n_ubatch": 512,
    "n_threads": 12,
    "type_k": "f16",
    "type_v": "f16",
    "n_gpu_layers": 99,
    "split_mode": "layer",
    "main_gpu": 0,
    "no_kv_offload": False,
    "flash_attn": 1,
    "devices": "auto",
    "tensor_split": "0.00",
    "n_prompt": 256,
    "n_gen": 0,
    "n_depth": 0,
    "test_time": "2026-05-06T07:08:09Z",
    "avg_ns": 200_000_000,
    "stddev_ns": 2_000_000,
    "avg_ts": 1280.0,
    "stddev_ts": 12.8,
    "samples_ns": [198_000_000, 200_000_000, 202_000_000],
    "samples_ts": [1292.9, 1280.0, 1267.3],
}

TABLE = """\
| model                  |       size |  params | backend | ngl |          test |             t/s |
| ---------------------- | ---------: | ------: | ------- | --: | ------------: | --------------: |
| llama 7B Q5_K - Medium |   4.45 GiB |  6.74 B | CUDA    |  99 |         pp256 | 1280.00 ± 12.80 |
| llama 7B Q5_K - Medium |   4.45 GiB |  6.74 B | CUDA    |  99 | tg64 @ d2048  |    71.25 ± 0.30 |

build: 0c1d2e3f (9100)
"""


def row(**values: object) -> dict:
    return agreeing(ROW, values)


def agreeing(found: dict, values: dict) -> dict:
    """`found` with other `values`; its mean remains that of its samples."""
    made = found | values
    samples = made["samples_ns"]
    decides = values.keys() & {"n_prompt", "n_gen", "samples_ns"}
    if decides and "avg_ts" not in values and all(isinstance(ns, int) for ns in samples):
        tokens = made["n_prompt"] + made["n_gen"]
        made["avg_ts"] = round(sum(tokens / ns * 1e9 for ns in samples) / len(samples), 2)
    return made


def decode(**values: object) -> dict:
    return row(
        **{
            **{"n_prompt": 0, "n_gen": 64, "test_time": "2026-05-06T07:09:09Z"},
            **{"samples_ns": [999_000_000, 10**9, 1_001_000_000]},
            **values,
        }
    )


def without(found: dict, *keys: str) -> dict:
    return {key: value for key, value in found.items() if key not in keys}


def lines(*rows: dict) -> str:
    return "".join(json.dumps(each) + "\n" for each in rows)


def as_csv(*rows: dict) -> str:
    kept = [without(each, "samples_ns", "samples_ts") for each in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(kept[0]), quoting=csv.QUOTE_ALL)
    print(",".join(kept[0]), file=text)
    writer.writerows(
        [{k: int(v) if isinstance(v, bool) else v for k, v in r.items()} for r in kept]
    )
    return text.getvalue()


def as_sql(*rows: dict) -> str:
    made = ["CREATE TABLE IF NOT EXISTS test (\n  build_commit TEXT,\n  build_number INTEGER\n);\n"]
    for each in rows:
        kept = without(each, "samples_ns", "samples_ts")
        values = ", ".join(
            "'" + str(int(v) if isinstance(v, bool) else v).replace("'", "''") + "'"
            for v in kept.values()
        )
        made.append(f"INSERT INTO test ({', '.join(kept)}) VALUES ({values});")
    return "\n".join(made)
