"""Speed by concurrency: what more streams at once cost each of them and bring together, and the
knee beyond which they bring nothing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

from bench_pipeline.site import wording
from bench_pipeline.site.charts.panels import Frame, Layer, Mark
from bench_pipeline.site.charts.plots import COLOURS, SHAPES
from bench_pipeline.site.source import Row

_FRAME = Frame("streams at once", "d", log2, height_px=180, top_px=20, inset_px=10)
"""Over the plot there is room for the knee's name."""


@dataclass(frozen=True)
class Step:
    """A workload's speed at one concurrency, tok/s with its interval."""

    concurrency: int
    tok_s: float
    lo: float | None
    hi: float | None

    @property
    def text(self) -> str:
        return wording.decimal(self.tok_s)

    @property
    def interval(self) -> str:
        return wording.span(self.lo, self.hi)


@dataclass(frozen=True)
class Climb:
    """One workload from few streams to many."""

    workload: str
    """Its title."""
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Panel:
    id: str
    title: str
    climbs: tuple[Climb, ...]
    knee: int | None

    @property
    def finding(self) -> str:
        """The chart in one sentence: what a screen reader gets instead of the drawing."""
        parts = []
        for climb in self.climbs:
            first, last = climb.steps[0], climb.steps[-1]
            streams = wording.counted(first.concurrency, "stream")
            parts.append(
                f"{climb.workload} from {first.text} tok/s at {streams} to {last.text} "
                f"at {last.concurrency}"
            )
        knee = "" if self.knee is None else f" The knee is at {self.knee}."
        return f"{self.title}: {wording.listed(parts)}.{knee}"


@dataclass(frozen=True)
class Scaling:
    panels: tuple[Panel, ...]
    """Each stream's speed, and that of all together."""
    knee: int | None

    @property
    def workloads(self) -> tuple[str, ...]:
        return tuple(climb.workload for climb in self.panels[0].climbs)

    @property
    def lines(self) -> tuple[tuple[str, int, tuple[Step | None, ...]], ...]:
        """Workload, concurrency and the step of each panel there: the charts as a table."""
        found: dict[tuple[str, int], list[Step | None]] = {}
        for place, panel in enumerate(self.panels):
            for climb in panel.climbs:
                for step in climb.steps:
                    empty: list[Step | None] = [None] * len(self.panels)
                    found.setdefault((climb.workload, step.concurrency), empty)[place] = step
        return tuple((*key, tuple(steps)) for key, steps in found.items())


def scaling_of(run: Row, cells: Sequence[Row], titles: dict[str, str]) -> Scaling | None:
    """Of a run's `measurements` by workload; None unless one has two concurrencies or more.

    `titles` of the workloads, in the page's order. Cells whose clocks disagree or whose tokens
    came late are no points, as they are no figures anywhere else.
    """
    panels = []
    for metric, title in (("decode_tok_s", "Each stream"), ("throughput_tok_s", "All together")):
        climbs = _climbs(cells, metric, titles)
        if climbs:
            panels.append(Panel(f"scaling-{run['run_id']}-{metric}", title, climbs, run["knee"]))
    return Scaling(tuple(panels), run["knee"]) if panels else None


def _climbs(cells: Sequence[Row], metric: str, titles: dict[str, str]) -> tuple[Climb, ...]:
    steps: dict[str, list[Step]] = defaultdict(list)
    for cell in sorted(cells, key=lambda cell: cell["concurrency"]):
        good = cell["clocks_agree"] is not False and cell["delivered_on_time"] is not False
        if cell[metric] is not None and cell["status"] == "ok" and good:
            ends = cell[f"{metric}_lo"], cell[f"{metric}_hi"]
            steps[cell["workload"]].append(Step(cell["concurrency"], cell[metric], *ends))
    return tuple(
        Climb(title, tuple(steps[workload]))
        for workload, title in titles.items()
        if len(steps[workload]) > 1
    )


def draw(panel: Panel) -> str:
    """The panel as an `<svg>` element: each mark carries workload and concurrency as `data-row`.

    A line for each workload from 0; concurrencies stand where their logarithm does.
    """
    layers = [
        Layer(
            name="points",
            marks=[
                Mark(f"{climb.workload} {s.concurrency}", s.concurrency, s.tok_s, s.lo, s.hi)
                for s in climb.steps
            ],
            colour=f"var(--c{style % COLOURS + 1})",
            shape=SHAPES[style % len(SHAPES)],
            size_px2=40,
        )
        for style, climb in enumerate(panel.climbs)
    ]
    tried = sorted({step.concurrency for climb in panel.climbs for step in climb.steps})
    return _FRAME.draw(
        layers,
        places=tried,
        ends=(tried[0], tried[-1]),
        id=panel.id,
        finding=panel.finding,
        rule=None if panel.knee is None else (panel.knee, "knee"),
    )
