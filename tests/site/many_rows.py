"""A front page of very many configurations, made from one measured row."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from bench_pipeline.site.charts.views import chart_view
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.tables.answers import machines
from bench_pipeline.site.tables.row_data import row_data
from bench_pipeline.site.tables.rows import Figure, TableRow, digest, families
from bench_pipeline.site.view import Site
from tests.site.conftest import Made

MODELS_OF_A_FAMILY = 6


def synthetic_rows(like: TableRow, count: int) -> list[TableRow]:
    """`count` rows as a farm would have them: 3 machines, 3 backends and 3 concurrencies for each
    model, every figure with random digits."""
    random = np.random.default_rng(1)
    made = []
    for number in range(count):
        model, place = divmod(number, 27)
        rig, backend, streams = place // 9, place // 3 % 3, (1, 4, 8)[place % 3]
        run_id = digest(number // 3) + "00"
        hardware = replace(like.hardware, rig=f"rig-{rig}", rig_title=f"Machine {rig}")
        figures = tuple(_figure(figure, random, run_id, streams) for figure in like.figures)
        rates = [figure.tok_s or 0 for figure in figures]
        made.append(
            replace(
                like,
                id=f"row-{random.bytes(5).hex()}",
                model=f"model-{model}",
                family=f"Family-{model // MODELS_OF_A_FAMILY}",
                variant=f"{model}B-Instruct",
                name=f"Family-{model // MODELS_OF_A_FAMILY} {model}B-Instruct {like.quant}",
                hardware=hardware,
                backend=("cuda", "vulkan", "rocm")[backend],
                concurrency=streams,
                low=min(rates),
                high=max(rates),
                figures=figures,
                href=f"runs/{run_id}.html",
            )
        )
    return made


def _figure(like: Figure, random: np.random.Generator, run_id: str, streams: int) -> Figure:
    rate = float(random.uniform(20, 900))
    metrics: dict[str, float | None] = {
        "prefill_tok_s": float(random.uniform(500, 20000)),
        "ttft_ms": float(random.uniform(5, 900)),
        "joules_per_token": float(random.uniform(0.1, 3)),
        "ceiling_share": float(random.uniform(0.3, 1)),
        "throughput_tok_s": rate * streams * float(random.uniform(0.5, 1)),
        "memory_peak_mib": float(random.uniform(2000, 24000)),
        "tok_s_per_w": float(random.uniform(0.3, 10)),
    }
    return replace(
        like,
        tok_s=rate,
        lo=rate * float(random.uniform(0.98, 1)),
        hi=rate * float(random.uniform(1, 1.02)),
        href=f"runs/{run_id}.html#{like.workload}-{streams}",
        metrics=metrics,
    )


def many_rows(made: Made, count: int, *, divided: bool = False) -> tuple[bytes, Iterable[bytes]]:
    """The front page of `count` synthetic rows without its charts, and what every page loads."""
    like = next(row for row in made.view.rows if row.provenance == "measured" and not row.note)
    rows = synthetic_rows(like, count)
    tables = made.tables
    site: Site = replace(
        made.view,
        rows=tuple(rows),
        families=tuple(families(rows)),
        divided=divided,
        machines=tuple(machines(rows, tables)),
        charts=(),
    )
    press = Press()
    page = press.page(
        "index.html", site=site, charts=chart_view((), tables), row_data=row_data(rows)
    )
    return page, [content for path, content in press.files.items() if path.startswith("static/")]
