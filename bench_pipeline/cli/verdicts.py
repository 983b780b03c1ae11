"""What `make bench BUILD= BASELINE=` says at its end: which build is faster, and how sure it is."""

from collections.abc import Collection
from typing import Any

from rich.console import Console
from rich.table import Table

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.paths import Project
from bench_pipeline.warehouse.store import Warehouse

_QUERY = """
select build_before, build_after, workload, concurrency, metric, value_before, value_after, ratio,
    ratio_lo, ratio_hi, verdict, compile_difference
from comparisons
where session_id is not null
    and list_contains($runs, run_before) and list_contains($runs, run_after)
order by model, number_before, number_after, workload, concurrency, metric
"""


def tell_verdicts(project: Project, console: Console, run_ids: Collection[str]) -> None:
    """Prints a table for each two builds that were just measured in turns; none, nothing."""
    with Warehouse(project.warehouse).read() as connection:
        found = connection.execute(_QUERY, {"runs": sorted(run_ids)})
        columns = [column[0] for column in found.description or []]
        rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    for before, after in dict.fromkeys((row["build_before"], row["build_after"]) for row in rows):
        pair = [r for r in rows if (r["build_before"], r["build_after"]) == (before, after)]
        console.print(f"\n{after} against {before}, measured in turns")
        table = Table(box=None, pad_edge=False)
        for heading in ("workload", "streams", "figure", before, after, "change", "verdict"):
            table.add_column(heading, justify="right" if heading == "streams" else "left")
        for row in pair:
            table.add_row(
                row["workload"],
                str(row["concurrency"]),
                DEFINITIONS[row["metric"]].label,
                f"{row['value_before']:,.1f}",
                f"{row['value_after']:,.1f}",
                change(row),
                row["verdict"],
            )
        console.print(table)
        if difference := pair[0]["compile_difference"]:
            console.print(f"Compiled differently: {difference}", soft_wrap=True)


def change(row: dict[str, Any]) -> str:
    """`+2.1 % (+0.4 to +3.8)`, of a ratio and its interval."""
    middle, lo, hi = ((row[name] or 1) - 1 for name in ("ratio", "ratio_lo", "ratio_hi"))
    between = "" if row["ratio_lo"] is None else f" ({lo:+.1%} to {hi:+.1%})".replace("%", "")
    return f"{middle:+.1%}".replace("%", " %") + between
