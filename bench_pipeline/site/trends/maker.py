"""Trends from the warehouse's tables: rows of `build_trends` into series, figures and steps."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from operator import itemgetter

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.records.run import LLAMA_CPP
from bench_pipeline.site import wording
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.tables.rows import cell_href, model_href, model_name
from bench_pipeline.site.trends import changes, words
from bench_pipeline.site.trends.series import (
    Figure,
    ModelTrend,
    OpenPair,
    Point,
    Series,
    Step,
    Trend,
)
from bench_pipeline.site.trends.weight import too_much_for_one_page
from bench_pipeline.site.trends.words import METRICS


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
        self._around = tables.around
        self._divided = False
        self._found: list[Step] = []
        self._systems: dict[tuple[object, ...], list[str]] = defaultdict(list)
        """Of each setting, in the order in which they came."""

    def make(self) -> Trend:
        for row in sorted(self.rows, key=lambda row: (row["started_at"], row["system"])):
            seen = self._systems[_setting(row)]
            seen += [row["system"]] if row["system"] not in seen else []
        ordered = sorted(self.rows, key=_by_number)
        models: dict[str, list[Row]] = defaultdict(list)
        for row in ordered:
            models[row["model"]].append(row)
        self._divided = (
            too_much_for_one_page(Counter((_cell(row), row["metric"]) for row in self.rows))
            if self._around is None
            else (self.rig, self.backend) in self._around.divided_trends
        )
        made = [self._model(rows) for rows in models.values()]
        made.sort(key=lambda model: (model.name, model.model))
        return Trend(
            rig=self.rig,
            rig_title=self._rig_title,
            backend=self.backend,
            backend_name=self._backend_name,
            href=self._href,
            builds=_builds(ordered),
            models=tuple(made),
            divided=self._divided,
            steps=tuple(changes.newest_first(self._found)),
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
            trend_href=self._trend_href(rows[0]),
            builds=_builds(rows),
            figures=tuple(sorted(figures, key=lambda figure: figure.order)),
        )

    def _trend_href(self, row: Row) -> str:
        if not self._divided:
            return self._href
        return f"{self._href.removesuffix('.html')}/{row['model']}.html"

    def _open_pairs(self, models: Iterable[ModelTrend]) -> list[OpenPair]:
        made = []
        for model in models:
            counted = Counter(
                (point.build, point.number or 0, point.before, verdict.kind, verdict.reason)
                for figure in model.figures
                for series in figure.series
                for point in series.points
                if (verdict := point.verdict) and verdict.kind in ("unjudged", "undecided")
            )
            made += [
                OpenPair(
                    rig_title=self._rig_title,
                    backend_name=self._backend_name,
                    name=model.name,
                    build=build,
                    before=before,
                    kind=kind,
                    reason=reason,
                    count=count,
                    href=model.trend_href,
                    place_href=self._href,
                    number=number,
                )
                for (build, number, before, kind, reason), count in counted.items()
            ]
        return sorted(made, key=lambda p: (p.name, p.build, p.before, p.kind, p.reason))

    def _figure(self, row: Row, series: tuple[Series, ...]) -> Figure:
        work = self._works.get(row["workload"])
        order = (
            row["engine"] != LLAMA_CPP,
            row["engine"],
            row["mode"] != "baseline",
            row["mode"],
            row["power_cap_w"] or 0,
            row["concurrency"],
            work["ord"] if work else len(self._works),
            row["workload"],
            -self._systems[_setting(row)].index(row["system"]),
        )
        return Figure(self._figure_id(row), self._cell_words(row), series, order)

    def _cell_words(self, row: Row) -> str:
        work = self._works.get(row["workload"])
        words = [work["title"] if work else row["workload"]]
        words.append(wording.counted(row["concurrency"], "stream"))
        words += [row["engine"]] if row["engine"] != LLAMA_CPP else []
        words += [row["mode"]] if row["mode"] != "baseline" else []
        words += [f"{wording.trimmed(row['power_cap_w'])} W"] if row["power_cap_w"] else []
        return ", ".join(words + self._system_words(row))

    def _system_words(self, row: Row) -> list[str]:
        """In what this system differs from the others that the cell was measured on."""
        parts = [system.split(" · ") for system in self._systems[_setting(row)]]
        own = row["system"].split(" · ")
        return [part for part in own if not all(part in other for other in parts)]

    def _figure_id(self, row: Row) -> str:
        parts = [row["model"], row["workload"], str(row["concurrency"])]
        parts += [row["engine"]] if row["engine"] != LLAMA_CPP else []
        parts += [row["mode"]] if row["mode"] != "baseline" else []
        parts += [f"{wording.trimmed(row['power_cap_w'])}w"] if row["power_cap_w"] else []
        number = self._systems[_setting(row)].index(row["system"])
        parts += [f"system{number + 1}"] if number else []
        return "-".join(parts)

    def _series(self, rows: Sequence[Row]) -> Series:
        name, unit = _label(rows[0]["metric"])
        by_build = {row["build"]: row for row in rows}
        points = [self._point(by_build.get(row["previous_build"]), row) for row in rows]
        return Series(
            f"{self._figure_id(rows[0])}-{rows[0]['metric']}",
            rows[0]["metric"],
            name,
            unit,
            tuple(points),
        )

    def _point(self, before: Row | None, row: Row) -> Point:
        found = words.verdict(row, self._reasons.get(_pair(row), "")) if before else None
        return Point(
            build=row["build"],
            number=row["build_number"],
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            n=row["n"],
            run_href=cell_href(row["run_id"], row["workload"], row["concurrency"]),
            commit=row["commit"] or "",
            commit_href=words.commit_href(row),
            before=before["build"] if before else "",
            verdict=found,
            flagged=bool(row["flagged"]) and found is not None,
            compiled=words.compiled(before, row),
            caution=words.caution(row) if before else "",
            changes_href=words.changes_href(before, row) if before else "",
        )

    def _steps(self, rows: Sequence[Row], series: Series) -> list[Step]:
        return [
            Step(
                key=(
                    self.rig,
                    self.backend,
                    self._figure_id(row),
                    row["metric"],
                    p.before,
                    p.build,
                ),
                rig_title=self._rig_title,
                backend_name=self._backend_name,
                place_href=self._href,
                name=_name(row),
                cell=self._cell_words(row),
                metric=series.name,
                build=p.build,
                number=p.number,
                before=p.before,
                verdict=p.verdict,
                caution=p.caution,
                href=f"{self._trend_href(row)}#{self._figure_id(row)}",
                changes_href=p.changes_href,
                at=row["started_at"],
            )
            for row, p in zip(rows, series.points, strict=True)
            if p.flagged and p.verdict
        ]


def _name(row: Row) -> str:
    return model_name(row["family"], row["variant"], row["quant"])


def _builds(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(wording.build(row["engine"], row["build"]) for row in rows))


def _by_number(row: Row) -> tuple[bool, int, datetime, str]:
    """Builds without a number last, in the order in which they were measured."""
    number = row["build_number"]
    return number is None, number or 0, row["started_at"], row["build"]


_OF_A_SETTING = ("model", "engine", "mode", "power_cap_w", "workload", "concurrency")
_setting: Callable[[Row], tuple[object, ...]] = itemgetter(*_OF_A_SETTING)
"""A cell, on whichever system."""
_cell: Callable[[Row], tuple[object, ...]] = itemgetter(*_OF_A_SETTING, "system")


def _pair(row: Row) -> tuple[object, ...]:
    """What identifies two builds of a series in either table."""
    builds = [row.get("build_before", row.get("previous_build"))]
    builds.append(row.get("build_after", row.get("build")))
    return row["rig"], row["backend"], *_cell(row), row["metric"], *builds


def _by_time(comparison: Row) -> tuple[str, str]:
    """As `build_trends` takes the newest comparison of two builds."""
    when = comparison["started_at"]
    return when.isoformat() if when else "", comparison["session_id"] or ""


def _label(metric: str) -> tuple[str, str]:
    definition = DEFINITIONS[metric]
    return definition.label, definition.unit
