"""The trend of each rig and backend: what every build measured, and what changed with it.

A verdict stands between two builds that were measured in turns in one session. Neighbours that
were not are shown beside each other and never joined: between two days more changes than the
build.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bench_pipeline.site import wording
from bench_pipeline.site.trends.words import Verdict, tally


@dataclass(frozen=True)
class Point:
    """One build of a series."""

    build: str
    number: int | None
    """Its place on the axis; without one it stands in the table only."""
    value: float
    lo: float | None
    hi: float | None
    n: int
    run_href: str
    commit: str
    commit_href: str
    before: str
    """The build it is compared with; empty for the first."""
    verdict: Verdict | None
    flagged: bool
    compiled: str
    """In words: its features, or what of them differs from the build before."""
    caution: str
    """That the builds were compiled differently, and how; empty where they were not."""
    changes_href: str

    @property
    def joined(self) -> bool:
        """Whether it was judged against the build before."""
        return self.verdict is not None and self.verdict.kind != "unjudged"

    @property
    def undecided(self) -> bool:
        return self.verdict is not None and self.verdict.kind == "undecided"


@dataclass(frozen=True)
class Series:
    """One metric of one cell over the builds."""

    id: str
    metric: str
    name: str
    """Of the metric."""
    unit: str
    points: tuple[Point, ...]
    """From the oldest build to the newest."""

    def newest_builds(self, most: int) -> "Series":
        """The same of so many builds."""
        return replace(self, points=self.points[-most:])

    @property
    def placed(self) -> tuple[Point, ...]:
        """Those that can be drawn."""
        return tuple(point for point in self.points if point.number is not None)

    @property
    def newest(self) -> Point | None:
        """The newest build that has an older one beside it."""
        return next((point for point in reversed(self.points) if point.verdict), None)

    @property
    def newest_verdict(self) -> Verdict | None:
        """That the newest build was judged by, or an older one where that was not; of a series
        that was never judged, that it was not."""
        judged = (point for point in reversed(self.points) if point.joined)
        point = next(judged, self.newest)
        return point.verdict if point else None

    @property
    def finding(self) -> str:
        """The chart in one sentence: what a screen reader gets instead of the drawing."""
        ends = [f"{p.value:.1f} {self.unit} with {p.build}" for p in self.points]
        flagged = [
            f"{point.build} is {point.verdict.words} than {point.before}"
            for point in self.points
            if point.flagged and point.verdict
        ]
        steps = wording.listed(flagged) if flagged else "no step is flagged"
        counted = wording.counted(len(self.points), "build")
        return f"{self.name} over {counted}, from {ends[0]} to {ends[-1]}; {steps}."


@dataclass(frozen=True)
class Figure:
    """One cell over the builds: a series for each metric."""

    id: str
    title: str
    """Workload and streams, and what else sets it apart."""
    series: tuple[Series, ...]
    order: tuple[object, ...]

    def newest_builds(self, most: int) -> "Figure":
        """The same of so many builds of each series."""
        return replace(self, series=tuple(each.newest_builds(most) for each in self.series))

    @property
    def judged(self) -> bool:
        return any(point.joined for series in self.series for point in series.points)

    @property
    def flagged(self) -> int:
        """Number of its flagged steps."""
        return sum(point.flagged for series in self.series for point in series.points)


@dataclass(frozen=True)
class ModelTrend:
    """One model on one rig and backend."""

    model: str
    name: str
    href: str
    """Of the model's own page."""
    trend_href: str
    """Of the page that has its figures: its place's, or one of its own where the place has many."""
    builds: tuple[str, ...]
    """That it was measured with, oldest first."""
    figures: tuple[Figure, ...]
    """Its cells that have two builds or more."""

    @property
    def judged(self) -> bool:
        return any(figure.judged for figure in self.figures)

    @property
    def flagged(self) -> int:
        """Number of its flagged steps."""
        return sum(figure.flagged for figure in self.figures)

    @property
    def tallies(self) -> Mapping[str, str]:
        """The newest verdicts of its cells, each metric's in a line; by metric."""
        newest: dict[str, list[Verdict]] = {}
        for figure in self.figures:
            for series in figure.series:
                if verdict := series.newest_verdict:
                    newest.setdefault(series.metric, []).append(verdict)
        return {metric: tally(metric, verdicts) for metric, verdicts in newest.items()}

    @property
    def cautions(self) -> tuple[str, ...]:
        """What its verdicts must not keep back, each once."""
        return tuple(
            dict.fromkeys(
                point.caution
                for figure in self.figures
                for series in figure.series
                for point in series.points
                if point.joined and point.caution
            )
        )


@dataclass(frozen=True)
class Step:
    """One flagged step."""

    key: tuple[str, ...]
    """What it is, whichever run showed it."""
    rig_title: str
    backend_name: str
    place_href: str
    name: str
    """Of the model."""
    cell: str
    metric: str
    """Its name."""
    build: str
    number: int | None
    before: str
    verdict: Verdict
    caution: str
    href: str
    """Of its figure, below the site's root."""
    changes_href: str
    at: datetime


@dataclass(frozen=True)
class ChangedCell:
    name: str
    """Of the model."""
    cell: str
    href: str
    verdicts: Mapping[str, Verdict]
    """By the metric's name."""


@dataclass(frozen=True)
class Change:
    """What one build changed on one rig and backend: its flagged steps together."""

    first: Step
    """One of them; place, builds and time are the same in all."""
    metrics: tuple[str, ...]
    """Names of those that have a step."""
    cells: tuple[ChangedCell, ...]
    """The most that one page shows of them, then those that changed most."""
    more: int
    """Cells beyond them."""
    tallies: tuple[tuple[str, str], ...]
    """By name of the metric, all steps in a line."""
    caution: str


@dataclass(frozen=True)
class OpenPair:
    """Neighbouring builds without a verdict, all cells of one model with the same reason."""

    rig_title: str
    backend_name: str
    name: str
    build: str
    before: str
    kind: str
    reason: str
    count: int
    """Of figures."""
    href: str
    """Of the page that has them."""
    place_href: str
    number: int
    """Of the newer build; the pairs of the newest one come first where not all are shown."""


@dataclass(frozen=True)
class Trend:
    """One rig and backend."""

    rig: str
    rig_title: str
    backend: str
    backend_name: str
    href: str
    builds: tuple[str, ...]
    """Measured with any model, oldest first."""
    models: tuple[ModelTrend, ...]
    divided: bool
    """Whether each model's figures stand on a page of their own."""
    steps: tuple[Step, ...]
    """Flagged, newest first."""
    open_pairs: tuple[OpenPair, ...]

    @property
    def title(self) -> str:
        return f"{self.rig_title}, {self.backend_name}"

    @property
    def shown(self) -> tuple[ModelTrend, ...]:
        """Models that have a trend."""
        return tuple(model for model in self.models if model.figures)

    @property
    def alone(self) -> tuple[ModelTrend, ...]:
        """Models that have none: measured with one build, or no cell with two."""
        return tuple(model for model in self.models if not model.figures)
