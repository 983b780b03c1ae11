"""How long the warehouse takes to ingest run files.

    python benchmarks/ingest.py [number of run files, 1000 by default]

Writes that many full measured runs (eight cells, 120 requests each) into a temporary project,
then times a refresh from nothing, one with nothing new, one with one new file and one with one
edited file, each in a process of its own: the refresh alone, and the whole process with its
imports.
"""

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_pipeline.paths import Project
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import write_run
from tests.factories import measured_run

REFRESH = """
import json, sys, time
from pathlib import Path
from bench_pipeline.paths import Project
from bench_pipeline.warehouse.refresh import refresh
started = time.perf_counter()
report = refresh(Project(Path(sys.argv[1])))
print(json.dumps([time.perf_counter() - started, report.row_counts]))
"""

console = Console(highlight=False)


def distinct_run(number: int) -> Run:
    """Spread over 20 rigs and 10 builds, a minute apart."""
    return measured_run(
        rig=f"rig-{number % 20:02}",
        build=f"b{10000 + number % 10}",
        started_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
        seed=number,
    )


def edited(run: Run) -> Run:
    model = run.model.model_copy(update={"creator": "somebody-else"})
    return run.model_copy(update={"model": model})


def timed(name: str, project: Project) -> dict[str, int]:
    """Prints how long the refresh took, and the whole process; returns each table's rows."""
    started = time.perf_counter()
    command = [sys.executable, "-c", REFRESH, str(project.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    process_s = time.perf_counter() - started
    refresh_s, row_counts = json.loads(done.stdout)
    console.print(f"{name:<16} {refresh_s:7.2f} s   (process {process_s:.2f} s)")
    return row_counts


def main(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        for n in track(range(number), "Writing run files", console=console, transient=True):
            last = write_run(distinct_run(n), project.runs)
        size_mb = sum(path.stat().st_size for path in project.runs.rglob("*.yaml")) / 1e6
        console.print(f"{number} run files, {size_mb:.0f} MB")
        rows = timed("cold", project)
        timed("nothing new", project)
        write_run(distinct_run(number), project.runs)
        timed("one new", project)
        last.unlink()
        write_run(edited(distinct_run(number - 1)), project.runs)
        timed("one edited", project)
        warehouse_mb = project.warehouse.stat().st_size / 1e6
        console.print(f"{rows['requests']} requests, warehouse {warehouse_mb:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
