"""Trends from the warehouse's tables: rows of `build_trends` into series, figures and steps."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.site import trends_words, wording
from bench_pipeline.site.rows import cell_href, model_href, model_name
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.trends import (
    Change,
    ChangedCell,
    Figure,
    ModelTrend,
    OpenPair,
    Point,
    Series,
    Step,
    Trend,
)
from bench_pipeline.site.trends_words import METRICS

MAX_FIGURES = 24
"""Drawn on one page; what is beyond stands in its tables only."""


def trends_of(tables: Tables) -> tuple[Trend, ...]:
    """One for each rig and backend that has a measured build, in order of title."""
    makers: dict[tuple[str, str], _TrendMaker] = {}
    for row in tables.build_trends:
        place = row["rig"], row["backend"]
        if place not in makers:
            makers[place] = _TrendMaker(*place, tables)
        makers[place].rows.append(row)
    made = [maker.make() for maker in makers.values()]
    return tuple(sorted(made, key=lambda trend: (trend.title, trend.href)))


def newest_steps(trends: Iterable[Trend]) -> list[Step]:
    """The flagged steps of all, newest first."""
    return _newest([step for trend in trends for step in trend.steps])


def changes(steps: Iterable[Step]) -> list[Change]:
    """`steps` by rig, backend and builds, in the order in which these first come."""
    together: dict[tuple[str, ...], list[Step]] = defaultdict(list)
    for step in steps:
        together[step.rig_title, step.backend_name, step.before, step.build].append(step)
    made = []
    for found in together.values():
        cells: dict[str, list[Step]] = defaultdict(list)
        for step in found:
            cells[step.href].append(step)
        named = {step.metric for step in found}
        made.append(
            Change(
                first=found[0],
                metrics=tuple(n for n in (_label(m)[0] for m in METRICS) if n in named),
                cells=tuple(
                    ChangedCell(
                        of[0].name, of[0].cell, href, {step.metric: step.verdict for step in of}
                    )
                    for href, of in cells.items()
                ),
                caution=next((step.caution for step in found if step.caution), ""),
            )
        )
    return made


class _TrendMaker:
    """One rig and backend, from its rows of `build_trends`."""

    def __init__(self, rig: str, backend: str, tables: Tables) -> None:
        self.rig, self.backend = rig, backend
        titles = {row["rig"]: row["title"] for row in tables.rigs}
        self._rig_title = titles.get(rig, rig)
        self._backend_name = wording.backend_name(backend)
        self._href = f"trends/{rig}-{backend}.html"
        self._works = {work["workload"]: work for work in tables.workloads}
        newest = sorted(tables.comparisons, key=_by_time)
        self._reasons = {_pair(row): row["reason"] for row in newest}
        self.rows: list[Row] = []
        self._found: list[Step] = []

    def make(self) -> Trend:
        models: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(self.rows, key=_by_number):
            models[row["model"]].append(row)
        made = [self._model(rows) for rows in models.values()]
        made.sort(key=lambda model: (model.name, model.model))
        figures = [figure for model in made for figure in model.figures]
        drawn = sorted(figures, key=lambda figure: not figure.judged)[:MAX_FIGURES]
        return Trend(
            rig=self.rig,
            rig_title=self._rig_title,
            backend=self.backend,
            backend_name=self._backend_name,
            href=self._href,
            builds=_builds(sorted(self.rows, key=_by_number)),
            models=tuple(made),
            drawn=frozenset(figure.id for figure in drawn),
            steps=tuple(_newest(self._found)),
            open_pairs=tuple(self._open_pairs(made)),
        )

    def _model(self, rows: Sequence[Row]) -> ModelTrend:
        cells: dict[tuple[object, ...], dict[str, list[Row]]] = defaultdict(dict)
        for row in rows:
            cells[_cell(row)].setdefault(row["metric"], []).append(row)
        figures = []
        for by_metric in cells.values():
            pairs = [by_metric[metric] for metric in METRICS if len(by_metric.get(metric, ())) > 1]
            series = tuple(self._series(rows) for rows in pairs)
            if series:
                figures.append(self._figure(pairs[0][0], series))
            for rows_of, made in zip(pairs, series, strict=True):
                self._found += self._steps(rows_of, made)
        return ModelTrend(
            model=rows[0]["model"],
            name=_name(rows[0]),
            href=model_href(rows[0]["model"]),
            builds=_builds(rows),
            figures=tuple(sorted(figures, key=lambda figure: figure.order)),
        )

    def _open_pairs(self, models: Iterable[ModelTrend]) -> list[OpenPair]:
        counted = Counter(
            (model.name, point.build, point.before, point.verdict.kind, point.verdict.reason)
            for model in models
            for figure in model.figures
            for series in figure.series
            for point in series.points
            if point.verdict and point.verdict.kind in ("unjudged", "undecided")
        )
        return [
            OpenPair(self._rig_title, self._backend_name, *pair, count, self._href)
            for pair, count in sorted(counted.items())
        ]

    def _figure(self, row: Row, series: tuple[Series, ...]) -> Figure:
        work = self._works.get(row["workload"])
        order = (
            row["mode"] != "baseline",
            row["mode"],
            row["power_cap_w"] or 0,
            row["concurrency"],
            work["ord"] if work else len(self._works),
            row["workload"],
        )
        return Figure(_figure_id(row), self._cell_words(row), series, order)

    def _cell_words(self, row: Row) -> str:
        work = self._works.get(row["workload"])
        words = [work["title"] if work else row["workload"]]
        words.append(wording.counted(row["concurrency"], "stream"))
        words += [row["mode"]] if row["mode"] != "baseline" else []
        words += [f"{wording.trimmed(row['power_cap_w'])} W"] if row["power_cap_w"] else []
        return ", ".join(words)

    def _series(self, rows: Sequence[Row]) -> Series:
        name, unit = _label(rows[0]["metric"])
        by_build = {row["build"]: row for row in rows}
        points = [self._point(by_build.get(row["previous_build"]), row) for row in rows]
        return Series(
            f"{_figure_id(rows[0])}-{rows[0]['metric']}",
            rows[0]["metric"],
            name,
            unit,
            tuple(points),
        )

    def _point(self, before: Row | None, row: Row) -> Point:
        found = trends_words.verdict(row, self._reasons.get(_pair(row), "")) if before else None
        return Point(
            build=row["build"],
            number=row["build_number"],
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            n=row["n"],
            run_href=cell_href(row["run_id"], row["workload"], row["concurrency"]),
            commit=row["commit"] or "",
            commit_href=trends_words.commit_href(row),
            before=before["build"] if before else "",
            verdict=found,
            flagged=bool(row["flagged"]) and found is not None,
            compiled=trends_words.compiled(before, row),
            caution=trends_words.caution(row) if before else "",
            changes_href=trends_words.changes_href(before, row) if before else "",
        )

    def _steps(self, rows: Sequence[Row], series: Series) -> list[Step]:
        return [
            Step(
                key=(self.rig, self.backend, _figure_id(row), row["metric"], p.before, p.build),
                rig_title=self._rig_title,
                backend_name=self._backend_name,
                name=_name(row),
                cell=self._cell_words(row),
                metric=series.name,
                build=p.build,
                number=p.number,
                before=p.before,
                verdict=p.verdict,
                caution=p.caution,
                href=f"{self._href}#{_figure_id(row)}",
                changes_href=p.changes_href,
                at=row["started_at"],
            )
            for row, p in zip(rows, series.points, strict=True)
            if p.flagged and p.verdict
        ]


def _newest(steps: list[Step]) -> list[Step]:
    """By time, then by build, then in a fixed order."""
    steps = sorted(steps, key=lambda step: step.key)
    return sorted(steps, key=lambda step: (step.at, step.number or 0), reverse=True)


def _name(row: Row) -> str:
    return model_name(row["family"], row["variant"], row["quant"])


def _builds(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row["build"] for row in rows))


def _by_number(row: Row) -> tuple[bool, int, datetime, str]:
    """Builds without a number last, in the order in which they were measured."""
    number = row["build_number"]
    return number is None, number or 0, row["started_at"], row["build"]


def _cell(row: Row) -> tuple[object, ...]:
    return tuple(row[key] for key in ("model", "mode", "power_cap_w", "workload", "concurrency"))


def _pair(row: Row) -> tuple[object, ...]:
    """What identifies two builds of a series in either table."""
    builds = [row.get("build_before", row.get("previous_build"))]
    builds.append(row.get("build_after", row.get("build")))
    return row["rig"], row["backend"], *_cell(row), row["metric"], *builds


def _by_time(comparison: Row) -> tuple[str, str]:
    """As `build_trends` takes the newest comparison of two builds."""
    when = comparison["started_at"]
    return when.isoformat() if when else "", comparison["session_id"] or ""


def _figure_id(row: Row) -> str:
    parts = [row["model"], row["workload"], str(row["concurrency"])]
    parts += [row["mode"]] if row["mode"] != "baseline" else []
    parts += [f"{wording.trimmed(row['power_cap_w'])}w"] if row["power_cap_w"] else []
    return "-".join(parts)


def _label(metric: str) -> tuple[str, str]:
    definition = DEFINITIONS[metric]
    return definition.label, definition.unit
