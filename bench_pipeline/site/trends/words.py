"""A comparison of two builds in words: the verdict, what it rests on, how they were compiled."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bench_pipeline.site import wording
from bench_pipeline.site.source import Row
from bench_pipeline.warehouse.builds.compiled import features

METRICS = {
    "decode_tok_s": ("faster", "slower"),
    "prefill_tok_s": ("faster", "slower"),
    "ttft_ms": ("sooner", "later"),
}
"""What is judged, in the order of the page, and how a better and a worse one is called."""

Kind = Literal["faster", "slower", "no difference", "undecided", "unjudged"]

UPSTREAM = "https://github.com/ggml-org/llama.cpp"
CAUTION = "Part of this may be how they were compiled"

_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_MINUS = "−"


@dataclass(frozen=True)
class Verdict:
    """One build against an older one."""

    kind: Kind
    words: str
    """`2.3 % slower`, `no difference`."""
    interval: str
    """Of the change, in percent: `1.8 – 2.9 %`; empty where there is none."""
    reason: str
    """Why there is no verdict; empty where there is one."""
    percent: float | None = None
    """The change that a faster or slower one stands for, always above zero."""

    @property
    def text(self) -> str:
        return f"{self.words} ({self.interval})" if self.interval else self.words


def verdict(row: Row, reason: str = "") -> Verdict:
    """Of a row of `build_trends` or `comparisons` that has an older build."""
    kind: Kind = row["verdict"] or "unjudged"
    if kind == "unjudged":
        return Verdict(kind, "not judged", "", reason or "they were measured in different sessions")
    changes = [_change(row[name]) for name in ("ratio", "ratio_lo", "ratio_hi")]
    change, low, high = changes
    if kind in ("faster", "slower") and change is not None:
        words = f"{abs(change):.1f} % {METRICS[row['metric']][kind == 'slower']}"
        interval = ""
        if low is not None and high is not None:
            interval = f"{wording.span(min(abs(low), abs(high)), max(abs(low), abs(high)))} %"
        return Verdict(kind, words, interval, "", abs(change))
    interval = ""
    if low is not None and high is not None:
        interval = f"{_signed(low)} to {_signed(high)} %"
    return Verdict(kind, kind, interval, reason if kind == "undecided" else "")


def tally(metric: str, verdicts: Iterable[Verdict]) -> str:
    """Many of one metric in a line: `9 faster by 1.2 – 12.1 %, 2 undecided`."""
    better, worse = METRICS[metric]
    called = {"faster": better, "slower": worse, "no difference": "no difference"}
    called |= {"undecided": "undecided", "unjudged": "not judged"}
    by_kind: dict[str, list[Verdict]] = {kind: [] for kind in called}
    for each in verdicts:
        by_kind[each.kind].append(each)
    parts = []
    for kind, found in by_kind.items():
        percents = [each.percent for each in found if each.percent is not None]
        by = f" by {wording.span(min(percents), max(percents))} %" if percents else ""
        parts += [f"{len(found):,} {called[kind]}{by}"] if found else []
    return ", ".join(parts)


def _change(ratio: float | None) -> float | None:
    return None if ratio is None else (ratio - 1) * 100


def _signed(change: float) -> str:
    """With a sign, but none for what rounds to nothing."""
    digits = f"{abs(change):.1f}"
    return digits if float(digits) == 0 else f"{_MINUS if change < 0 else '+'}{digits}"


def compiled(before: Row | None, row: Row) -> str:
    """What sets a build's compilation apart from the one before, or all that is known of it."""
    if row["compile_difference"]:
        return str(row["compile_difference"])
    if before and before["system_info"] and row["system_info"]:
        return f"as {before['build']}"
    named = features(row["system_info"] or "")
    words = [name if value == "1" else f"{name} {value}" for name, value in named.items()]
    return ", ".join(words) or "not recorded"


def caution(row: Row) -> str:
    """What a verdict must not keep back; empty where both were compiled alike."""
    return f"{CAUTION}: {row['compile_difference']}" if row["compile_difference"] else ""


def commit_href(row: Row) -> str:
    """Upstream's page of the commit; empty where the build is no commit of llama.cpp's."""
    return f"{UPSTREAM}/commit/{row['commit']}" if _is_upstream(row) else ""


def changes_href(before: Row, after: Row) -> str:
    """Upstream's list of what changed between two builds; empty unless both commits are known."""
    if not (_is_upstream(before) and _is_upstream(after)) or before["commit"] == after["commit"]:
        return ""
    return f"{UPSTREAM}/compare/{before['commit']}...{after['commit']}"


def _is_upstream(row: Row) -> bool:
    return row["engine"] == "llama.cpp" and bool(_COMMIT.fullmatch(row["commit"] or ""))
