"""A conversation of a run: turn by turn as a table, and as small charts of what each turn made a
reader wait and what of its prompt was computed."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench_pipeline.site import wording
from bench_pipeline.site.charts.curves import Value
from bench_pipeline.site.charts.panels import Frame, Layer, Mark
from bench_pipeline.site.source import Row

COLUMNS = (
    *("prompt_tokens", "cached_tokens", "cold_tokens"),
    *("ttft_ms", "cold_prefill_tok_s", "decode_tok_s"),
)
_HEAD = 3
"""Turn, who came in, repetitions: what stands in the table before these."""
_FRAME = Frame("turn", "d", float, height_px=150, top_px=8, inset_px=10)
_CAME = {"user": "user", "results": "results of calls"}
_MARKS = {"short": "computed again what it had", "untold": "reuse not told"}


@dataclass(frozen=True)
class Point:
    turn: int
    """From 1."""
    value: float
    lo: float | None = None
    hi: float | None = None


@dataclass(frozen=True)
class Panel:
    id: str
    title: str
    unit: str
    points: tuple[Point, ...]
    rings: tuple[Point, ...]
    rings_are: str
    cells: tuple[int, ...]
    """Places of its figures in a row of the table, from 0."""

    @property
    def finding(self) -> str:
        """The chart in one sentence: what a screen reader gets instead of the drawing."""
        ends = [self.points[0], self.points[-1]] if len(self.points) > 1 else [*self.points]
        words = [f"{p.value:,.0f} {self.unit} in turn {p.turn}" for p in ends]
        return f"{self.title} by turn: {', '.join(words)}."


@dataclass(frozen=True)
class TurnRow:
    turn: int
    came: str
    n: int | None
    values: tuple[Value, ...]
    """In the order of `COLUMNS`."""
    note: str
    """Why nothing of it was cached; else empty."""
    mark: str
    """What of its cached part is not as it should be."""


@dataclass(frozen=True)
class Conversation:
    slug: str
    title: str
    summary: str
    """`11.9 s in all (11.8 – 12.1), ...`; empty where it failed."""
    failure: str
    rows: tuple[TurnRow, ...]
    panels: tuple[Panel, ...]


def conversations_of(wholes: Sequence[Row], turns: Sequence[Row]) -> tuple[Conversation, ...]:
    """Of one run; rows of `conversations` and of `conversation_turns`."""
    return tuple(
        _conversation(whole, [t for t in turns if t["conversation"] == whole["conversation"]])
        for whole in wholes
    )


def _conversation(whole: Row, turns: list[Row]) -> Conversation:
    turns = sorted(turns, key=lambda turn: turn["turn"])
    failure = ""
    if whole["failure_kind"]:
        failure = f"{wording.failure(whole['failure_kind'])}: {whole['failure_message']}"
    return Conversation(
        slug=whole["conversation"],
        title=whole["title"],
        summary=_summary(whole),
        failure=failure,
        rows=tuple(_row(turn) for turn in turns),
        panels=_panels(whole, turns),
    )


def _summary(whole: Row) -> str:
    if whole["trace_ms"] is None:
        return ""
    parts = [f"{_seconds(whole, 'trace_ms')} for all {whole['turns']} turns"]
    if whole["waiting_ms"] is not None:
        parts.append(f"{_seconds(whole, 'waiting_ms')} of it until the replies began")
    if whole["reused_share"] is not None:
        parts.append(
            f"{wording.percent(whole['reused_share'])} of {whole['sent_tokens']:,.0f} prompt tokens"
            " reused"
        )
    return f"{', '.join(parts)}; played {wording.counted(whole['n'], 'time')}."


def _seconds(row: Row, name: str) -> str:
    value, low, high = (row[key] for key in (name, f"{name}_lo", f"{name}_hi"))
    words = f"{wording.decimal(value / 1000)} s"
    if low is None or high is None:
        return words
    return f"{words} ({wording.span(low / 1000, high / 1000)})"


def _row(turn: Row) -> TurnRow:
    values = [
        Value(wording.MISSING if turn[name] is None else f"{turn[name]:,.0f}")
        for name in COLUMNS[:3]
    ]
    values += [
        Value(wording.decimal(turn[name]), wording.span(turn[f"{name}_lo"], turn[f"{name}_hi"]))
        for name in COLUMNS[3:]
    ]
    return TurnRow(
        turn=turn["turn"] + 1,
        came=_CAME[turn["came"]],
        n=turn["n"],
        values=tuple(values),
        note="cold" if turn["verdict"] == "cold" else "",
        mark=_MARKS.get(turn["verdict"] or "", ""),
    )


def _panels(whole: Row, turns: Sequence[Row]) -> tuple[Panel, ...]:
    name = f"conversation-{whole['run_id']}-{whole['conversation']}"
    panels = (
        Panel(
            id=f"{name}-ttft",
            title="TTFT",
            unit="ms",
            points=_points(turns, "ttft_ms", interval=True),
            rings=(),
            rings_are="",
            cells=_cells("ttft_ms", "cold_prefill_tok_s"),
        ),
        Panel(
            id=f"{name}-cold",
            title="Computed of the prompt",
            unit="tokens",
            points=_points(turns, "cold_tokens"),
            rings=_points(turns, "cached_tokens"),
            rings_are="cached",
            cells=_cells("cold_tokens", "cached_tokens", "prompt_tokens"),
        ),
    )
    return tuple(panel for panel in panels if panel.points)


def _cells(*names: str) -> tuple[int, ...]:
    return (0, *(_HEAD + COLUMNS.index(name) for name in names))


def _points(turns: Sequence[Row], name: str, *, interval: bool = False) -> tuple[Point, ...]:
    return tuple(
        Point(
            turn["turn"] + 1,
            turn[name],
            turn[f"{name}_lo"] if interval else None,
            turn[f"{name}_hi"] if interval else None,
        )
        for turn in turns
        if turn[name] is not None
    )


def draw(panel: Panel) -> str:
    """The panel as an `<svg>` element; each mark carries its turn as `data-row`."""

    def marks(points: Sequence[Point]) -> list[Mark]:
        return [Mark(str(p.turn), p.turn, p.value, p.lo, p.hi) for p in points]

    layers = [
        Layer("points", marks(panel.points), "var(--bar)", "circle", 36, of_intervals="var(--ink)")
    ]
    if panel.rings:
        layers.append(
            Layer("rings", marks(panel.rings), "var(--ink-2)", "circle", 44, filled=False)
        )
    turns = sorted({point.turn for point in (*panel.points, *panel.rings)})
    return _FRAME.draw(
        layers,
        places=turns,
        ends=(turns[0], turns[-1]) if len(turns) > 1 else (0, 2 * turns[0]),
        id=panel.id,
        finding=panel.finding,
    )
