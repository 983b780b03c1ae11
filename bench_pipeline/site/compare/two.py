"""Two configurations side by side: every figure that both could have, and what sets them apart."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from bench_pipeline.site import wording
from bench_pipeline.site.compare.address import at_streams, compare_href
from bench_pipeline.site.compare.conclusions import conclusions
from bench_pipeline.site.compare.configurations import (
    ELSEWHERE,
    METRICS,
    SERVED,
    Catalogue,
    CompareCell,
    Configuration,
    Outline,
    Place,
    Session,
)
from bench_pipeline.site.compare.facts import Difference, differences
from bench_pipeline.site.compare.rule import MEANINGS, Judgement, Outcome, change, outcome

Basis = Literal["session", "same-run", "unlike", "alone", "elsewhere", "builds", "apart"]

BASES: dict[Basis, str] = {
    "session": "Both builds were measured in turns within one session, on the same machine at the "
    "same mean time, so the verdicts on decode, prefill and TTFT are about the builds. Each is the "
    "ratio over the session's turns with its 95 % interval; the other figures are medians of the "
    "same session.",
    "same-run": "Both were measured in the same run.",
    "unlike": "One was served, the other's figures are of the engine without a server, or as "
    "another program printed them: sampling, HTTP and waiting are in the one and may not be in the "
    "other. So no figure of one stands beside one of the other, and nothing is judged.",
    "alone": "Both are from elsewhere, of the engine without a server or as printed: nobody "
    "measured them here, so nothing is judged. Figures of equal lengths stand side by side, each "
    "with what it is: a median and of how many, a mean with its deviation and no samples. Settings "
    "that differ are listed below.",
    "elsewhere": "At least one of them is taken from elsewhere as printed: no samples stand behind "
    "it, so nothing is judged.",
    "builds": "These builds were measured in different sessions: whatever else changed on that "
    "machine in between is in the differences too. So there is no verdict on the builds here, "
    "faster or slower, only whether the two intervals overlap.",
    "apart": "Measured in different sessions. Each median stands with its 95 % interval; separable "
    "means that the two intervals do not overlap.",
}
"""On what footing two configurations are compared."""

UNLIKE: tuple[Basis, ...] = ("unlike", "alone")
"""No server is compared with another: of engines nothing is concluded."""

_Pair = tuple[CompareCell | None, CompareCell | None, dict[str, Judgement]]

BUILD_FACTS = (
    *("Build", "Commit", "Engine from", "Binary SHA-256"),
    *("Compiled for", "Measured", "Profile"),
    *("Clocks", "Several streams", "Length of replies"),
)
"""What differs between two builds of one engine, all else being equal."""


@dataclass(frozen=True)
class Side:
    configuration: Outline
    streams: int | None = None
    """Its cells at this concurrency only; None for all of them."""

    @property
    def id(self) -> str:
        own = self.configuration.id
        return own if self.streams is None else at_streams(own, self.streams)

    @property
    def parts(self) -> tuple[str, ...]:
        """All but the model, in words."""
        own = self.configuration.parts
        return own if self.streams is None else (*own, wording.counted(self.streams, "stream"))


@dataclass(frozen=True)
class Line:
    """One workload's figure on both sides."""

    workload: str
    """Its title."""
    a: CompareCell | None
    b: CompareCell | None
    outcome: Outcome | None
    """None where one of the two is missing."""


@dataclass(frozen=True)
class ComparedMetric:
    metric: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Section:
    title: str
    metrics: tuple[ComparedMetric, ...]


