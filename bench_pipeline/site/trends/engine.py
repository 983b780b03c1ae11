"""Imported figures over builds: marked, each fork on its own count, and nothing judged.

No two of them were measured in turns, so there is no verdict and no step; they stand apart from
what was measured here, and never on its axis.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from bench_pipeline.site.tables.engine_only import EngineRow, Speed
from bench_pipeline.site.tables.rows import digest
from bench_pipeline.site.trends.chart import NARROW, WIDE, draw
from bench_pipeline.site.trends.series import Point, Series

MOST_DRAWN = 6
"""On one page; the tables of figures have all builds."""


@dataclass(frozen=True)
class _Unjudged(Series):
    @property
    def finding(self) -> str:
        said = [f"{point.build} {point.value:.1f}" for point in self.points]
        return f"{self.name}, {self.unit}, from elsewhere and not judged: {', '.join(said)}."


@dataclass(frozen=True)
class EngineTrend:
    """One figure of one configuration over the builds of its engine."""

    title: str
    """`Prefill of 256 tokens`."""
    name: str
    """Of the model."""
    model_href: str
    where: str
    """Machine, backend and settings, and that it is no llama.cpp where it is none."""
    points: tuple[tuple[EngineRow, Speed], ...]
    """From the oldest build to the newest."""
    series: Series

    @property
    def drawings(self) -> Markup:
        return Markup(draw(self.series, WIDE) + draw(self.series, NARROW))


def engine_trends(rows: Iterable[EngineRow]) -> list[EngineTrend]:
    """Of configurations that have a figure with two builds or more, in the order of the rows."""
    found: dict[tuple[str, str, str], dict[int, tuple[EngineRow, Speed]]] = defaultdict(dict)
    for row in rows:
        if row.build_number is not None and not row.spilled:
            for kind, speed in row.comparable:
                found[row.setup, kind, speed.shape][row.build_number] = row, speed
    return [
        _trend(kind, [builds[number] for number in sorted(builds)])
        for (_, kind, _), builds in found.items()
        if len(builds) > 1
    ]


def _trend(kind: str, points: list[tuple[EngineRow, Speed]]) -> EngineTrend:
    row, speed = points[-1]
    title = speed.title(kind)
    engine = "" if row.engine == "llama.cpp" else f"{row.engine}, whose builds are its own"
    mode = "" if row.mode == "baseline" else row.mode
    cap = f"{row.cap} W" if row.cap else ""
    parts = (row.hardware.device, row.backend_name, engine, mode, cap, row.settings)
    return EngineTrend(
        title=title,
        name=row.name,
        model_href=row.model_href,
        where=" · ".join(filter(None, (*parts, row.hardware.rig_title))),
        points=tuple(points),
        series=_Unjudged(
            id=f"engine-trend-{digest(row.setup, kind, speed.shape)}",
            metric=f"{kind}_tok_s",
            name=title,
            unit="tok/s",
            points=tuple(_point(*point) for point in points),
        ),
    )


def _point(row: EngineRow, speed: Speed) -> Point:
    return Point(
        build=row.build,
        number=row.build_number,
        value=speed.value,
        lo=speed.lo,
        hi=speed.hi,
        n=1,
        run_href=row.href,
        commit="",
        commit_href="",
        before="",
        verdict=None,
        flagged=False,
        compiled="",
        caution="",
        changes_href="",
    )
