"""A line of `llama-batched-bench --output-format jsonl`, or of ik_llama.cpp's `sweep-bench`.

The first computes several sequences at once in one batch, without a server; the second decodes
after a context that grows. Neither names model, machine or build.
"""

from typing import Any

from bench_pipeline.importers.formats.figures import Figures, streams, whole
from bench_pipeline.importers.rows import Foreign
from bench_pipeline.records.cell import Quantity

_NEEDED = {"pp", "tg", "n_kv", "speed_pp", "speed_tg"}
_SETTINGS = {
    *("n_kv_max", "n_batch", "n_ubatch", "flash_attn", "is_pp_shared", "n_gpu_layers"),
    *("n_threads", "n_threads_batch", "flash_attn_type", "is_tg_separate"),
}
BATCHED, SWEEP = "llama-batched-bench", "sweep-bench"


def read(value: dict[str, Any], place: str, file: str) -> Foreign | None:
    if not value.keys() >= _NEEDED:
        return None
    settings = {key: str(value[key]) for key in sorted(_SETTINGS & value.keys())}
    return foreign(value, place, file, settings)


def foreign(value: dict[str, Any], place: str, file: str, settings: dict[str, str]) -> Foreign:
    """`value`: with the keys of the JSON line; `pl` only of llama-batched-bench."""
    figures = Figures()
    prompt, output = whole(value["pp"]), whole(value["tg"])
    sequences = streams(value.get("pl"))
    depth = None if sequences else whole(value["n_kv"])
    about: dict[str, Any] = {"concurrency": sequences or 1, "depth_tokens": depth}
    if prompt:
        label = f"pp{prompt}"
        figures.add("prefill_tok_s", value["speed_pp"], label=label, prompt_tokens=prompt, **about)
    if output:
        label = f"tg{output}"
        several = (sequences or 1) > 1
        what: Quantity = "aggregate_tok_s" if several else "decode_tok_s"
        figures.add(what, value["speed_tg"], label=label, output_tokens=output, **about)
    note = "Of one pass, no server: several sequences in one batch, so speeds are of all of them."
    return Foreign(
        program=BATCHED if sequences else SWEEP,
        place=place,
        file=file,
        figures=tuple(figures.all),
        note=note if sequences else "Of one pass, no server.",
        settings=settings,
        engine="llama.cpp",
    )