@dataclass(frozen=True)
class Pair:
    """Two sides, named but not yet compared."""

    a: Side
    b: Side

    @property
    def href(self) -> str:
        return compare_href(self.a.id, self.b.id)

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.a.id} {self.b.id}".encode()).hexdigest()[:10]

    @property
    def title(self) -> str:
        names = dict.fromkeys((self.a.configuration.name, self.b.configuration.name))
        return " and ".join(names)

    @property
    def contrast(self) -> str:
        """`CUDA b11434 against Vulkan b11434, RTX 5070 · 250 W`; only what is not the model."""
        own = [part for part in self.a.parts if part not in self.b.parts]
        other = [part for part in self.b.parts if part not in self.a.parts]
        both = " · ".join(part for part in self.a.parts if part in self.b.parts)
        against = f"{' · '.join(own)} against {' · '.join(other)}" if own or other else ""
        return ", ".join(filter(None, (against, both)))


@dataclass(frozen=True)
class Comparison(Pair):
    run_a: str
    run_b: str
    basis: Basis
    compiled: str
    """How two builds of one session were compiled differently; else empty."""
    engines: str
    """`llama.cpp b10434 and vllm 0.32.0`"""
    conclusions: tuple[str, ...]
    """What two engines allow to be concluded; else empty."""
    finding: str
    """Decode in one sentence."""
    differ: tuple[Difference, ...]
    same: tuple[str, ...]
    sections: tuple[Section, ...]
    """Concurrencies at which both have a cell."""
    alone: str
    """Those at which only one has; empty where there are none."""

    @property
    def lines(self) -> int:
        return sum(len(metric.lines) for section in self.sections for metric in section.metrics)


def compare(known: Catalogue, a: Side, b: Side) -> Comparison:
    """B against A."""
    sides = known.by_id[a.configuration.id], known.by_id[b.configuration.id]
    ends = a.configuration.id, b.configuration.id
    turned = ends not in known.sessions
    session = known.sessions.get(ends) or known.sessions.get((ends[1], ends[0]))
    runs = a.configuration.run, b.configuration.run
    if session:
        runs = session.run_before, session.run_after
        runs = (runs[1], runs[0]) if turned else runs
    sections = _sections(known, a, b, sides, session, turned)
    facts = known.facts[runs[0]], known.facts[runs[1]]
    differ, same = differences(*facts)
    basis = _basis(a, b, sections, differ)
    return Comparison(
        a=a,
        b=b,
        run_a=runs[0],
        run_b=runs[1],
        basis=basis,
        compiled=session.compiled if session else "",
        engines=" and ".join(f"{fact['Engine']} {fact['Build']}" for fact in facts),
        conclusions=() if basis in UNLIKE else conclusions(*facts),
        finding=_finding(sections),
        differ=differ,
        same=same,
        sections=sections,
        alone=_alone(a, b),
    )


def _sections(
    known: Catalogue,
    a: Side,
    b: Side,
    sides: tuple[Configuration, Configuration],
    session: Session | None,
    turned: bool,
) -> tuple[Section, ...]:
    found, elsewhere = [], _elsewhere(a, b)
    for streams in _streams(a, b):
        pairs = {}
        for workload in known.works:
            places = (workload, streams[0]), (workload, streams[1])
            pairs[workload] = _pair(sides, places, session, turned)
        if not all(any(pair[place] for pair in pairs.values()) for place in (0, 1)):
            continue
        metrics = []
        for metric in METRICS:
            lines = []
            for workload, (mine, theirs, judgements) in pairs.items():
                value_a = mine.values.get(metric) if mine else None
                value_b = theirs.values.get(metric) if theirs else None
                told = None
                if value_a and value_b:
                    judged = judgements.get(metric)
                    told = outcome(value_a, value_b, judged, elsewhere=elsewhere)
                reasons = metric == "decode_tok_s" and (mine or theirs)
                either = streams != (ELSEWHERE, ELSEWHERE) and (value_a or value_b or reasons)
                if told or either:
                    lines.append(Line(known.works[workload], mine, theirs, told))
            if lines:
                metrics.append(ComparedMetric(metric, tuple(lines)))
        if metrics:
            found.append(Section(_title(*streams), tuple(metrics)))
    return tuple(found)


