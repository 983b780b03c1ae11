"""Speed and TTFT by length of the prompt: a run's curve as a table and small charts, and the tests
of the bare engine beside it.

One width serves all pages: a panel is as wide as a phone's column, and two stand side by side
where there is room. vl_convert must not be used after a fork; see `charts`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bench_pipeline.site import svg, wording
from bench_pipeline.site.source import Row

if TYPE_CHECKING:
    import altair

WIDTH_PX, HEIGHT_PX = 288, 150
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 44, 14, 8, 38
"""Room for the axes; the drawing is exactly as wide as designed, whatever its labels measure."""

_PLOT_PX = WIDTH_PX - _LEFT_PX - _RIGHT_PX
_INSET_PX = 8
"""So that no point lies on an axis."""

_LINEAR_UP_TO = 128
"""Tokens: below it lengths are drawn to scale, above by their logarithm; an empty context has
a place so."""


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


def curve_of(run_id: str, points: list[Row], tests: list[Row]) -> Curve | None:
    """None for a run without one. `points` of `curve_points`, `tests` of `bare_tests`."""
    if not points:
        return None
    points = sorted(points, key=lambda point: point["depth_tokens"])
    shares = any(_has_share(point) for point in points)
    columns = ("prefill_tok_s", *(["server_share"] if shares else []))
    columns += ("decode_tok_s", *(["server_share"] if shares else []), "ttft_ms", "cached_ttft_ms")
    panels = (
        _speeds(run_id, "prefill", points, tests),
        _speeds(run_id, "decode", points, tests),
        Panel(
            id=f"curve-{run_id}-ttft",
            title="TTFT",
            unit="ms",
            points=_points(points, "ttft_ms"),
            rings=_points(points, "cached_ttft_ms"),
            rings_are="with the prompt cached",
        ),
    )
    return Curve(
        columns=columns,
        rows=tuple(_row(point, shares) for point in points),
        panels=tuple(panel for panel in panels if panel.points),
    )


def _has_share(point: Row) -> bool:
    return (point["server_prefill_share"] or point["server_decode_share"]) is not None


def _row(point: Row, shares: bool) -> CurveRow:
    reused = None
    if point["cached_share"] is not None:
        reused = f"{wording.percent(point['cached_share'])} reused"
        if point["cached_ttft_ms"] is None:
            reused = "nothing reused"
    values = []
    for metric in ("prefill", "decode"):
        values.append(_figure(point, f"{metric}_tok_s"))
        if shares:
            values.append(_share(point, f"server_{metric}_share"))
    values.append(_figure(point, "ttft_ms"))
    cached = _figure(point, "cached_ttft_ms")
    values.append(Value(cached.text, reused or cached.under))
    failure = ""
    if point["failure_kind"]:
        failure = f"{wording.failure(point['failure_kind'])}: {point['failure_message']}"
    return CurveRow(point["depth_tokens"], point["n"], tuple(values), failure)


def _figure(row: Row, name: str) -> Value:
    return Value(wording.decimal(row[name]), wording.span(row[f"{name}_lo"], row[f"{name}_hi"]))


def _share(row: Row, name: str) -> Value:
    ends = row[f"{name}_lo"], row[f"{name}_hi"]
    return Value(wording.percent(row[name]), wording.percent_span(*ends))


def _speeds(
    run_id: str, kind: Literal["prefill", "decode"], points: list[Row], tests: list[Row]
) -> Panel:
    lengths = {point["depth_tokens"] for point in points}
    bare = [
        Point(length, test["tok_s"], test["tok_s_lo"], test["tok_s_hi"])
        for test in tests
        if (length := _length_of(test)) is not None
        and length in lengths
        and test["kind"] == kind
        and test["tok_s"] is not None
    ]
    return Panel(
        id=f"curve-{run_id}-{kind}",
        title=kind.capitalize(),
        unit="tok/s",
        points=_points(points, f"{kind}_tok_s"),
        rings=tuple(sorted(bare, key=lambda point: point.depth_tokens)),
        rings_are="without a server",
    )


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
            tok_s=wording.decimal(test["tok_s"]),
            interval=wording.span(test["tok_s_lo"], test["tok_s_hi"]),
        )
        for test in tests
    )


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
    """The panel as an `<svg>` element; each mark carries its prompt length as `data-row`."""
    import vl_convert

    lengths = [str(point.depth_tokens) for point in panel.points]
    known = [str(point.depth_tokens) for point in panel.points if point.lo is not None]
    return svg.tidy(
        vl_convert.vegalite_to_svg(specification(panel).to_dict()),
        label=panel.id,
        title=panel.finding,
        kind="panel",
        marks={
            "points": lengths,
            "intervals": known,
            "rings": [str(point.depth_tokens) for point in panel.rings],
        },
    )


def specification(panel: Panel) -> "altair.LayerChart":
    """A line through the medians with their intervals, from 0."""
    import altair as alt

    def values(points: tuple[Point, ...]) -> list[dict[str, Any]]:
        return [{"at": p.depth_tokens, "y": p.value, "lo": p.lo, "hi": p.hi} for p in points]

    shown = [*panel.points, *panel.rings]
    highest = max(max(point.value, point.hi or 0) for point in shown)
    lengths = sorted({point.depth_tokens for point in shown})
    scale = alt.Scale(
        type="symlog",
        constant=_LINEAR_UP_TO,
        domain=[lengths[0], lengths[-1]] if len(lengths) > 1 else [0, 2 * lengths[0] or 1],
        range=[_INSET_PX, _PLOT_PX - _INSET_PX],
        nice=False,
        zero=False,
    )
    x = alt.X(
        "at:Q",
        scale=scale,
        axis=alt.Axis(
            title="prompt, tokens",
            values=lengths,
            format=",d",
            labelOverlap=True,
            labelFlush=False,
            grid=False,
        ),
    )
    heights = alt.Scale(domain=[0, highest * 1.04], nice=False)
    axis = alt.Axis(title=None, tickCount=4, labelExpr=svg.THOUSANDS)

    def y(field: str) -> alt.Y:
        return alt.Y(field, type="quantitative", scale=heights, axis=axis)

    server = alt.Chart(alt.InlineData(values=values(panel.points)))
    compared = alt.Chart(alt.InlineData(values=values(panel.rings)))
    line = server.mark_line(stroke="var(--bar)", strokeWidth=1.5).encode(x=x, y=y("y"))
    rules = (
        server.transform_filter("isValid(datum.lo)")
        .mark_rule(stroke="var(--ink)", strokeWidth=2)
        .encode(x=x, y=y("lo"), y2="hi:Q")
    )
    points = server.mark_point(
        filled=True, size=36, fill="var(--bar)", stroke="var(--bar)", opacity=1
    ).encode(x=x, y=y("y"))
    rings = compared.mark_point(
        filled=False, size=44, stroke="var(--ink-2)", strokeWidth=1.5, opacity=1
    ).encode(x=x, y=y("y"))
    layers = {"lines": line, "intervals": rules, "points": points}
    layers |= {"rings": rings} if panel.rings else {}
    padding = {"left": _LEFT_PX, "right": _RIGHT_PX, "top": _TOP_PX, "bottom": _BOTTOM_PX}
    return svg.themed(
        alt.LayerChart(
            layer=[layer.properties(name=name) for name, layer in layers.items()],
            width=_PLOT_PX,
            height=HEIGHT_PX,
            autosize="none",
            padding=padding,
        )
    )
