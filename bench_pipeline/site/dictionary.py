"""What each column of the published CSV files means."""

from bench_pipeline.measures.definitions import DEFINITIONS, Definition

TABLES = {"measurements.csv": "measurements", "ranges.csv": "speed_ranges"}
"""Published file and the warehouse's table it holds."""

_SETTINGS = {
    "run_id": "The run file that holds the requests behind this line.",
    "run_ids": "The run files behind this line.",
    "model": "The model's stable name, as in the address of its page.",
    "creator": "Who quantized the file.",
    "released": "Month in which the family was released.",
    "rig": "The machine's stable name.",
    "gpu": "The GPU that computed; empty on backend cpu.",
    "driver": "Version of the GPU's driver in that run.",
    "engine": "Name of the inference engine.",
    "build": "Build of the engine.",
    "build_number": "The build as a number, where it has one.",
    "workload": "The pattern of use: prompt shape and output length.",
    "status": "ok or failed.",
    "failure_kind": "oom, load, hang, crash, timeout, contaminated or spilled.",
    "failure_message": "What went wrong, in the words of harness or engine.",
    "memory_verdict": "fits, spilled or unverified: whether the model stood where it should.",
    "stop_reason": "converged: the interval was narrow enough; repetitions: their number was "
    "reached; budget: the time was used up.",
    "clocks_agree": "Whether the client's and the server's decode rate agree within 1 %.",
    "started_at": "Start of the run, UTC.",
    "source_title": "The page that a published figure was taken from.",
    "n_workloads": "Workloads that the range covers.",
}
_QUANTITIES = {
    "gpu_memory_mib": ("MiB", "Memory of the GPU."),
    "power_cap_w": ("W", "Power cap in force during the run."),
    "power_mean_w": ("W", "Mean power over the measured window."),
    "window_ms": ("ms", "Length of the measured window, warm-up excluded."),
    "prompt_tokens": ("tokens", "Median prompt length as the server counted it."),
    "output_tokens": ("tokens", "Median output length as the server counted it."),
    "server_decode_tok_s": ("tok/s", "Decode rate by the server's own counts and clock."),
    "decode_tok_s_min": ("tok/s", "Slowest workload's decode rate."),
    "decode_tok_s_max": ("tok/s", "Fastest workload's decode rate."),
}


def meaning(column: str) -> Definition:
    """KeyError for a column that nobody has described: a test meets it before a reader does."""
    if column in DEFINITIONS:
        return DEFINITIONS[column]
    if column in _SETTINGS:
        return Definition(column, "", _SETTINGS[column])
    if column in _QUANTITIES:
        return Definition(column, *_QUANTITIES[column])
    for suffix, end in (("_lo", "Lower"), ("_hi", "Upper")):
        if column.endswith(suffix):
            of = meaning(column.removesuffix(suffix))
            what = f"{end} end of the 95 % bootstrap interval of the median"
            return Definition(column, of.unit, f"{what}: {of.label.lower()}.")
    raise KeyError(column)
