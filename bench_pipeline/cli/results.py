"""What `make bench` shows at its end: what was measured, or was there already."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from bench_pipeline.defs.assets.cards import (
    INTERVAL_HEADING,
    SPEED_HEADINGS,
    model_name,
    speed_rows,
)
from bench_pipeline.paths import Project
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run

if TYPE_CHECKING:
    from bench_pipeline.cli.flow import Outcome


def tell_results(project: Project, console: Console, outcome: "Outcome") -> None:
    runs = {path: read_run(project.runs / path) for path in outcome.run_files}
    there = {path: read_run(project.runs / path) for path in outcome.kept_files}
    for path, run in {**runs, **there}.items():
        console.print()
        if path in there:
            console.print(f"Already measured, on {run.started_at:%Y-%m-%d %H:%M} UTC:")
        console.print(f"{model_name(run)} on {run.engine.asked_as}, {run.backend}, {run.profile}")
        if run.cells:
            console.print(_table(run))
        for line in _conversations(run):
            console.print(line)
        console.print(f"\nRun file   {(project.runs / path).relative_to(project.root)}")
    if there:
        console.print(f"Repeat     {again(there.values())}", soft_wrap=True)
    if any(run.session for run in runs.values()):
        from bench_pipeline.cli.verdicts import tell_verdicts

        tell_verdicts(project, console, [run.run_id for run in runs.values()])
    built = "site_pages" in outcome.seconds
    note = "" if built else "  (not built anew: a check stopped it)"
    console.print(f"Page       {project.site / 'index.html'}{note}", soft_wrap=True)


def again(there: Iterable[Run]) -> str:
    """How to repeat what was there, and why one might want to."""
    weak = sorted({word for run in there for word in shortcomings(run)})
    of_what = f"  (this run is {', '.join(weak)})" if weak else ""
    return f"make bench ... AGAIN=1: this run stays, the newer one is shown{of_what}"


def shortcomings(run: Run) -> list[str]:
    """In what a run is less than the page's best kind, in words."""
    from bench_pipeline.measures.drift import drift_of

    words = ["provisional"] if run.profile == "quick" else []
    drift = drift_of(run)
    if drift is not None and drift.drifted:
        words.append("drifted")
    if run.host_load is not None and run.host_load.quiet is False:
        words.append("of a busy host")
    if run.status != "ok" or any(cell.failure for cell in run.cells):
        words.append("failed in part")
    return words


def _conversations(run: Run) -> Iterator[str]:
    from bench_pipeline.measures.conversations import trace_figures

    for trace in run.conversations or ():
        if trace.failure:
            yield f"{trace.title}: failed ({trace.failure.kind})"
            continue
        found = trace_figures(trace)
        told = [f"{len(trace.turns)} turns, n = {found.n}"]
        if found.trace_ms and found.waiting_ms:
            waited = f"{found.waiting_ms.median / 1000:.1f} s until the replies began"
            told.insert(0, f"{found.trace_ms.median / 1000:.1f} s, {waited}")
        if found.cached_share is not None:
            told.append(f"{found.cached_share:.0%} of the prompts' tokens reused")
        yield f"{trace.title}: {'; '.join(told)}"


def _table(run: Run) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in SPEED_HEADINGS:
        left = heading == "workload"
        name = heading.replace(" ", "\n")
        # the interval's column also says why there is none, in words that may take two lines
        unbroken = heading != INTERVAL_HEADING
        table.add_column(name, justify="left" if left else "right", no_wrap=unbroken)
    for row in speed_rows(run):
        table.add_row(*row)
    return table
