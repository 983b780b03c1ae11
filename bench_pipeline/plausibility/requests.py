"""Rules about the requests and waves of one cell: what follows from how they are measured."""

from collections import defaultdict
from itertools import pairwise
from math import ceil, floor
from statistics import median

from bench_pipeline.plausibility.rule import CellRule, first
from bench_pipeline.records.cell import Cell, Request
from bench_pipeline.records.run import Run

ROUNDING_MS = 0.01
"""Times are written to a thousandth; a sum of some of them is off by no more."""

TTFT_TIMES, TTFT_MS = 4.0, 5.0
SERVER_TIMES = 1.01


def prompt_before_answer(_: Run, cell: Cell) -> str | None:
    return first(
        f"the first token came after {r.ttft_ms:g} ms, the server took {r.server_prompt_ms:g} ms "
        "for the prompt before it"
        for r in cell.requests
        if r.server_prompt_ms is not None and r.ttft_ms * SERVER_TIMES + 1 < r.server_prompt_ms
    )


def ttft_explained(_: Run, cell: Cell) -> str | None:
    """One stream waits for nothing but its own prompt."""
    timed = [(r.ttft_ms, r.server_prompt_ms) for r in cell.requests if r.server_prompt_ms]
    if cell.concurrency > 1 or not timed:
        return None
    ttft_ms, prompt_ms = (median(column) for column in zip(*timed, strict=True))
    if ttft_ms <= TTFT_TIMES * prompt_ms + TTFT_MS:
        return None
    return (
        f"the server says {prompt_ms:g} ms for the prompt, the first token came after {ttft_ms:g}"
    )


def end_follows(_: Run, cell: Cell) -> str | None:
    return first(
        f"first token after {r.ttft_ms:g} ms and decoding of {r.decode_ms:g} ms end after "
        f"{r.end_to_end_ms:g} ms"
        for r in cell.requests
        if r.ttft_ms + r.decode_ms > r.end_to_end_ms + ROUNDING_MS
    )


def visible_within(_: Run, cell: Cell) -> str | None:
    def outside(r: Request) -> bool:
        at = r.first_visible_ms
        return at is not None and not r.ttft_ms - ROUNDING_MS <= at <= r.end_to_end_ms + ROUNDING_MS

    return first(
        f"the first visible token came after {r.first_visible_ms:g} ms of {r.end_to_end_ms:g}"
        for r in cell.requests
        if outside(r)
    )


