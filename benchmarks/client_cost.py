"""What our client costs and until which rate its times are true, beside other load generators.

    python benchmarks/client_cost.py             our client, and the tools that are installed
    python benchmarks/client_cost.py --install   beside guidellm, aiperf and servebench

Every client talks to the same source of tokens, whose true times are known
(`token_source.py`), with 64 streams at once. Printed are

1. CPU seconds for 64,000 tokens at 200 tok/s a stream, whole process, imports included, and
   what each client says about the times between tokens against the truth;
2. the rate until which our reported times between tokens stay within 5 % of the truth;
3. how late our client sees first tokens when 64 requests start at once.

Linux; one to three minutes. Ratios within one run hold on a busy machine, the rest does not.
--tools DIR names a folder of virtual environments, one a tool (in the artefact cache if not
given); --install makes those that are missing there (7.5 GB, from the package index).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_pipeline.paths import artefact_cache
from benchmarks.cpu_time import Finished, run_and_measure
from benchmarks.rival_tools import Report, install, installed, run_tool
from benchmarks.text_table import table
from benchmarks.token_source import MODEL, Sent, TokenSource

STREAMS, TOKENS, RATE_TOK_S = 64, 1000, 200
RATES_TOK_S = (200, 400, 600, 800, 1000, 1200)
"""A stream; times 64 in all."""
OUR_CLIENT = str(Path(__file__).with_name("our_client.py"))


@dataclass(frozen=True)
class Ours:
    """One job of our client. Ratios are reported over true, one of each stream.

    wave_cpu_s   without interpreter start and imports
    """

    finished: Finished
    wave_cpu_s: float
    itl_p50: list[float]
    itl_p99: list[float]
    itl_mean: list[float]
    ttft_excess_ms: list[float]
    true_rate_tok_s: float


def gaps_ms(stream: Sent) -> np.ndarray:
    return np.diff(stream.sent_at) * 1000


def run_ours(
    source: TokenSource, rate_tok_s: float, tokens: int, together: bool, *options: str
) -> Ours:
    source.set_pace(1000 / rate_tok_s, together=together)
    command = [sys.executable, OUR_CLIENT, source.base_url, "--streams", str(STREAMS)]
    finished = run_and_measure([*command, "--tokens", str(tokens), *options])
    truth = {stream.label: stream for stream in source.sent()}
    if finished.status:
        raise RuntimeError(f"our client failed:\n{finished.output}")
    report = json.loads(finished.output)
    pairs: list[tuple[dict[str, Any], Sent]] = [
        (request, truth[request["label"]]) for request in report["requests"]
    ]
    for request, true in pairs:
        if not request["received_tokens"] == request["output_tokens"] == len(true.sent_at):
            raise RuntimeError("our client does not count the tokens that were sent")
    return Ours(
        finished,
        report["wave_cpu_s"],
        itl_p50=[r["itl_p50_ms"] / float(np.median(gaps_ms(t))) for r, t in pairs],
        itl_p99=[r["itl_p99_ms"] / float(np.percentile(gaps_ms(t), 99)) for r, t in pairs],
        itl_mean=[r["decode_ms"] / float(gaps_ms(t).sum()) for r, t in pairs],
        ttft_excess_ms=[r["ttft_ms"] - (t.sent_at[0] - t.received_at) * 1000 for r, t in pairs],
        true_rate_tok_s=1000 / float(np.mean([gaps_ms(t).mean() for _, t in pairs])),
    )


def of_tool(report: Report, sent: Sequence[Sent]) -> list[float]:
    """Reported over true: ITL p50, p99; and how much later than true the median TTFT is, ms."""
    per_stream = [gaps_ms(stream) for stream in sent]
    means = report.itl_over == "request means"
    true = [float(g.mean()) for g in per_stream] if means else np.concatenate(per_stream)
    first_ms = np.median([(s.sent_at[0] - s.received_at) * 1000 for s in sent])
    return [
        report.itl_p50_ms / float(np.percentile(true, 50)),
        report.itl_p99_ms / float(np.percentile(true, 99)),
        report.ttft_p50_ms - float(first_ms),
    ]


def cost(source: TokenSource, tools: Path, repeats: int, together: bool) -> None:
    total = STREAMS * TOKENS
    heading = ["client", "CPU s", "CPU s/10k tokens", "ITL p50", "ITL p99", "TTFT late ms", "over"]
    rows = [heading]

    def add(name: str, cpu_s: float, figures: Sequence[float], over: str) -> None:
        p50, p99, late_ms = figures
        per_10k = f"{cpu_s / total * 10_000:.3f}"
        rows.append(
            [name, f"{cpu_s:.2f}", per_10k, f"{p50:.3f}", f"{p99:.3f}", f"{late_ms:.1f}", over]
        )

    kinds = [("ours", ()), ("ours without uvloop", ("--plain-asyncio",))]
    done: dict[str, list[Ours]] = {name: [] for name, _ in kinds}
    for _ in range(repeats):  # interleaved
        for name, options in kinds:
            done[name].append(run_ours(source, RATE_TOK_S, TOKENS, together, *options))
    for name, runs in done.items():
        figures = [
            float(np.median([np.median(values(run)) for run in runs]))
            for values in (lambda r: r.itl_p50, lambda r: r.itl_p99, lambda r: r.ttft_excess_ms)
        ]
        add(name, float(np.median([r.finished.cpu_s for r in runs])), figures, "gaps")
        wave_s = float(np.median([r.wave_cpu_s for r in runs]))
        add(f"  of it the wave, {repeats} runs", wave_s, figures, "gaps")
    whole_s = float(np.median([run.finished.cpu_s for run in done["ours"]]))
    rivals: dict[str, float] = {}
    for name in installed(tools):
        source.set_pace(1000 / RATE_TOK_S, together=together)
        report = run_tool(
            name,
            tools,
            source.base_url,
            model=MODEL,
            streams=STREAMS,
            requests=STREAMS,
            prompt_tokens=20,
            output_tokens=TOKENS,
        )
        if (report.requests, report.output_tokens) != (STREAMS, total):
            raise RuntimeError(f"{name} did another job: {report}")
        sent = [stream for stream in source.sent() if len(stream.sent_at) == TOKENS]
        add(name, report.cpu_s, of_tool(report, sent), report.itl_over)
        rivals[name] = report.cpu_s
    print(f"\n{total:,} tokens, {STREAMS} streams of {RATE_TOK_S} tok/s; ITL: reported / true")
    print(table(rows))
    if rivals:
        cheapest = min(rivals.values())
        print(f"ours / cheapest of them: {whole_s / cheapest:.2f} (target: at most 0.6)")
    if "aiperf" in rivals:
        print(f"aiperf / ours: {rivals['aiperf'] / whole_s:.1f} (target: at least 8)")
    ours = done["ours"]
    wave_per_10k = float(np.median([run.wave_cpu_s for run in ours])) / total * 10_000
    mean_off = float(np.median([np.max(np.abs(np.array(r.itl_mean) - 1)) for r in ours]))
    p99 = float(np.median([np.median(run.itl_p99) for run in ours]))
    print(f"CPU s per 10,000 tokens of the wave: {wave_per_10k:.3f} (target: at most 0.15)")
    print(f"mean ITL, worst stream: {mean_off:.2%} off (target: within 0.5 %)")
    print(f"p99 ITL / true: {p99:.3f} (target: at most 1.15)")


def highest_rate(source: TokenSource, together: bool) -> None:
    rows = [["asked tok/s", "sent tok/s", "ITL p50", "ITL p99", "CPU s/10k tokens"]]
    held: dict[str, float] = {}
    broken: set[str] = set()
    for rate in RATES_TOK_S:
        tokens = 3 * rate
        run = run_ours(source, rate, tokens, together)
        p50, p99 = float(np.median(run.itl_p50)), float(np.median(run.itl_p99))
        sent_tok_s = run.true_rate_tok_s * STREAMS
        per_10k = run.wave_cpu_s / (STREAMS * tokens) * 10_000
        rows.append(
            [f"{rate * STREAMS:,}", f"{sent_tok_s:,.0f}"]
            + [f"{figure:.3f}" for figure in (p50, p99, per_10k)]
        )
        for name, ratio in (("median", p50), ("p99", p99)):
            if abs(ratio - 1) > 0.05:
                broken.add(name)
            elif name not in broken:
                held[name] = sent_tok_s
        if len(broken) == 2 or sent_tok_s < 0.95 * rate * STREAMS:
            break
    print("\nReported / true time between tokens, median of the streams")
    print(table(rows))
    for name in ("median", "p99"):
        more = "" if name in broken else ", and no rate tried broke it"
        found = f"{held[name]:,.0f} tok/s{more}" if name in held else "no rate tried"
        print(f"{name} within 5 % of the truth up to: {found}")


def burst(source: TokenSource, waves: int, together: bool) -> None:
    late = [run_ours(source, RATE_TOK_S, 20, together).ttft_excess_ms for _ in range(waves)]
    medians, worst = [np.median(wave) for wave in late], [max(wave) for wave in late]
    print(f"\nTTFT of {STREAMS} requests at once, later than true, median of {waves} waves:")
    print(
        f"median stream {np.median(medians):.1f} ms (target: at most 10), "
        f"worst stream {np.median(worst):.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tools", type=Path, default=artefact_cache() / "tools", metavar="DIR")
    parser.add_argument("--install", action="store_true", help="install those missing there")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--spread", action="store_true", help="streams not in step with another")
    options = parser.parse_args()
    if options.install:
        install(options.tools)
    together = not options.spread
    with TokenSource() as source:
        cost(source, options.tools, options.repeats, together)
        highest_rate(source, together)
        burst(source, 5, together)


if __name__ == "__main__":
    main()
