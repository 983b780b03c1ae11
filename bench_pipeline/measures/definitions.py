"""Name, unit and meaning of every column a visitor sees: the page's tooltips, the data
dictionary and the docs all read this."""

from dataclasses import dataclass

from bench_pipeline.measures import ties
from bench_pipeline.measures.formulas import LATE_FLOOR_MS, LATE_SHARE
from bench_pipeline.measures.knee import FLAT_BELOW
from bench_pipeline.measures.statistics import CONFIDENCE, FENCE_REACH


@dataclass(frozen=True)
class Definition:
    label: str
    unit: str
    meaning: str
    in_the_field: str = ""
    """What others call it, and how their figures of that name differ: vLLM's `bench serve`,
    GuideLLM and llama-bench, as their code has it."""


DEFINITIONS: dict[str, Definition] = {
    "family": Definition("Family", "", "Models that were trained and released together."),
    "variant": Definition("Variant", "", "Size and tuning of the model within its family."),
    "quant": Definition(
        "Quant", "", "How the weights are stored; fewer bits are smaller, faster and less exact."
    ),
    "rig": Definition("Hardware", "", "The machine, with its power cap and driver in that run."),
    "backend": Definition(
        "Backend", "", "The engine's code path (CUDA, Vulkan, CPU, ...) and its exact build."
    ),
    "mode": Definition("Mode", "", "What was switched on or off beyond the engine's defaults."),
    "concurrency": Definition(
        "Conc.", "streams", "Requests in flight at once; the server had a slot for each."
    ),
    "decode_tok_s": Definition(
        "Decode",
        "tok/s",
        "Speed of one stream once it has begun: output tokens after the first, over the time "
        "from first to last token. Median over repetitions with its "
        f"{CONFIDENCE * 100:g} % bootstrap interval.",
        "TPOT (time per output token) is its inverse. vLLM's is the same "
        "quotient of each request, but up to the end of the reply, and as a mean over requests. "
        "GuideLLM's counts from sending the request over all tokens, so it holds TTFT; what it "
        "calls ITL is ours. llama-bench's tg has no server, sampling or waiting in it.",
    ),
    "prefill_tok_s": Definition(
        "Prefill",
        "tok/s",
        "Prompt tokens over the server's prompt time, nothing cached: the speed of reading.",
        "Prompt processing. llama-bench's pp is the same without a server. vLLM and GuideLLM have "
        "none: their input or total throughput is prompt tokens over the whole time, answers "
        "included.",
    ),
    "throughput_tok_s": Definition(
        "Throughput",
        "tok/s",
        "Output tokens of all streams over the whole time from first request to last reply, "
        "prefill and waiting included.",
        "Output throughput. vLLM's and GuideLLM's are over a benchmark of many requests, in which "
        "a new one follows each that ends; ours over waves that begin together, median. "
        "llama-bench has none: its tg is of one stream, without prefill.",
    ),
    "request_throughput": Definition(
        "Requests",
        "requests/s",
        "Requests answered a second, over the same time as throughput.",
        "Request throughput, as vLLM's and GuideLLM's, with the same difference.",
    ),
    "aggregate_tok_s": Definition(
        "While all decode",
        "tok/s",
        "All streams together, over the time alone in which every one of them was decoding: what "
        "throughput would be without prefill and ends.",
        "Nobody else's output throughput: it is higher than that.",
    ),
    "ttft_ms": Definition(
        "TTFT",
        "ms",
        "Time to first token, from sending the request, queueing included.",
        "As vLLM's and GuideLLM's, but that a cached prompt is refused here: asked by GuideLLM a "
        "second time, a server had all of the prompt but one token already. llama-bench has none.",
    ),
    "first_visible_ms": Definition(
        "First visible", "ms", "Time to the first token of the answer, after hidden reasoning."
    ),
    "queue_ms": Definition(
        "Queue", "ms", "The part of TTFT that the server did not spend on the prompt."
    ),
    "itl_p99_ms": Definition(
        "ITL p99",
        "ms",
        "Inter-token latency: 99 % of a stream's gaps are shorter than this.",
        "A percentile of vLLM's is over the gaps of all requests together, between events that "
        "hold one token or several; GuideLLM's is over requests, each with its mean gap. "
        "llama-bench has none.",
    ),
    "joules_per_token": Definition(
        "Energy", "J/token", "GPU energy over the measured window per output token."
    ),
    "knee": Definition(
        "Knee",
        "streams",
        "The last concurrency that paid: with the next one measured, all streams together grew "
        f"by less than {FLAT_BELOW * 100:g} %.",
    ),
    "reasoning_tokens": Definition(
        "Hidden tokens",
        "tokens",
        "Output tokens of one answer that were hidden reasoning, as counted; median.",
    ),
    "draft_acceptance": Definition(
        "Acceptance",
        "",
        "Speculative decoding: share of the draft model's tokens that the model itself accepted.",
    ),
    "cached_ttft_ms": Definition(
        "Cached TTFT",
        "ms",
        "Time to first token of a prompt sent a second time, when the engine reuses what it "
        "kept of the first; empty where it reused nothing.",
    ),
    "cached_share": Definition(
        "Reused",
        "",
        "Share of the second prompt's tokens that the engine did not compute again.",
    ),
    "trace_ms": Definition(
        "Whole conversation",
        "ms",
        "From the first turn sent to the end of the last reply, every turn sent as soon as the one "
        "before has ended, prompts cached.",
    ),
    "waiting_ms": Definition(
        "Waiting", "ms", "The TTFT of all its turns together: until each reply begins."
    ),
    "cached_tokens": Definition(
        "Cached",
        "tokens",
        "Of a turn's prompt what the server kept of the turns before and did not compute again, by "
        "its own count.",
    ),
    "cold_tokens": Definition(
        "Cold",
        "tokens",
        "What it did compute: new words, and the reply before them, as the script's stands in the "
        "place of the model's own.",
    ),
    "cold_prefill_tok_s": Definition(
        "Cold prefill",
        "tok/s",
        "Tokens of a turn's cold part over the server's prompt time: short parts are read slower, "
        "and behind a long context too.",
    ),
    "reused_share": Definition(
        "Reused",
        "",
        "Share of a conversation's prompt tokens that were not computed again.",
    ),
    "server_share": Definition(
        "Of bare engine",
        "",
        "Server's speed over that of the same build's llama-bench, at the same depth or prompt "
        "length: what is missing to 1 is the server's own cost.",
    ),
    "tok_s_per_w": Definition(
        "Efficiency",
        "tok/s per W",
        "Output tokens for each joule, which is tok/s for each watt: of every device that "
        "computed, over exactly the measured window, idle power included.",
    ),
    "tok_s_per_price": Definition(
        "For money",
        "",
        "Decode rate over what the machine cost, as its owner says: tok/s for each unit of its "
        "currency, which stands with the machine.",
    ),
    "size_bytes": Definition("File", "", "Size of the model's file or files."),
    "ceiling_share": Definition(
        "Of ceiling",
        "",
        "One stream's decode rate over memory bandwidth / bytes read per token (weights and KV "
        "cache). None where the rate is above that (they came from a cache, or the loop that "
        "measured the bandwidth attained less than there is) or the host was not quiet.",
    ),
    "memory_peak_mib": Definition(
        "Memory",
        "",
        "The most memory that the server held while it was measured, on the devices of its "
        "backend, by the driver's or the kernel's account.",
    ),
    "drift": Definition(
        "Drift",
        "",
        "Decode rate of the first cell measured again at the run's end, over its rate at the "
        "start: 1 is a steady machine.",
    ),
    "outliers": Definition(
        "Outliers",
        "",
        f"Repetitions whose decode rate lies more than {FENCE_REACH} quartile ranges outside the "
        "quartiles. They are counted here and kept in every figure.",
    ),
    "delivered_on_time": Definition(
        "On time",
        "",
        "Whether tokens reached the client as evenly as the server made them: its ITL p99 within "
        f"{LATE_SHARE * 100:g} % and {LATE_FLOOR_MS:g} ms of the server's own.",
    ),
    "others_cpu_fraction": Definition(
        "Others' CPU",
        "",
        "Share of all processor cores that other programs used during the measured window.",
    ),
    "fits": Definition(
        "Fits",
        "",
        "Whether weights and KV cache stood in the memory of the device that computes, as the "
        "server's log and the memory's own counters prove; not verified: nobody could tell.",
    ),
    "context_tokens": Definition(
        "Context", "tokens", "Room that each stream had for its prompt and answer together."
    ),
    "ties": Definition("Ties", "", ties.RULE),
    "n": Definition(
        "n",
        "",
        "Repetitions, warm-up not counted. At concurrency c each has c requests. Where builds were "
        "measured in turns, each start of the server is one, however many requests it answered.",
    ),
    "profile": Definition(
        "Profile",
        "",
        "full: the whole shape, repeated until the interval is narrow; quick: provisional, with "
        "fewer repetitions and shorter outputs.",
    ),
    "imported": Definition(
        "Imported",
        "",
        "Somebody's own results, brought here from the file of the program that made them: of the "
        "engine alone, or as another program printed them. Nobody measured them here, and they are "
        "ranked with nothing and judged against nothing.",
        "llama-bench and llama-batched-bench need no server, so their figures lack its cost: "
        "sampling, HTTP, waiting. vLLM's, GuideLLM's and others' are served, by a client whose "
        "requests are not here.",
    ),
    "engine_only": Definition(
        "Engine only",
        "",
        "Of the engine without a server: reading so many tokens, or writing so many after so many. "
        "Only tests of the same lengths are set side by side, and none beside a served figure.",
        "llama-bench's pp256 is a prefill of 256 tokens, its tg64 @ d2048 a decode of 64 after "
        "2,048.",
    ),
    "provenance": Definition(
        "Provenance",
        "",
        "measured: by this code, with every request kept; imported: somebody's llama-bench or "
        "another program's output, of the engine alone or as that program printed it; published: "
        "taken from another page as printed, with no samples behind it.",
    ),
}
