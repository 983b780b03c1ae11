"""The pages of one group: its models and their runs, its families, its part of the comparisons."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench_pipeline.site.compare.configurations import Catalogue, Outline, catalogue
from bench_pipeline.site.earlier import Earlier
from bench_pipeline.site.models import ModelLine, model_pages
from bench_pipeline.site.pages import best, compare, families, models
from bench_pipeline.site.pages.compare import Choice
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.runs.view import RunLine
from bench_pipeline.site.source import Tables
from bench_pipeline.site.summary import Summary, summary
from bench_pipeline.site.tables.engine_only import EngineRow, engine_rows
from bench_pipeline.site.tables.row_maker import table_rows


@dataclass(frozen=True)
class Said:
    """What pages of the whole site say of a group."""

    summary: Summary
    engine_only: tuple[EngineRow, ...]
    models: tuple[ModelLine, ...]
    runs: tuple[RunLine, ...]
    choices: tuple[Choice, ...]
    outlines: tuple[Outline, ...]
    sessions: tuple[tuple[str, str], ...]
    rows_by_rig: Mapping[str, str]
    """See `best.rows_by_rig`."""


@dataclass(frozen=True)
class Made:
    pages: dict[str, bytes]
    said: Said
    catalogue: Catalogue


def make(press: Press, tables: Tables, earlier: Earlier, *, divided: bool) -> Made:
    """`tables` with the rows of its models; `divided`: whether families have pages of their own."""
    rows = table_rows(tables)
    elsewhere = engine_rows(tables)
    found = model_pages(tables, rows, elsewhere)
    known = catalogue(tables)
    choices, scripts = compare.scripts(known)
    pages = models.pages(press, found, tables, earlier) | scripts
    if divided:
        pages |= families.pages(press, rows, tables)
    said = Said(
        summary=summary(rows, divided=divided),
        engine_only=tuple(elsewhere),
        models=tuple(model.line for model in found),
        runs=tuple(run.line for model in found for run in model.runs),
        choices=tuple(choices),
        outlines=tuple(configuration.outline for configuration in known.configurations),
        sessions=tuple(known.sessions),
        rows_by_rig=best.rows_by_rig(rows),
    )
    return Made(pages, said, known)
