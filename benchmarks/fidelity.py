"""Whether our figures of llama-server are true: beside its own clock, llama-bench, and a client
that does next to nothing.

    python benchmarks/fidelity.py [--engine DIR] [--tools DIR] [--only PART ...]

Parts:
    bench    decode and prefill through llama-server beside llama-bench of the same build, in
             turns (A B B A); needs --engine, a folder with both programs, as
             `engine_from_source.py` makes one
    clocks   our times against the server's own, on every installed wheel and --engine
    whole    200 of 200 requests at 1, 4 and 16 streams, and the same prompts again on the same
             live server
    lean     the engine's speed under our client over that under the leanest possible client
    tools    CPU time of our client against the real server, beside guidellm and aiperf below
             --tools (`client_cost.py --install` puts them there)

The model is one of content/models, downloaded if it is not there. On a shared machine rates
vary; the ratios, each of measurements in turns, hold.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.engines.llama_cpp.llama_bench import run_llama_bench
from bench_pipeline.errors import BenchError
from bench_pipeline.harness.client.prompts import FittedPrompt, PromptFitter, nonces
from bench_pipeline.harness.client.streaming import StreamFailed
from bench_pipeline.harness.client.waves import as_requests, run_wave
from bench_pipeline.harness.rig_lock import rig_lock
from bench_pipeline.inventory.cpu import engine_threads, read_cpu
from bench_pipeline.measures.formulas import decode_tok_s, prefill_tok_s, server_decode_tok_s
from bench_pipeline.measures.statistics import median_with_interval, ratio_of_medians
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.paths import artefact_cache, checkout
from bench_pipeline.progress import Silent, Terminal
from bench_pipeline.records.cell import Request
from bench_pipeline.records.rig import BackendSetup
from bench_pipeline.records.yaml.files import read_workloads
from benchmarks.cpu_time import run_and_measure
from benchmarks.engines_at_hand import engine_in, installed_wheels, serving
from benchmarks.rival_tools import installed, run_tool
from benchmarks.text_table import table

OUR_CLIENT = str(Path(__file__).with_name("our_client.py"))
LEAN_CLIENT = str(Path(__file__).with_name("lean_client.py"))
OUTPUT_TOKENS = 128
LONG_PROMPT_TOKENS = 512


@dataclass(frozen=True)
class Options:
    engine: InstalledEngine | None
    wheels: list[InstalledEngine]
    model: Path
    tools: Path
    blocks: int
    waves: int

    @property
    def newest(self) -> InstalledEngine:
        return self.engine or self.wheels[0]


class Client:
    """Our client in this process, on one live server. Every prompt has its own nonce."""

    def __init__(self, url: str, prompt_tokens: int) -> None:
        self._url, self._nonces = url, nonces(seed=7)
        fitter = PromptFitter(url)
        body = read_workloads(checkout().workloads)["rag"].body
        self._prompt: FittedPrompt = fitter.fit_text("", body, prompt_tokens)
        fitter.close()

    def wave(
        self, streams: int, output_tokens: int, same: Sequence[str] | None = None
    ) -> list[Request]:
        """StreamFailed if one of them fails. `same`: these nonces, used before."""
        chosen = same or [next(self._nonces) for _ in range(streams)]
        prompts = [self._prompt.with_nonce(nonce) for nonce in chosen]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(run_wave(self._url, prompts, output_tokens))
        return as_requests(found, 0, min(stream.sent_at for stream in found))

    def new_nonces(self, count: int) -> list[str]:
        return [next(self._nonces) for _ in range(count)]


def median(values: Sequence[float | None]) -> float:
    return float(np.median([value for value in values if value is not None]))


def interval(value: float, lo: float | None, hi: float | None) -> str:
    within = f" ({lo:.3f} to {hi:.3f})" if lo is not None and hi is not None else ""
    return f"{value:.3f}{within}"


def ratio_of(before: Sequence[float], after: Sequence[float]) -> str:
    """Of the medians, after / before, with its 95 % interval."""
    ratio = ratio_of_medians(before, after)
    assert ratio is not None
    return interval(ratio.ratio, ratio.lo, ratio.hi)


def in_turns(blocks: int) -> str:
    """`ABBAABBA...`: what drifts steadily falls on both alike."""
    return ("ABBA" * blocks)[: 2 * blocks]


def beside_llama_bench(options: Options) -> None:
    engine = options.engine
    if engine is None or not engine.binary.with_name("llama-bench").exists():
        print("\nbench: left out, it needs --engine DIR with llama-server and llama-bench")
        return
    served: dict[str, list[float]] = {"decode": [], "prefill": []}
    bare: dict[str, list[float]] = {"decode": [], "prefill": []}
    for turn in in_turns(options.blocks):
        if turn == "A":
            tokens = LONG_PROMPT_TOKENS + OUTPUT_TOKENS
            with serving(engine, options.model, 1, tokens) as server:
                client = Client(server.base_url, LONG_PROMPT_TOKENS)
                client.wave(1, 8)
                requests = [client.wave(1, OUTPUT_TOKENS)[0] for _ in range(3)]
            served["decode"].append(median([decode_tok_s(request) for request in requests]))
            served["prefill"].append(median([prefill_tok_s(request) for request in requests]))
        else:
            result = run_llama_bench(
                engine,
                options.model,
                backend="cpu",
                setup=BackendSetup(),
                threads=engine_threads(read_cpu()),
                devices=[],
                depths=[LONG_PROMPT_TOKENS],
                output_tokens=OUTPUT_TOKENS,
                repetitions=3,
                timeout_s=300,
                reporter=Silent(),
            )
            if result is None or result.failure:
                raise RuntimeError(f"llama-bench: {result and result.failure}")
            for test in result.tests:
                name = "decode" if test.output_tokens else "prefill"
                rate = (test.output_tokens or test.prompt_tokens) / median(test.times_ms) * 1000
                bare[name].append(rate)
    print(
        f"\nbench: {engine.build}, prompt {LONG_PROMPT_TOKENS}, output {OUTPUT_TOKENS}, one "
        f"stream; median of {options.blocks} blocks each, in turns"
    )
    rows = [["", "llama-server tok/s", "llama-bench tok/s", "ratio (95 % interval)"]]
    for name in ("prefill", "decode"):
        ratio = ratio_of(bare[name], served[name])
        rows.append([name, f"{median(served[name]):.1f}", f"{median(bare[name]):.1f}", ratio])
    print(table(rows))


def beside_the_server_s_clock(options: Options) -> None:
    rows = [["build", "streams", "decode / server's", "worst request", "p99 ITL / server's"]]
    for engine in [*options.wheels, *filter(None, [options.engine])]:
        for streams in (1, 4):
            with serving(engine, options.model, streams, 64 + OUTPUT_TOKENS) as server:
                client = Client(server.base_url, 64)
                client.wave(streams, 8)
                waves = [client.wave(streams, OUTPUT_TOKENS) for _ in range(options.waves)]
            requests = [request for wave in waves for request in wave]
            counts = {(r.received_tokens, r.output_tokens, r.cached_tokens) for r in requests}
            if counts != {(OUTPUT_TOKENS, OUTPUT_TOKENS, 0)}:
                raise RuntimeError(f"{engine.build}: received, output and cached: {counts}")
            ratios = [(decode_tok_s(r) or 0) / (server_decode_tok_s(r) or 1) for r in requests]
            tails = [
                r.itl_p99_ms / r.server_itl_p99_ms if r.server_itl_p99_ms else None
                for r in requests
            ]
            worst = max(ratios, key=lambda ratio: abs(ratio - 1))
            figures = (float(np.median(ratios)), worst, median(tails))
            rows.append([engine.build, str(streams), *(f"{figure:.4f}" for figure in figures)])
    print(
        f"\nclocks: ours / the server's, {options.waves} waves of {OUTPUT_TOKENS} tokens; client "
        "and server counted the same tokens in every request, none cached\n"
        "targets: 0.998 to 1.002 a run, 0.995 to 1.005 a request; p99 ITL 0.95 to 1.10 at 1 "
        "stream, 0.95 to 1.05 at 4"
    )
    print(table(rows))


def whole(options: Options) -> None:
    wanted = 200
    print(f"\nwhole: {options.newest.build}, short replies, target {wanted} of {wanted}")
    for streams in (1, 4, 16):
        with serving(options.newest, options.model, streams, 64 + 16) as server:
            client = Client(server.base_url, 48)
            done = failed = cached = 0
            while done + failed < wanted:
                count = min(streams, wanted - done - failed)
                try:
                    cached += sum(r.cached_tokens for r in client.wave(count, 12))
                    done += count
                except StreamFailed as error:
                    failed += count
                    print(f"  {streams} streams: {error}")
            print(f"  {streams:>2} streams: {done} of {wanted}, {cached} cached prompt tokens")
    with serving(options.newest, options.model, 1, 256 + 16) as server:
        client = Client(server.base_url, 256)
        client.wave(1, 8)
        nonce_sets = [client.new_nonces(1) for _ in range(2 * options.waves)]
        runs = [[client.wave(1, 8, same)[0] for same in nonce_sets] for _ in range(2)]
    first, again = ([request.ttft_ms for request in run] for run in runs)
    cached = sum(request.cached_tokens for request in runs[1])
    print(
        f"  the same {len(again)} prompts again on the live server: TTFT ratio "
        f"{ratio_of(first, again)}, {cached} cached tokens "
        "(target: 0.9 to 1.1, 0)"
    )


def ours_decode_tok_s(url: str, streams: int) -> list[float]:
    command = [sys.executable, OUR_CLIENT, url, "--streams", str(streams)]
    done = run_and_measure([*command, "--tokens", str(OUTPUT_TOKENS), "--waves", "2"])
    rates = [
        (r["output_tokens"] - 1) / r["server_decode_ms"] * 1000
        for r in json.loads(done.output)["requests"]
    ]
    return [median(rates)]


def lean_decode_tok_s(url: str, streams: int) -> list[float]:
    command = [sys.executable, LEAN_CLIENT, url, "--streams", str(streams)]
    done = run_and_measure([*command, "--tokens", str(OUTPUT_TOKENS), "--waves", "2"])
    timings = json.loads(done.output)
    return [median([(t["predicted_n"] - 1) / t["predicted_ms"] * 1000 for t in timings])]


def beside_the_leanest(options: Options) -> None:
    print(
        f"\nlean: {options.newest.build}, the engine's decode rate under our client / under the "
        f"leanest (target 0.97 to 1.03), {options.blocks} blocks each, in turns"
    )
    measure: dict[str, Callable[[str, int], list[float]]]
    measure = {"A": ours_decode_tok_s, "B": lean_decode_tok_s}
    for streams in (1, 4):
        rates: dict[str, list[float]] = {"A": [], "B": []}
        with serving(options.newest, options.model, streams, 64 + OUTPUT_TOKENS) as server:
            lean_decode_tok_s(server.base_url, streams)
            for turn in in_turns(options.blocks):
                rates[turn] += measure[turn](server.base_url, streams)
        pairs = [a / b for a, b in zip(rates["A"], rates["B"], strict=True)]  # neighbours
        ratio = median_with_interval(pairs)
        assert ratio is not None
        print(
            f"  {streams} streams: {median(rates['A']):.1f} / {median(rates['B']):.1f} tok/s a "
            f"stream, median ratio of neighbours {interval(ratio.median, ratio.lo, ratio.hi)}"
        )


def beside_other_tools(options: Options) -> None:
    streams, waves = 4, 3
    print(f"\ntools: CPU time for {streams * waves} requests of {OUTPUT_TOKENS} tokens, 4 at once")
    with serving(options.newest, options.model, streams, 192 + OUTPUT_TOKENS) as server:
        command = [sys.executable, OUR_CLIENT, server.base_url, "--streams", str(streams)]
        ours = run_and_measure([*command, "--tokens", str(OUTPUT_TOKENS), "--waves", str(waves)])
        answered = len(json.loads(ours.output)["requests"])
        rows = [["client", "CPU s", "ours / its", "answered"]]
        rows.append(["ours", f"{ours.cpu_s:.2f}", "", str(answered)])
        for name in installed(options.tools):
            report = run_tool(
                name,
                options.tools,
                server.base_url,
                model=options.model.name,
                streams=streams,
                requests=streams * waves,
                prompt_tokens=40,
                output_tokens=OUTPUT_TOKENS,
            )
            share = f"{ours.cpu_s / report.cpu_s:.3f}"
            rows.append([name, f"{report.cpu_s:.2f}", share, str(report.requests)])
    print(table(rows))
    print("targets: at most 0.1 of guidellm's, 0.05 of aiperf's")


PARTS: dict[str, Callable[[Options], None]] = {
    "bench": beside_llama_bench,
    "clocks": beside_the_server_s_clock,
    "whole": whole,
    "lean": beside_the_leanest,
    "tools": beside_other_tools,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", type=Path, help="folder with llama-server and llama-bench")
    parser.add_argument("--model", default="smollm2-135m-instruct-q4_1")
    parser.add_argument("--tools", type=Path, default=artefact_cache() / "tools", metavar="DIR")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--blocks", type=int, default=8, help="of each side, where in turns")
    parser.add_argument("--waves", type=int, default=10, help="of each cell of `clocks`")
    given = parser.parse_args()
    project, cache, reporter = checkout(), artefact_cache(), Terminal()
    try:
        options = Options(
            engine=engine_in(given.engine) if given.engine else None,
            wheels=installed_wheels(project, cache),
            model=fetch_model(known_model(project, given.model), cache, reporter),
            tools=given.tools,
            blocks=given.blocks,
            waves=given.waves,
        )
        if not options.wheels and options.engine is None:
            parser.error("no engine: `make bench` installs one, or name a folder by --engine")
        for part in given.only:
            with rig_lock(reporter):
                PARTS[part](options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