def gaps_make_the_time(run: Run, cell: Cell) -> str | None:
    """Half of n gaps are no shorter than their median, none is longer than the longest."""
    may_lack = not run.engine.tells("gaps")

    def doubt(r: Request) -> str | None:
        gaps = r.received_tokens - 1
        if None in (told := (r.itl_p50_ms, r.itl_p95_ms, r.itl_p99_ms, r.itl_max_ms)):
            none = told.count(None) == len(told)
            return None if none and may_lack else "no gaps between tokens, or not all of them"
        assert r.itl_p50_ms is not None and r.itl_p95_ms is not None
        assert r.itl_p99_ms is not None and r.itl_max_ms is not None
        if gaps < 1:
            return "no tokens between which there are gaps" if r.decode_ms else None
        slack = gaps * 0.001 + ROUNDING_MS
        if not r.itl_p50_ms <= r.itl_p95_ms <= r.itl_p99_ms <= r.itl_max_ms:
            chain = (r.itl_p50_ms, r.itl_p95_ms, r.itl_p99_ms, r.itl_max_ms)
            return f"gaps whose percentiles fall: {', '.join(f'{ms:g}' for ms in chain)} ms"
        if r.itl_max_ms > r.decode_ms + slack:
            return f"a gap of {r.itl_max_ms:g} ms within {r.decode_ms:g} ms"
        if r.itl_p50_ms * (gaps // 2) > r.decode_ms + slack:
            return f"{gaps} gaps of {r.itl_p50_ms:g} ms at the median within {r.decode_ms:g} ms"
        if r.itl_p95_ms * (gaps // 20) > r.decode_ms + slack:
            return f"{gaps // 20} gaps of {r.itl_p95_ms:g} ms or more within {r.decode_ms:g} ms"
        if r.itl_max_ms * gaps + slack < r.decode_ms:
            return f"{gaps} gaps of at most {r.itl_max_ms:g} ms in {r.decode_ms:g} ms"
        return None

    return first(map(doubt, cell.requests))


def cold(run: Run, cell: Cell) -> str | None:
    untold = sum(r.cached_tokens is None for r in cell.requests)
    if untold and (run.engine.tells("cached_tokens") or untold < len(cell.requests)):
        return f"{untold} requests do not say how much of their prompt was cached"
    return first(
        f"{r.cached_tokens} cached tokens in a cell whose prompts are cold"
        for r in cell.requests
        if (r.cached_tokens or 0) > (run.engine.head_tokens or 0)
    )


def counted(run: Run, cell: Cell) -> str | None:
    free = not run.engine.tells("fixed_length")

    def doubt(r: Request) -> str | None:
        if r.received_tokens > r.output_tokens:
            return f"{r.received_tokens} tokens received of {r.output_tokens} made"
        if r.reasoning_tokens > r.output_tokens:
            return f"{r.reasoning_tokens} hidden tokens of {r.output_tokens}"
        if (r.draft_accepted or 0) > (r.draft_tokens or 0):
            return f"{r.draft_accepted} drafted tokens accepted of {r.draft_tokens}"
        short = (
            free
            and r.finish_reason == "stop"
            and r.output_tokens <= (cell.output_tokens_budget or r.output_tokens)
        )
        if not short and cell.output_tokens_budget not in (None, r.output_tokens):
            return f"{r.output_tokens} tokens made where {cell.output_tokens_budget} were asked for"
        budget = cell.prompt_tokens_budget
        if budget is not None and r.prompt_tokens < 0.9 * budget - 8:
            return f"a prompt of {r.prompt_tokens} tokens where {budget} were due"
        if r.finish_reason != "length" and not short:
            return f"a reply that ended by {r.finish_reason[:20]!r}, not by its length"
        return None

    return first(map(doubt, cell.requests))


def server_clock(run: Run, cell: Cell) -> str | None:
    if not run.engine.tells("own_clock"):
        timed = sum(None not in (r.server_decode_ms, r.server_prompt_ms) for r in cell.requests)
        return f"{timed} times by the clock of an engine that has none" if timed else None
    return first(
        "no time by the server's own clock, beside which ours could be held"
        for r in cell.requests
        if r.received_tokens > 1 and not (r.server_decode_ms and r.server_prompt_ms)
    )


def no_copies(_: Run, cell: Cell) -> str | None:
    seen: set[tuple[float | None, ...]] = set()
    for r in cell.requests:
        times = (r.ttft_ms, r.decode_ms, r.end_to_end_ms, r.server_decode_ms, r.itl_max_ms)
        if times in seen:
            return f"two requests alike to the thousandth of a millisecond: decode {r.decode_ms:g}"
        seen.add(times)
    return None


LEAST_REGULAR = 5


def not_by_a_formula(_: Run, cell: Cell) -> str | None:
    """Times that were measured scatter, and are written to the thousandth."""
    times = [(r.ttft_ms, r.decode_ms, r.end_to_end_ms) for r in cell.requests if r.decode_ms]
    if len(times) < LEAST_REGULAR:
        return None
    if all(ms == round(ms) for of_one in times for ms in of_one):
        return f"times of {len(times)} requests in whole milliseconds"
    for kind, column in zip(("TTFT", "decode"), zip(*times, strict=True), strict=False):
        steps = [later - earlier for earlier, later in pairwise(column)]
        if max(steps) - min(steps) <= ROUNDING_MS:
            return f"{kind} in regular steps of {median(steps):.3f} ms from request to request"
    return None


def _waves(cell: Cell) -> dict[int, list[Request]]:
    found: dict[int, list[Request]] = defaultdict(list)
    for request in cell.requests:
        found[request.wave].append(request)
    return found


def streams_complete(_: Run, cell: Cell) -> str | None:
    for wave, requests in _waves(cell).items():
        streams = sorted(r.stream for r in requests)
        if streams != list(range(cell.concurrency)):
            return f"wave {wave} has {len(streams)} streams, the cell's concurrency is " + str(
                cell.concurrency
            )
    return None


def one_after_another(run: Run, cell: Cell) -> str | None:
    """A wave begins when all of the one before has ended; a session's blocks count anew."""
    if run.session:
        return None
    spans = sorted(
        (min([r.sent_at_ms for r in w]), max([r.sent_at_ms + r.end_to_end_ms for r in w]))
        for w in _waves(cell).values()
    )
    return first(
        f"a wave begins at {later[0]:g} ms, the one before ends at {earlier[1]:g}"
        for earlier, later in pairwise(spans)
        if later[0] + ROUNDING_MS < earlier[1]
    )


def window_holds_all(_: Run, cell: Cell) -> str | None:
    if cell.window_ms is None or not cell.requests:
        return None
    last = max(r.sent_at_ms + r.end_to_end_ms for r in cell.requests)
    if last <= cell.window_ms + 1:
        return None
    return f"a request ends {last:g} ms into a window of {cell.window_ms:g} ms"


def waves_follow(run: Run, cell: Cell) -> str | None:
    """When all streams decode follows from when each did; no more tokens come than there are."""
    requests = _waves(cell)
    if cell.waves and {wave.wave for wave in cell.waves} != set(requests):
        return "waves without requests, or requests without their wave"
    for wave in cell.waves:
        streams = requests[wave.wave]
        opens = max([r.sent_at_ms + r.ttft_ms for r in streams])
        closes = min([r.sent_at_ms + r.ttft_ms + r.decode_ms for r in streams])
        busy_ms = max(0.0, closes - opens)
        # Requests of a wave may be written as sent at one time, though one after another.
        if abs(busy_ms - wave.all_busy_ms) > ROUNDING_MS + 0.001 * busy_ms:
            return f"wave {wave.wave} busy for {wave.all_busy_ms:g} ms, its streams for {busy_ms:g}"
        if wave.all_busy_tokens is None:
            if not run.engine.tells("gaps"):
                continue
            return f"wave {wave.wave} does not say how many tokens came within it"
        at_most = sum([most_within(r, wave.all_busy_ms) for r in streams])
        if wave.all_busy_tokens > at_most:
            return f"wave {wave.wave} has {wave.all_busy_tokens} tokens, its streams {at_most}"
    return None


def most_within(request: Request, window_ms: float) -> int:
    """How many tokens of a stream a window of `window_ms` within its decode can hold at most.

    All but the first and those that the time outside of the window must have brought: one for
    each gap there, of which we suppose as few, and so as long ones, as the percentiles allow. A
    mean rate would not do: while others read their prompts a stream may stall for seconds, and
    catch up when all decode.
    """
    gaps = request.received_tokens - 1
    if gaps < 1:
        return 0
    slack_ms = ROUNDING_MS + 0.001 * gaps
    outside_ms = request.decode_ms - window_ms - slack_ms
    if outside_ms <= 0:
        return request.received_tokens - 1
    needed = counted = 0
    for share, longest_ms in (
        (0.99, request.itl_max_ms),
        (0.95, request.itl_p99_ms),
        (0.50, request.itl_p95_ms),
        (0.00, request.itl_p50_ms),
    ):
        if outside_ms <= 0 or longest_ms is None:
            break
        # Of n sorted gaps, those above the place of a percentile may be longer than it is.
        above = gaps - 1 - floor(share * (gaps - 1)) if share else gaps
        wanted = ceil(outside_ms / longest_ms) if longest_ms else above
        taken = min(above - counted, wanted)
        outside_ms -= taken * longest_ms
        needed, counted = needed + taken, above
    return request.received_tokens - max(1, needed)


_CLIENT = "both are stamps of one clock"
_HARNESS = "the harness asks for it and fails a cell without it"

REQUEST_RULES = (
    CellRule("prompt-first", "TTFT ≥ the server's prompt time", _CLIENT, prompt_before_answer),
    CellRule(
        "ttft-explained",
        f"at one stream, TTFT ≤ {TTFT_TIMES:g} × the server's prompt time + {TTFT_MS:g} ms",
        "1.00 to 1.72 times it and at most 8 ms more in all runs of this checkout; beyond, the "
        "clocks disagree and nothing of the cell is shown",
        ttft_explained,
    ),
    CellRule("end-follows", "TTFT + decode ≤ end to end", _CLIENT, end_follows),
    CellRule("visible", "TTFT ≤ first visible token ≤ end to end", _CLIENT, visible_within),
    CellRule(
        "gaps",
        "p50 ≤ p95 ≤ p99 ≤ longest ≤ decode ≤ longest × gaps; p50 × half of the gaps ≤ decode",
        "the gaps add up to the decode time",
        gaps_make_the_time,
    ),
    CellRule("cold", "no cached tokens; absent only where the engine cannot tell", _HARNESS, cold),
    CellRule(
        "counts",
        "received, hidden ≤ made = the budget; the prompt meets its own; ended by length, or by "
        "itself where the engine knows no fixed one",
        _HARNESS,
        counted,
    ),
    CellRule(
        "server-clock",
        "a server's time beside each of ours; none of an engine that has no clock",
        _HARNESS,
        server_clock,
    ),
    CellRule("copies", "no two requests alike in every time", "microseconds differ", no_copies),
    CellRule(
        "formula",
        f"of {LEAST_REGULAR} requests or more, times that scatter and have thousandths",
        "no clock and no machine is as regular",
        not_by_a_formula,
    ),
    CellRule("streams", "streams 0 to concurrency - 1 in each wave", _HARNESS, streams_complete),
    CellRule("waves-in-turn", "one wave after another", _HARNESS, one_after_another),
    CellRule("window", "window ≥ the last request's end", _CLIENT, window_holds_all),
    CellRule(
        "waves",
        "busy time from the streams' stamps; tokens ≤ all of theirs but those that must have come "
        "outside of it, by their longest gaps",
        "the window is a part of each stream's decode",
        waves_follow,
    ),
)
