"""Templates and static files: from the view model to the bytes of each page."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.site import curves, wording
from bench_pipeline.site.charts import NARROW, WIDE, draw
from bench_pipeline.site.dictionary import TABLES, meaning
from bench_pipeline.site.source import Tables, published_path
from bench_pipeline.site.view import Site

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
"""`site.css` and `site.js`: published under a name that holds their hash."""


@dataclass(frozen=True)
class Assets:
    """Paths below the site's root."""

    css: str
    js: str


@dataclass(frozen=True)
class Drawings:
    """One chart's SVG at both widths."""

    wide: Markup
    narrow: Markup


def render(site: Site, tables: Tables) -> dict[str, bytes]:
    """Every page and static file by its path below the site's root."""
    files, assets = _static_files()
    environment = _environment(site, assets)
    drawings = {
        chart.id: Drawings(Markup(draw(chart, WIDE)), Markup(draw(chart, NARROW)))
        for chart in site.charts
    }

    def page(template: str, root: str = "", **values: Any) -> bytes:
        return environment.get_template(template).render(root=root, **values).encode()

    files["index.html"] = page("index.html", drawings=drawings)
    files["data.html"] = page(
        "data.html",
        unlisted=[model for model in site.models if not model.rows],
        counts={table: len(getattr(tables, table)) for table in TABLES.values()},
        run_files=[
            {"path": published_path(file["path"]), "sha256": file["sha256"]}
            for file in tables.run_files
        ],
        columns={
            name: {
                column: meaning(column, table) for column in next(iter(getattr(tables, table)), ())
            }
            for name, table in TABLES.items()
        },
    )
    for model in site.models:
        panels = {
            panel.id: Markup(curves.draw(panel))
            for run in model.runs
            if run.curve
            for panel in run.curve.panels
        }
        files[model.href] = page("model.html", root="../", page=model, panels=panels)
    return files


def _static_files() -> tuple[dict[str, bytes], Assets]:
    files, named = {}, {}
    for kind in ("css", "js"):
        content = (STATIC / f"site.{kind}").read_bytes()
        named[kind] = f"static/site-{hashlib.sha256(content).hexdigest()[:10]}.{kind}"
        files[named[kind]] = content
    return files, Assets(**named)


def _environment(site: Site, assets: Assets) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(site=site, assets=assets, dictionary=DEFINITIONS)
    environment.filters.update(month=wording.month, counted=wording.counted)
    return environment
