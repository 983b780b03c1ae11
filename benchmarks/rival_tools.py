"""The load generators that ours is compared with: installing, running, reading their reports.

Each lies in a virtual environment of its own below one folder (`--tools DIR` of the scripts):
guidellm takes 6 GB with its CUDA torch, aiperf 1.2 GB, servebench 0.25 GB. Two of them want a
tokenizer from a model hub; they get a small one in a folder instead, so that nothing is asked
of the network while they run. Token counts are the server's own in all three.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks.cpu_time import run_and_measure

VERSIONS = {"guidellm": "0.8.1", "aiperf": "0.13.0", "servebench": "1.1.3"}


@dataclass(frozen=True)
class Report:
    """What a tool cost, and what it says. Times in ms.

    cpu_s      user and system time of the tool with all its processes
    requests   answered, by its own count
    itl_over   what its percentiles of the inter-token latency are taken over
    """

    cpu_s: float
    wall_s: float
    requests: int
    output_tokens: int
    itl_p50_ms: float
    itl_p99_ms: float
    itl_over: str
    ttft_p50_ms: float


def installed(folder: Path) -> list[str]:
    return [name for name in VERSIONS if (folder / name / "bin" / name).exists()]


def install(folder: Path) -> None:
    """A virtual environment for each that is missing. CalledProcessError if pip fails."""
    for name in VERSIONS.keys() - set(installed(folder)):
        print(f"Installing {name} {VERSIONS[name]} into {folder / name} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        pip = [str(folder / name / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"{name}=={VERSIONS[name]}"], check=True)


def run_tool(
    name: str,
    folder: Path,
    url: str,
    *,
    model: str,
    streams: int,
    requests: int,
    prompt_tokens: int,
    output_tokens: int,
) -> Report:
    """One job: `requests` in all, `streams` at a time. How many of them were answered is in the
    report; RuntimeError with the tool's last lines if it leaves none."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        write_tokenizer(out / "tokenizer")
        command = [str(folder / name / "bin" / name)]
        command += _ARGUMENTS[name](
            url, model, streams, requests, prompt_tokens, output_tokens, out
        )
        env = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "COLUMNS": "120"}
        done = run_and_measure(command, env=env)
        try:
            report = _READ[name](out, done.cpu_s, done.wall_s)
        except (OSError, KeyError, IndexError, TypeError) as error:
            last = "\n".join(done.output.splitlines()[-15:])
            raise RuntimeError(f"{name} left no report ({error!r}):\n{last}") from None
    return report


def write_tokenizer(folder: Path) -> None:
    """A word-level tokenizer of 360 syllables, as transformers reads it."""
    special = ["<unk>", "<s>", "</s>"]
    syllables = map("".join, product("bcdfghjklmnprstvwz", "aeiou", "nltr"))
    words = [*special, "word", *syllables]
    added = [
        {"id": n, "content": word, "special": True, "normalized": False}
        | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
        for n, word in enumerate(special)
    ]
    vocabulary = {word: n for n, word in enumerate(words)}
    document = {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
        **dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder")),
    }
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 100_000}
    settings |= {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(document))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _guidellm(
    url: str, model: str, streams: int, requests: int, prompt: int, output: int, out: Path
) -> list[str]:
    return [
        *("run", "--disable-console"),
        *("--backend", f"kind=openai_http,target={url},model={model}"),
        *("--profile", f"kind=concurrent,streams={streams}"),
        *("--constraint", f"kind=max_requests,count={requests}"),
        *("--tokenizer", f"kind=huggingface_auto,model={out / 'tokenizer'}"),
        *("--data", f"kind=synthetic_text,prompt_tokens={prompt},output_tokens={output}"),
        *("--output", f"kind=json,path={out / 'report.json'}"),
    ]


def _read_guidellm(out: Path, cpu_s: float, wall_s: float) -> Report:
    metrics = json.loads((out / "report.json").read_text())["benchmarks"][0]["metrics"]
    itl = metrics["inter_token_latency_ms"]["successful"]["percentiles"]
    return Report(
        cpu_s=cpu_s,
        wall_s=wall_s,
        requests=metrics["request_totals"]["successful"],
        output_tokens=round(metrics["output_token_count"]["successful"]["total_sum"]),
        itl_p50_ms=itl["p50"],
        itl_p99_ms=itl["p99"],
        itl_over="request means",
        ttft_p50_ms=metrics["time_to_first_token_ms"]["successful"]["median"],
    )


def _aiperf(
    url: str, model: str, streams: int, requests: int, prompt: int, output: int, out: Path
) -> list[str]:
    return [
        *("profile", "--url", url, "--model", model, "--endpoint-type", "chat", "--streaming"),
        *("--concurrency", str(streams), "--request-count", str(requests)),
        *("--synthetic-input-tokens-mean", str(prompt)),
        *("--output-tokens-mean", str(output), "--output-tokens-stddev", "0"),
        *("--extra-inputs", "ignore_eos:true", "--use-server-token-count"),
        *("--connection-reuse-strategy", "never"),  # llama-server closes what it says it keeps
        *("--tokenizer", str(out / "tokenizer"), "--output-artifact-dir", str(out / "report")),
        *("--ui", "none", "--no-gpu-telemetry", "--no-server-metrics"),
    ]


def _read_aiperf(out: Path, cpu_s: float, wall_s: float) -> Report:
    report = json.loads((out / "report" / "profile_export_aiperf.json").read_text())
    gaps = report["inter_chunk_latency"]
    return Report(
        cpu_s=cpu_s,
        wall_s=wall_s,
        requests=round(report["request_count"]["avg"]),
        output_tokens=round(report["output_sequence_length"]["sum"]),
        itl_p50_ms=gaps["p50"],
        itl_p99_ms=gaps["p99"],
        itl_over="gaps",
        ttft_p50_ms=report["time_to_first_token"]["p50"],
    )


def _servebench(
    url: str, model: str, streams: int, requests: int, prompt: int, output: int, out: Path
) -> list[str]:
    return [
        *("run", "--url", f"{url}/v1", "--model", model),
        *("--concurrency", str(streams), "--num-requests", str(requests)),
        *("--input-len", str(prompt), "--output-len", str(output)),
        *("--warmup", "0", "--no-gpu", "--out", str(out / "report.json")),
    ]


def _read_servebench(out: Path, cpu_s: float, wall_s: float) -> Report:
    level = json.loads((out / "report.json").read_text())["levels"][0]
    summary = level["summary"]
    return Report(
        cpu_s=cpu_s,
        wall_s=wall_s,
        requests=summary["completed"],
        output_tokens=sum(request["output_tokens"] or 0 for request in level["requests"]),
        itl_p50_ms=summary["itl"]["p50"] * 1000,
        itl_p99_ms=summary["itl"]["p99"] * 1000,
        itl_over="gaps",
        ttft_p50_ms=summary["ttft"]["p50"] * 1000,
    )


_ARGUMENTS = {"guidellm": _guidellm, "aiperf": _aiperf, "servebench": _servebench}
_READ = {"guidellm": _read_guidellm, "aiperf": _read_aiperf, "servebench": _read_servebench}
