"""Speed and TTFT by length of the prompt: a run's curve as a table and small charts, and the tests
of the bare engine beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log1p

from bench_pipeline.site import wording
from bench_pipeline.site.charts.panels import Frame, Layer, Mark
from bench_pipeline.site.source import Row

_LINEAR_UP_TO = 128
"""Tokens: below it lengths are drawn to scale, above by their logarithm; an empty context has
a place so."""


_SPEEDS = ("prefill", "decode")
_HEAD = ("length", "n")
"""What stands in the table before the columns of a curve."""


@dataclass(frozen=True)
class Value:
    """One figure with what belongs under it: its interval, or a share."""

    text: str
    under: str = ""


@dataclass(frozen=True)
class CurveRow:
    depth_tokens: int
    n: int | None
    values: tuple[Value, ...]
    """In the order of the curve's `columns`."""
    failure: str
    """Why the point has no figures; empty where it has."""


@dataclass(frozen=True)
class Point:
    depth_tokens: int
    value: float
    lo: float | None = None
    hi: float | None = None


@dataclass(frozen=True)
class Panel:
    """One small chart: the server's points, and as rings what they are to be compared with."""

    id: str
    title: str
    unit: str
    points: tuple[Point, ...]
    """From the shortest prompt to the longest."""
    rings: tuple[Point, ...]
    rings_are: str
    """`without a server`, `with the prompt cached`."""
    cells: tuple[int, ...]
    """Places of its figures in a row of the table, from 0."""

    @property
    def finding(self) -> str:
        """The chart in one sentence: what a screen reader gets instead of the drawing."""
        ends = [self.points[0], self.points[-1]] if len(self.points) > 1 else [*self.points]
        words = [f"{p.value:,.1f} {self.unit} at {p.depth_tokens:,} tokens" for p in ends]
        return f"{self.title} by length of the prompt: {', '.join(words)}."


@dataclass(frozen=True)
class Curve:
    columns: tuple[str, ...]
    """Keys of definitions."""
    rows: tuple[CurveRow, ...]
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class BareRow:
    """One test of the bare engine."""

    what: str
    n: int | None
    tok_s: str
    interval: str
    """Whether it is a median, and its interval, or a mean, and its deviation."""
    also: str
    """Keys of an imported test that nobody knows here."""


def curve_of(run_id: str, points: list[Row], tests: list[Row]) -> Curve | None:
    """None for a run without one. `points` of `curve_points`, `tests` of `bare_tests`."""
    if not points:
        return None
    points = sorted(points, key=lambda point: point["depth_tokens"])
    shares = any(_has_share(point) for point in points)
    share = ("server_share",) if shares else ()
    columns = ("prefill_tok_s", *share, "decode_tok_s", *share, "ttft_ms", "cached_ttft_ms")
    bare = {kind: _bare_points(kind, points, tests) for kind in _SPEEDS}
    ttft = Panel(
        id=f"curve-{run_id}-ttft",
        title="TTFT",
        unit="ms",
        points=_points(points, "ttft_ms"),
        rings=_points(points, "cached_ttft_ms"),
        rings_are="with the prompt cached",
        cells=_cells(columns, "ttft_ms", "cached_ttft_ms"),
    )
    speeds = (
        Panel(
            id=f"curve-{run_id}-{kind}",
            title=kind.capitalize(),
            unit="tok/s",
            points=_points(points, f"{kind}_tok_s"),
            rings=tuple(bare[kind].values()),
            rings_are="without a server",
            cells=_cells(columns, f"{kind}_tok_s", *share),
        )
        for kind in _SPEEDS
    )
    return Curve(
        columns=columns,
        rows=tuple(_row(point, bare, shares) for point in points),
        panels=tuple(panel for panel in (*speeds, ttft) if panel.points),
    )


def _cells(columns: Sequence[str], first: str, *following: str) -> tuple[int, ...]:
    """Length, the figure and what stands behind it, repetitions."""
    place = len(_HEAD) + columns.index(first)
    return (0, *range(place, place + 1 + len(following)), 1)


def _has_share(point: Row) -> bool:
    return (point["server_prefill_share"] or point["server_decode_share"]) is not None


def _row(point: Row, bare: Mapping[str, Mapping[int, Point]], shares: bool) -> CurveRow:
    reused = None
    if point["cached_share"] is not None:
        reused = f"{wording.percent(point['cached_share'])} reused"
        if point["cached_ttft_ms"] is None:
            reused = "nothing reused"
    values = []
    for kind in _SPEEDS:
        values.append(_figure(point, f"{kind}_tok_s"))
        if shares:
            values.append(_share(point, kind, bare[kind].get(point["depth_tokens"])))
    values.append(_figure(point, "ttft_ms"))
    cached = _figure(point, "cached_ttft_ms")
    values.append(Value(cached.text, reused or cached.under))
    failure = ""
    if point["failure_kind"]:
        failure = f"{wording.failure(point['failure_kind'])}: {point['failure_message']}"
    return CurveRow(point["depth_tokens"], point["n"], tuple(values), failure)