def _streams(a: Side, b: Side) -> list[tuple[int, int]]:
    """The concurrencies that are set side by side, A's and B's."""
    if a.streams is None and b.streams is None:
        either = {*a.configuration.concurrencies, *b.configuration.concurrencies}
        if a.configuration.shapes or b.configuration.shapes:
            either.add(ELSEWHERE)
        return [(streams, streams) for streams in sorted(either)]
    one = a.streams or b.streams or 0
    return [(a.streams or one, b.streams or one)]


def _alone(a: Side, b: Side) -> str:
    """`Only A was measured at 4 and 8 streams.`"""
    sentences = []
    for letter, place in (("A", 0), ("B", 1)):
        own = []
        for pair in _streams(a, b):
            has = [pair[n] in side.configuration.concurrencies for n, side in enumerate((a, b))]
            if has[place] and not has[1 - place]:
                own.append(str(pair[place]))
        if own:
            streams = "stream" if own == ["1"] else "streams"
            sentences.append(f"Only {letter} was measured at {wording.listed(own)} {streams}.")
    return " ".join(sentences)


def _pair(
    sides: tuple[Configuration, Configuration],
    places: tuple[Place, Place],
    session: Session | None,
    turned: bool,
) -> _Pair:
    cell = session.cells.get(places[0]) if session and places[0] == places[1] else None
    if cell is None:
        return sides[0].cells.get(places[0]), sides[1].cells.get(places[1]), {}
    if turned:
        return cell.after, cell.before, {m: j.turned() for m, j in cell.judgements.items()}
    return cell.before, cell.after, cell.judgements


def _title(a: int, b: int) -> str:
    if a == b == ELSEWHERE:
        return "Without a server, or as printed"
    if a == b:
        return f"At {wording.counted(a, 'stream')}"
    return f"{wording.counted(a, 'stream')} (A) against {wording.counted(b, 'stream')} (B)"


def _basis(
    a: Side,
    b: Side,
    sections: tuple[Section, ...],
    differ: tuple[Difference, ...],
) -> Basis:
    lines = [line for s in sections for metric in s.metrics for line in metric.lines]
    if any(line.outcome and line.outcome.judged for line in lines):
        return "session"
    served = [side.configuration.kind == SERVED for side in (a, b)]
    if _elsewhere(a, b):
        return "elsewhere" if all(served) else "unlike" if any(served) else "alone"
    cells = [cell for line in lines for cell in (line.a, line.b) if cell]
    if len({cell.key.partition("/")[0] for cell in cells}) == 1:
        return "same-run"
    facts = {difference.fact for difference in differ}
    return "builds" if "Build" in facts and facts.issubset(BUILD_FACTS) else "apart"


def _elsewhere(a: Side, b: Side) -> bool:
    """Whether one of them at least was not measured here."""
    return any(side.configuration.row["provenance"] != "measured" for side in (a, b))


_TOLD_OF = {"decode_tok_s": "Decode", "prefill_tok_s": "Prefill"}


def _finding(sections: tuple[Section, ...]) -> str:
    """`Decode, B against A: −4.1 % to +0.3 % over 8 cells (5 separable, 3 not separable).`; of
    prefill where they share no decode rate."""
    for metric, name in _TOLD_OF.items():
        if any(told.ratio is not None for told in _outcomes(sections, metric)):
            return _said(name, _outcomes(sections, metric))
    return "They share no cell in which both have a decode rate."


def _outcomes(sections: tuple[Section, ...], of: str) -> list[Outcome]:
    return [
        line.outcome
        for section in sections
        for metric in section.metrics
        for line in metric.lines
        if metric.metric == of and line.outcome
    ]


def _said(name: str, outcomes: list[Outcome]) -> str:
    ratios = [told.ratio for told in outcomes if told.ratio is not None]
    ends = dict.fromkeys((change(min(ratios)), change(max(ratios))))
    counts = Counter(told.verdict for told in outcomes)
    verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in MEANINGS if counts[verdict])
    cells = wording.counted(len(outcomes), "cell")
    return f"{name}, B against A: {' to '.join(ends)} over {cells} ({verdicts})."
