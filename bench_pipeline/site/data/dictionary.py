"""What each row and each column of the published tables means."""

from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.measures.comparison import FLOOR, TARGET_HALF_WIDTH
from bench_pipeline.measures.definitions import DEFINITIONS, Definition
from bench_pipeline.measures.formulas import CLOCKS_AGREE_WITHIN
from bench_pipeline.measures.statistics import CONFIDENCE
from bench_pipeline.measures.steps import LEAST_HISTORY, REACH

_FLOOR = f"{FLOOR * 100:g} %"
_CONFIDENCE = f"{CONFIDENCE * 100:g} %"

TABLES = {
    "measurements": "measurements",
    "ranges": "speed_ranges",
    "curves": "curve_points",
    "bare_engine": "bare_tests",
    "conversations": "conversations",
    "conversation_turns": "conversation_turns",
    "comparisons": "comparisons",
    "build_trends": "build_trends",
}
"""Name under which the warehouse's table is published, in every format."""

ROWS = {
    "measurements": "one run, workload and concurrency",
    "speed_ranges": "one row of the big table: a configuration, over all its workloads",
    "curve_points": "one run and length of the prompt",
    "bare_tests": "one test of the engine without a server",
    "conversations": "one run and conversation, from its first turn to its last reply",
    "conversation_turns": "one run, conversation and turn",
    "comparisons": "two builds at one workload, concurrency and metric",
    "build_trends": "one build at one workload, concurrency and metric",
}
"""What one row of the warehouse's table stands for."""

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
    "system": "Driver, kernel and firmware of the machine; another of them begins another series.",
    "workload": "The pattern of use: prompt shape and output length.",
    "submitted_by": "Who sent the run, in their own words; empty for the owner of the site.",
    "signed_by": "The public key by which the run file is signed; empty for one that is not.",
    "status": "ok or failed.",
    "conversation": "The conversation's script, a file of content/conversations.",
    "title": "Its name on the page.",
    "script_sha256": "SHA-256 of all that the script sends: only equal ones are the same work.",
    "came": "Who spoke in this turn: the user, or the results of the calls before it.",
    "failure_kind": "oom, load, hang, crash, timeout, contaminated, spilled, miscounted, "
    "unclocked or refused.",
    "failure_message": "What went wrong, in the words of harness or engine.",
    "memory_verdict": "fits, placed (in part off the device, as asked), spilled or unverified: "
    "whether the model stood where it should.",
    "stop_reason": "converged: the interval was narrow enough; repetitions: their number was "
    "reached; budget: the time was used up.",
    "clocks": "By how many clocks it was timed: 2, the client's and the server's; 1, where the "
    "engine tells no time of its own.",
    "untold": "What the engine's family cannot tell of each request: cached_tokens, fixed_length, "
    "gaps (when each token came), own_clock. There it is empty.",
    "clocks_agree": "Whether the client's and the server's decode rate agree "
    f"within {CLOCKS_AGREE_WITHIN * 100:g} %.",
    "started_at": "Start of the run, UTC.",
    "source_title": "The page that a published figure was taken from.",
    "n_workloads": "Workloads that the range covers.",
    "server": "Which of the run's servers answered, from 0.",
    "throttle_reasons": "Why the device held its clocks back, if it did; empty also where its "
    "driver does not tell.",
    "quiet": "Whether the host had become quiet before the start; empty where nobody looked.",
    "provisional": "Measured by profile quick, fewer than "
    f"{PROFILES['full'].min_waves} times, or on a host that was not quiet.",
    "flags": "What disturbed it: busy-host, others-cpu, throttled (by heat or a power brake, not "
    "by the power cap), drifted (the run), drifted-within (the cell), unverified (memory), "
    "one-clock (the engine tells no times), own-length (replies ended before their length), "
    "implausible (contradicts itself or physics), disputed (contradicts other runs), "
    "stranger (sent by somebody unknown here), "
    "queued (a published figure at several streams, whose page shows that requests waited).",
    "statistic": "What the speed is of its repetitions: their median, or the mean where an "
    "imported file kept no more.",
    "also_json": "Keys of an imported test that nobody knows here, as they stand in its file.",
    "kind": "prefill, decode, or mixed where one test did both.",
    "metric": "What is compared: decode_tok_s, prefill_tok_s or ttft_ms.",
    "build_before": "The older build.",
    "build_after": "The newer build.",
    "number_before": "The older build as a number, where it has one.",
    "number_after": "The newer build as a number, where it has one.",
    "commit": "The engine's commit.",
    "commit_before": "The older build's commit.",
    "commit_after": "The newer build's commit.",
    "run_before": "The run file of the older build.",
    "run_after": "The run file of the newer build.",
    "session_id": "The session in which builds were measured in turns; empty where there was none.",
    "verdict": f"faster or slower: the whole interval of the ratio lies beyond {_FLOOR}; no "
    f"difference: the ratio lies within {_FLOOR} and is known to {TARGET_HALF_WIDTH * 100:g} %; "
    "undecided; unjudged: not measured in turns.",
    "reason": "Why there is no verdict; empty where there is one.",
    "compiled_differently": "Whether the two builds name different CPU or GPU features; empty "
    "where one names none.",
    "compile_difference": "Which features these are.",
    "system_info": "What the engine said that it was compiled for.",
    "previous_build": "The build before it in this series; its ratio and verdict are against it.",
    "flagged": f"Whether it is a step: the whole interval of the ratio beyond {_FLOOR}, and the "
    f"change beyond Q3 + {REACH} IQR of the series' earlier ones, once it has {LEAST_HISTORY}.",
}
_QUANTITIES = {
    "gpu_memory_mib": ("MiB", "Memory of the GPU: its own, and what it may map of the system's."),
    "power_cap_w": ("W", "Power cap in force during the run, of all its cards together."),
    "power_mean_w": ("W", "Mean power over the measured window."),
    "window_ms": ("ms", "Length of the measured window, warm-up excluded."),
    "prompt_tokens": ("tokens", "Median prompt length as the server counted it."),
    "output_tokens": ("tokens", "Median output length as the server counted it."),
    "server_decode_tok_s": ("tok/s", "Decode rate by the server's own counts and clock."),
    "turns": ("", "Turns of the script."),
    "turn": ("", "The turn, from 0."),
    "sent_tokens": (
        "tokens",
        "Prompts of all turns together; each sends those before it again.",
    ),
    "shared_tokens": (
        "tokens",
        "Of the prompt, from its begin, what the turn before sent too.",
    ),
    "decode_tok_s_min": ("tok/s", "Slowest workload's decode rate."),
    "decode_tok_s_max": ("tok/s", "Fastest workload's decode rate."),
    "depth_tokens": ("tokens", "Context already filled when it began."),
    "tok_s": ("tok/s", "Speed of the bare engine, without a server."),
    "tok_s_sd": ("tok/s", "Standard deviation of the repetitions, where only that was kept."),
    "cell_drift": ("", "Decode rate in the cell's last third over that in its first."),
    "run_drift": ("", "Decode rate at the run's end over that at its start, of the same work."),
    "server_prefill_share": ("", "Prefill rate over the bare engine's at the same length."),
    "server_decode_share": ("", "Decode rate over the bare engine's at the same depth."),
    "ratio": (
        "",
        "Newer build over older: turn by turn, then their geometric mean; of unjudged "
        "builds the quotient of their medians.",
    ),
    "value_before": ("", "The older build's median, in the metric's unit."),
    "value_after": ("", "The newer build's median, in the metric's unit."),
    "n_before": (
        "",
        "Repetitions of the older build behind the ratio: turns, or n of unjudged builds.",
    ),
    "n_after": (
        "",
        "Repetitions of the newer build behind the ratio: turns, or n of unjudged builds.",
    ),
    "value": ("", "The build's median, in the metric's unit."),
    "lo": ("", f"Lower end of the {_CONFIDENCE} bootstrap interval of the median."),
    "hi": ("", f"Upper end of the {_CONFIDENCE} bootstrap interval of the median."),
}
_OF_TABLE = {
    ("curve_points", "depth_tokens"): (
        "tokens",
        "Length of the prompt: prefill and TTFT are of it, decode comes after it.",
    ),
    ("bare_tests", "prompt_tokens"): ("tokens", "Processed at once; 0 in a test of decoding."),
    ("bare_tests", "output_tokens"): ("tokens", "Decoded one by one; 0 in a test of prefill."),
    ("measurements", "memory_peak_mib"): ("MiB", DEFINITIONS["memory_peak_mib"].meaning),
    ("bare_tests", "n"): ("", "Repetitions."),
    ("conversation_turns", "ttft_ms"): (
        "ms",
        "Time to first token of this turn, with what the server kept of the turns before.",
    ),
    ("conversation_turns", "verdict"): (
        "",
        "cold: the first turn; reused: the server had all that the turn before had sent; short: it "
        "computed some of that again; untold: it does not tell.",
    ),
    ("comparisons", "started_at"): ("", "Start of the later of the two runs, UTC."),
}
"""Where a column means something else than in the other tables."""


def meaning(column: str, table: str) -> Definition:
    """KeyError for a column that nobody has described: a test meets it before a reader does."""
    if (table, column) in _OF_TABLE:
        return Definition(column, *_OF_TABLE[table, column])
    if column in DEFINITIONS:
        return DEFINITIONS[column]
    if column in _SETTINGS:
        return Definition(column, "", _SETTINGS[column])
    if column in _QUANTITIES:
        return Definition(column, *_QUANTITIES[column])
    for suffix, end in (("_lo", "Lower"), ("_hi", "Upper")):
        if column.endswith(suffix):
            of = meaning(column.removesuffix(suffix), table)
            what = f"{end} end of the {_CONFIDENCE} bootstrap interval"
            return Definition(column, of.unit, f"{what}: {of.label.lower()}.")
    raise KeyError(column)
