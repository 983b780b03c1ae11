"""What Ollama says of an answer: the last JSON of its API, and the lines of its own bench."""

import re
from typing import Any

from bench_pipeline.importers.formats.figures import Figures, moment, whole
from bench_pipeline.importers.rows import Foreign

PROGRAM = "ollama"
_LINE = re.compile(
    r"^Benchmark\w*/(?:name|model)=(?P<model>\S+)/step=(?P<step>prefill|generate|ttft|load|total)\S*\s+"
    r"(?P<count>\d+)\s+(?P<ns>[\d.]+) ns/(?:token|op|request)(?:\s+(?P<rate>[\d.]+) token/sec)?"
)


def read(value: dict[str, Any], place: str, file: str) -> Foreign | None:
    if not value.keys() >= {"eval_count", "eval_duration"}:
        return None
    figures = Figures()
    prompt, output = whole(value.get("prompt_eval_count")), whole(value["eval_count"])
    about: dict[str, Any] = {
        "concurrency": 1,
        "n": 1,
        "prompt_tokens": prompt,
        "output_tokens": output,
    }
    for what, tokens, key in (
        ("prefill_tok_s", prompt, "prompt_eval_duration"),
        ("decode_tok_s", output, "eval_duration"),
    ):
        if tokens and (took_ns := whole(value.get(key))):
            figures.add(what, round(tokens / took_ns * 1e9, 3), **about)  # type: ignore[arg-type]
    figures.add("latency_ms", value.get("total_duration"), factor=1e-6, **about)
    return Foreign(
        program=PROGRAM,
        place=place,
        file=file,
        figures=tuple(figures.all),
        model_name=str(value.get("model") or ""),
        when=moment(value.get("created_at")),
        note="Of one answer, by the server's own clock; its prompt may have been cached in part.",
        engine="ollama",
    )


def read_line(line: str, place: str, file: str) -> Foreign | None:
    """`BenchmarkModel/name=gemma3/step=generate 128 8000.00 ns/token 125.00 token/sec`."""
    match = _LINE.match(line.strip())
    if not match:
        return None
    figures, step, count = Figures(), match["step"], int(match["count"])
    if step == "prefill":
        figures.add("prefill_tok_s", match["rate"], concurrency=1, prompt_tokens=count)
    elif step == "generate":
        figures.add("decode_tok_s", match["rate"], concurrency=1, output_tokens=count)
    elif step == "ttft":
        figures.add("ttft_ms", match["ns"], factor=1e-6, concurrency=1)
    if not figures.all:
        return None
    return Foreign(
        program="ollama bench",
        place=place,
        file=file,
        figures=tuple(figures.all),
        model_name=match["model"],
        note="By the server's own clock; how the program takes its means is not kept.",
        engine="ollama",
    )
