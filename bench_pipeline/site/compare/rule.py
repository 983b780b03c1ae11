"""What may be said of two figures side by side: the one home of that rule.

Two builds measured in turns within one session have a verdict, which the warehouse judged from
the turns. Everything else was measured at another time, and perhaps on another machine: there
the two medians stand side by side, and can be told apart or not by their intervals. Which of
the two is better is never said there.
"""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal[
    "faster",
    "slower",
    "no difference",
    "undecided",
    "separable",
    "not separable",
    "no interval",
    "not judged",
]

MEANINGS: dict[Verdict, str] = {
    "faster": "judged within one session: B is faster than A, beyond the floor and the noise",
    "slower": "judged within one session: B is slower than A, beyond the floor and the noise",
    "no difference": "judged within one session: nothing beyond the floor, and known well",
    "undecided": "judged within one session: the noise is too large to say",
    "separable": "the two 95 % intervals do not overlap",
    "not separable": "the two 95 % intervals overlap",
    "no interval": "one of the two has no interval, so nothing can be told apart",
    "not judged": "one of the two at least is from elsewhere, and nothing here measured it",
}

BY_TURNS = "by turns next to each other; the medians are of the whole session"
"""Why a judged change is not that of the two medians beside it."""

JUDGED_VERDICTS = ("faster", "slower", "no difference", "undecided")
"""Those that only the warehouse gives."""

_TURNED: dict[str, Verdict] = {"faster": "slower", "slower": "faster"}


@dataclass(frozen=True)
class Value:
    """A median as it is written, and as it is computed with."""

    text: str
    interval: str
    """Empty where there is none."""
    value: float
    lo: float | None = None
    hi: float | None = None


@dataclass(frozen=True)
class Judgement:
    """The warehouse's verdict on one metric of one cell: the newer build against the older."""

    verdict: Verdict
    ratio: float
    lo: float | None
    hi: float | None
    reason: str = ""

    def turned(self) -> "Judgement":
        """The older build against the newer."""
        lo = 1 / self.hi if self.hi else None
        hi = 1 / self.lo if self.lo else None
        verdict = _TURNED.get(self.verdict, self.verdict)
        return Judgement(verdict, 1 / self.ratio, lo, hi, self.reason)


@dataclass(frozen=True)
class Outcome:
    """B against A."""

    ratio: float | None
    """None where A is zero."""
    verdict: Verdict
    interval: str = ""
    """Of the change; only judged ones have one."""
    reason: str = ""

    @property
    def change(self) -> str:
        """`+4.5 %`, or `×3.20` where it is twofold or more."""
        return "" if self.ratio is None else change(self.ratio)

    @property
    def judged(self) -> bool:
        return self.verdict in JUDGED_VERDICTS


def outcome(a: Value, b: Value, judged: Judgement | None, *, elsewhere: bool = False) -> Outcome:
    """`judged`: of B against A, where they were measured in turns; `elsewhere`: whether one of them
    at least was not measured here."""
    if judged:
        interval = ""
        if judged.lo is not None and judged.hi is not None:
            interval = f"{change(judged.lo)} to {change(judged.hi)}"
        reasons = [judged.reason, *([] if _of_medians(a, b, judged) else [BY_TURNS])]
        return Outcome(judged.ratio, judged.verdict, interval, "; ".join(filter(None, reasons)))
    said: Verdict = "not judged" if elsewhere else told_apart(a, b)
    return Outcome(b.value / a.value if a.value else None, said)


def _of_medians(a: Value, b: Value, judged: Judgement) -> bool:
    """Whether the change that is read off the two medians lies in the judged one's interval."""
    if judged.lo is None or judged.hi is None or not a.value:
        return True
    return judged.lo <= b.value / a.value <= judged.hi


def told_apart(a: Value, b: Value) -> Verdict:
    if a.lo is None or a.hi is None or b.lo is None or b.hi is None:
        return "no interval"
    return "separable" if a.hi < b.lo or b.hi < a.lo else "not separable"


def change(ratio: float) -> str:
    """`+4.5 %` or `−4.5 %`; `×3.20` from twofold on, `×0.31` down from half."""
    if not 0.5 < ratio < 2:
        return f"×{ratio:.2f}"
    percent = f"{abs(ratio - 1) * 100:.1f}"
    sign = "" if float(percent) == 0 else "+" if ratio > 1 else "−"
    return f"{sign}{percent} %"
