"""A page's charts of configurations as its template needs them, and the files that a browser
loads only when somebody touches a chart or filters the page."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench_pipeline.site.charts import lettering, specs
from bench_pipeline.site.charts.configurations import Chart, Mark
from bench_pipeline.site.charts.kinds import DECODE, KINDS, PREFILL, SENTENCES, Kind
from bench_pipeline.site.charts.sizes import SIZES, words
from bench_pipeline.site.source import Tables

VENDOR = Path(__file__).parent.parent / "static" / "vendor"
RUNTIME = "vega-6.2.0.min.js"
"""As published on npm; the version that vl_convert draws with, so both draw alike."""
LICENCE = "LICENSE.txt"
LAZY = "lazy"
"""Folder below the site's root."""


@dataclass(frozen=True)
class Place:
    """Where one chart at a time is shown: under a filter another one of its kind."""

    id: str
    kind: Kind
    workload: str
    """Of the chart that is shown first."""
    follows: bool
    """Whether it follows the filter for the workload, or is left out under another one."""
    chart: Chart | None
    """Shown first; None where only a filter leads to one."""
    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class ChartView:
    places: tuple[Place, ...]
    first_concurrency: int | None
    runtime: str
    """Path of the drawing library, below the site's root."""
    data: str
    """Path of the script that holds every chart's rows and how they are drawn."""
    files: dict[str, bytes]
    """Both, and the licence."""


def chart_view(
    charts: Sequence[Chart], tables: Tables, *, name: str = "charts", each_workload: bool = True
) -> ChartView:
    """The charts drawn for the lowest concurrency that has any, and what redraws them.

    With `each_workload` decode has a chart for each; else one that follows the filter, as the
    other kinds have. `name` of the script that holds their data.
    """
    first = min((chart.concurrency for chart in charts), default=None)
    places = []
    for kind in KINDS:
        mine = [chart for chart in charts if chart.kind is kind]
        shown = {chart.workload: chart for chart in mine if chart.concurrency == first}
        known = {chart.workload for chart in mine}
        order = [work["workload"] for work in _order(kind, tables) if work["workload"] in known]
        if kind is DECODE and each_workload:
            places += [_place(kind, work, False, shown.get(work)) for work in order]
        elif order:
            begin = next((work for work in order if work in shown), order[0])
            places.append(_place(kind, begin, True, shown.get(begin)))
    data = _script(charts)
    path = f"{LAZY}/{name}-{hashlib.sha256(data).hexdigest()[:10]}.js"
    files = {path: data} | {
        f"{LAZY}/{file}": (VENDOR / file).read_bytes() for file in (RUNTIME, LICENCE)
    }
    return ChartView(
        places=tuple(places),
        first_concurrency=first,
        runtime=f"{LAZY}/{RUNTIME}",
        data=path,
        files=files if charts else {},
    )


def _order(kind: Kind, tables: Tables) -> list[dict[str, Any]]:
    """A prompt has to be long for its reading to be measured well."""
    if kind is PREFILL:
        return sorted(tables.workloads, key=lambda work: -work["prompt_tokens"])
    return tables.workloads


def _place(kind: Kind, workload: str, follows: bool, chart: Chart | None) -> Place:
    wide, narrow = (Markup(specs.draw(chart, size)) if chart else Markup() for size in SIZES)
    name = f"chart-{kind.name}" if follows else f"chart-{kind.name}-{workload}"
    return Place(name, kind, workload, follows, chart, wide, narrow)


def _script(charts: Sequence[Chart]) -> bytes:
    """A classic script, as file:// refuses to fetch data: `benchCharts` with all there is."""
    last_of = {mark.row.id: mark for chart in charts for mark in chart.marks}
    rows = {id: _row(mark) for id, mark in last_of.items()}
    content = {
        "sentences": SENTENCES,
        "kinds": {
            kind.name: {
                "unit": kind.unit,
                "first": kind.first,
                "last": kind.last,
                "specs": {size.name: specs.compiled(kind, size) for size in SIZES},
            }
            for kind in KINDS
            if any(chart.kind is kind for chart in charts)
        },
        "rows": rows,
        "widths": lettering.table(_written(charts)),
        "charts": {
            chart.id: {
                "title": chart.title,
                "at": chart.at,
                "explanation": chart.explanation,
                "most": chart.most,
                "key": chart.key,
                "marks": [_mark(mark, rows[mark.row.id]) for mark in chart.marks],
            }
            for chart in charts
        },
    }
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return f"window.benchCharts={text};\n".encode()


def _row(mark: Mark) -> dict[str, Any]:
    """What the marks of a row have in common, as this one has it."""
    shared = {key: mark.datum[key] for key in ("name", "detail", "elsewhere")}
    words_of = {
        size: {key: lines for key, lines in made.items() if not key.startswith("label")}
        for size, made in _words(mark).items()
    }
    broken = {size: made for size, made in words_of.items() if made}
    return {**shared, "source": mark.source} | broken


def _words(mark: Mark) -> dict[str, Any]:
    """By size, what a drawing of that size reads beside the mark's `datum`."""
    return {size.name: words(mark, size) for size in SIZES}


def _written(charts: Sequence[Chart]) -> set[str]:
    """Every character in them."""
    drawn = (mark.datum for chart in charts for mark in chart.marks)
    return {c for datum in drawn for key in ("name", "detail", "label") for c in datum.get(key, "")}


def _mark(mark: Mark, row: dict[str, Any]) -> dict[str, Any]:
    """What the mark has of its own, also where it differs from the others of its row."""
    own = {**mark.datum, "source": mark.source}
    table = {"href": mark.href, "n": mark.n, "interval": mark.interval, "at_text": mark.at_text}
    own |= {key: value for key, value in table.items() if value not in (None, "")}
    own = {key: value for key, value in own.items() if row.get(key) != value}
    for size, made in _words(mark).items():
        shared = row.get(size, {})
        keys = (key for key in made | shared if made.get(key) != shared.get(key))
        if differing := {key: made.get(key) for key in keys}:
            own[size] = differing
    return own
