"""One page for each model: its rows, a line for each run of it, its best curves and climbs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench_pipeline.site import wording
from bench_pipeline.site.charts.curves import Curve
from bench_pipeline.site.runs.view import Facts, RunPage, RunPageMaker, known
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.tables.engine_only import EngineRow
from bench_pipeline.site.tables.quants import (
    PLACES_SHOWN,
    QuantTable,
    bits_per_weight,
    held_words,
    quant_tables,
)
from bench_pipeline.site.tables.rows import TableRow, file_name, model_href

PLACES_DRAWN = 3
"""Rigs and backends of which a model's page draws curves and climbs; of others it leads to the
runs that show theirs, as each weighs some 15 KB."""
_NAMING = ("measured", "published", "imported")
"""Whose run a model's name and facts are taken from, the first one first."""
_BETTER = ("measured", "flagged", "provisional", "imported")
"""Status of the runs whose curve is shown, the first one first."""


@dataclass(frozen=True)
class BestCurve:
    run: RunPage
    curve: Curve


@dataclass(frozen=True)
class ModelLine:
    """What a list of models says of one."""

    slug: str
    href: str
    name: str
    listed: bool
    """Whether a row of the tables of configurations is of it."""


@dataclass(frozen=True)
class ModelPage(ModelLine):
    facts: Facts
    rows: tuple[TableRow, ...]
    quants: tuple[QuantTable, ...]
    """This file beside the other quants and makers of the model; those of some places."""
    engine_only: tuple[EngineRow, ...]
    """From elsewhere, without a server or as printed."""
    runs: tuple[RunPage, ...]
    """Newest first, published ones last; each has a page of its own."""

    @property
    def line(self) -> ModelLine:
        return ModelLine(self.slug, self.href, self.name, self.listed)

    @property
    def curves(self) -> tuple[BestCurve, ...]:
        """Of some rigs and backends the best run's that has one: undisturbed first, then newest."""
        shown = self._with_curve[:PLACES_DRAWN]
        return tuple(BestCurve(run, run.curve) for run in shown if run.curve)

    @property
    def other_curves(self) -> tuple[RunPage, ...]:
        """Of the other rigs and backends."""
        return self._with_curve[PLACES_DRAWN:]

    @property
    def climbs(self) -> tuple[RunPage, ...]:
        """Likewise the runs that went to several concurrencies, those to the knee first."""
        return self._with_climb[:PLACES_DRAWN]

    @property
    def other_climbs(self) -> tuple[RunPage, ...]:
        return self._with_climb[PLACES_DRAWN:]

    @cached_property
    def _with_curve(self) -> tuple[RunPage, ...]:
        runs = [run for run in self.runs if run.curve and run.curve.panels]
        return _first_of_each_place(runs, _by_status)

    @cached_property
    def _with_climb(self) -> tuple[RunPage, ...]:
        def order(run: RunPage) -> tuple[bool, int]:
            return run.scaling is None or run.scaling.knee is None, _by_status(run)

        return _first_of_each_place([run for run in self.runs if run.scaling], order)


def _by_status(run: RunPage) -> int:
    return _BETTER.index(run.status)


def _first_of_each_place(
    runs: Iterable[RunPage], order: Callable[[RunPage], Any]
) -> tuple[RunPage, ...]:
    """One run for each rig and backend."""
    first: dict[tuple[str, str], RunPage] = {}
    for run in sorted((run for run in runs if run.status in _BETTER), key=order):
        first.setdefault((run.rig, run.backend), run)
    return tuple(first.values())


def model_pages(
    tables: Tables, rows: Iterable[TableRow], elsewhere: Iterable[EngineRow] = ()
) -> list[ModelPage]:
    """A page for each model that has a run, in order of slug."""
    by_model: dict[str, list[Row]] = {}
    for run in tables.runs:
        by_model.setdefault(run["model"], []).append(run)
    maker = RunPageMaker(tables)
    of_model: dict[str, list[TableRow]] = {}
    rows = list(rows)
    quants = quant_tables(rows, tables.runs)
    for row in rows:
        of_model.setdefault(row.model, []).append(row)
    pages = []
    for slug, runs in sorted(by_model.items()):
        runs.sort(key=lambda run: run["run_id"])
        runs.sort(key=lambda run: run["started_at"].isoformat() if run["started_at"] else "")
        runs.reverse()
        # An import never retitles a page that somebody else's runs made.
        newest = min(runs, key=lambda run: _NAMING.index(run["provenance"]))
        pages.append(
            ModelPage(
                slug=slug,
                href=model_href(slug),
                name=file_name(newest, maker.around.shared_names),
                listed=slug in of_model,
                facts=_model_facts(newest),
                rows=tuple(of_model.get(slug, ())),
                quants=_with(slug, quants.get((newest["family"], newest["variant"]), ())),
                engine_only=tuple(row for row in elsewhere if row.model == slug),
                runs=tuple(maker.page(run) for run in runs),
            )
        )
    return pages


def _with(model: str, tables: Iterable[QuantTable]) -> tuple[QuantTable, ...]:
    """Those in which the model stands."""
    mine = [table for table in tables if any(line.model == model for line in table.lines)]
    return tuple(mine[:PLACES_SHOWN])


def _model_facts(run: Row) -> Facts:
    return known(
        ("Family", run["family"], str),
        ("Released", run["released"], lambda v: wording.month(str(v))),
        ("Variant", run["variant"], str),
        ("Quant", run["quant"], str),
        ("Quantized by", run["creator"], str),
        ("Licence", run["licence"], str),
        ("File", run["file_name"], str),
        ("Size", run["size_bytes"], lambda v: wording.megabytes(v)),
        ("SHA-256", run["model_sha256"], str),
        ("Parameters", run["parameters"], lambda v: f"{v:,}"),
        ("Bits per weight", bits_per_weight(run), lambda v: f"{v:.2f}"),
        ("Holds", held_words(run) or None, str),
        ("Layers", run["layers"], str),
        ("Trained context", run["context_train_tokens"], lambda v: f"{v:,} tokens"),
        ("Reasons before answering", run["reasons"], lambda v: "yes" if v else "no"),
    )