def _figure(row: Row, name: str) -> Value:
    return Value(wording.decimal(row[name]), wording.span(row[f"{name}_lo"], row[f"{name}_hi"]))


def _share(row: Row, kind: str, whole: Point | None) -> Value:
    name = f"server_{kind}_share"
    parts = [wording.percent_span(row[f"{name}_lo"], row[f"{name}_hi"])]
    parts += [f"of {wording.decimal(whole.value)}"] if whole else []
    return Value(wording.percent(row[name]), " ".join(part for part in parts if part))


def _bare_points(kind: str, points: list[Row], tests: list[Row]) -> dict[int, Point]:
    """The bare engine's speed by those lengths that are on the curve, short before long."""
    lengths = {point["depth_tokens"] for point in points}
    found = {
        length: Point(length, test["tok_s"], test["tok_s_lo"], test["tok_s_hi"])
        for test in tests
        if (length := _length_of(test)) is not None
        and length in lengths
        and test["kind"] == kind
        and test["tok_s"] is not None
    }
    return dict(sorted(found.items()))


def _points(rows: list[Row], name: str) -> tuple[Point, ...]:
    return tuple(
        Point(row["depth_tokens"], row[name], row[f"{name}_lo"], row[f"{name}_hi"])
        for row in rows
        if row[name] is not None
    )


def _length_of(test: Row) -> int | None:
    """The length on a curve that a test is to be compared with; None if there is none."""
    if test["kind"] == "prefill" and test["depth_tokens"]:
        return None
    length: int = test["prompt_tokens"] if test["kind"] == "prefill" else test["depth_tokens"]
    return length


def bare_rows(tests: list[Row]) -> tuple[BareRow, ...]:
    """Prefill before decode, short before long."""
    order = {"prefill": 0, "decode": 1, "mixed": 2}
    keys = ("depth_tokens", "prompt_tokens", "output_tokens")
    tests = sorted(tests, key=lambda t: (order[t["kind"]], *(t[key] for key in keys)))
    return tuple(
        BareRow(
            what=_what(test),
            n=test["n"],
            tok_s=wording.rate(test["tok_s"]),
            interval=_beside(test),
            also=", ".join(f"{k} {v}" for k, v in json.loads(test["also_json"] or "{}").items()),
        )
        for test in tests
    )


def _beside(test: Row) -> str:
    if test["statistic"] != "mean":
        places = wording.rate_places(test["tok_s"])
        interval = wording.span(test["tok_s_lo"], test["tok_s_hi"], places)
        return ", ".join(filter(None, ("median" if test["n"] else "", interval)))
    spread = "" if test["tok_s_sd"] is None else f" ± {wording.deviation(test['tok_s_sd'])}"
    return f"mean{spread}, no samples"


def _what(test: Row) -> str:
    prompt, output = (f"{test[f'{part}_tokens']:,}" for part in ("prompt", "output"))
    words = {
        "prefill": f"Prefill of {prompt} tokens",
        "decode": f"Decode of {output} tokens",
        "mixed": f"Prefill of {prompt} and decode of {output} tokens together",
    }[test["kind"]]
    after = f" after {test['depth_tokens']:,}" if test["depth_tokens"] else ""
    return f"{words}{after}"


def draw(panel: Panel) -> str:
    """The panel as an `<svg>` element; each mark carries its prompt length as `data-row`.

    A line through the medians with their intervals, from 0.
    """

    def marks(points: Sequence[Point]) -> list[Mark]:
        return [Mark(str(p.depth_tokens), p.depth_tokens, p.value, p.lo, p.hi) for p in points]

    points = marks(panel.points)
    layers = [Layer("points", points, "var(--bar)", "circle", 36, of_intervals="var(--ink)")]
    if panel.rings:
        rings = [
            Mark(str(ring.depth_tokens), ring.depth_tokens, ring.value) for ring in panel.rings
        ]
        layers.append(
            Layer("rings", rings, "var(--ink-2)", "circle", 44, joined=False, filled=False)
        )
    lengths = sorted({point.depth_tokens for point in (*panel.points, *panel.rings)})
    return _FRAME.draw(
        layers,
        places=lengths,
        ends=(lengths[0], lengths[-1]) if len(lengths) > 1 else (0, 2 * lengths[0] or 1),
        id=panel.id,
        finding=panel.finding,
    )


def _along(length: float) -> float:
    """d3-scale's symmetric logarithm."""
    return log1p(length / _LINEAR_UP_TO)


_FRAME = Frame("prompt, tokens", ",d", _along, height_px=150, top_px=8, inset_px=8)
