"""How long a site takes to build and how large it gets as measurements grow.

    python benchmarks/site_scale.py [times, 10 by default]

Writes synthetic full runs into a temporary project: 60 models, times that many, on 3 rigs with 3
backends each, 4 workloads at 3 concurrencies, so 540 runs and 6,480 cells a time. Then makes the
warehouse from them, refreshes it after one run more, builds the site in a process of its own, and
prints how the pages divide. 540 runs come first: of them `dagster asset materialize --select
site_pages` with nothing new is timed, in a copy of this checkout. In the end stands each figure
beside what it may be at most, and what a run costs at both sizes. Beside wall times stand those of
the processors, which a busy machine stretches less. Ten times wants some twelve minutes on two
quiet cores, and 5 GB in the folder for temporary files.
"""

import gzip
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import dump_record, write_atomically
from bench_pipeline.warehouse.refresh import refresh
from benchmarks.text_table import table
from tests.checkouts import BIN, copy_checkout
from tests.factories import SMOLLM2, measured_run

MODELS, CONCURRENCIES = 60, (1, 4, 8)
RIGS, BACKENDS = ("rig-a", "rig-b", "rig-c"), ("cuda", "vulkan", "rocm")
VARIANTS_OF_A_FAMILY = 6
BUILD = """
import json, re, resource, sys
from dataclasses import asdict
from pathlib import Path
from bench_pipeline.site.build import build_site
report = asdict(build_site(*map(Path, sys.argv[1:])))
own_kib = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
crew_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps(report | {"peak_mib": max(own_kib, crew_kib) / 1024}))
"""
"""Its own account of its memory: `ru_maxrss` of a child begins with what its parent had, and here
that is the whole refresh."""

console = Console(highlight=False, soft_wrap=True)


PLACES = tuple(product(RIGS, BACKENDS))


def synthetic_run(number: int) -> Run:
    """The run of that number: one model after the other, each in every place."""
    model, place = divmod(number, len(PLACES))
    rig, backend = PLACES[place]
    update = {
        "slug": f"model-{model}",
        "family": f"Family-{model // VARIANTS_OF_A_FAMILY}",
        "variant": f"{model % VARIANTS_OF_A_FAMILY}B-Instruct",
        "sha256": f"{model:064x}",
    }
    return measured_run(
        rig=rig,
        backend=backend,
        model=SMOLLM2.model_copy(update=update),
        concurrencies=CONCURRENCIES,
        decode_tok_s=20 + number * 7 % 800,
        prefill_tok_s=500 + number * 131 % 20_000,
        seed=number,
    )


def write_synthetic_run(number: int, folder: Path) -> None:
    """Without reading it back first, as `write_run` does: that takes as long again."""
    run = synthetic_run(number)
    write_atomically(folder / run.relative_path, dump_record(run))


@dataclass(frozen=True)
class Took:
    wall_s: float
    cpu_s: float
    """Of this process and those that it started."""

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s ({self.cpu_s:.1f} s of processors)"


def cpu_s() -> float:
    own, others = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def timed(work: Callable[[], object]) -> Took:
    started, cpu_before_s = time.perf_counter(), cpu_s()
    work()
    return Took(time.perf_counter() - started, cpu_s() - cpu_before_s)


def kind_of(path: Path) -> str:
    return path.parts[0] if len(path.parts) > 1 else path.name


def sizes(site: Path) -> str:
    """Of each folder and of each page above them: files, bytes, and the heaviest gzipped."""
    found: dict[str, list[Path]] = {}
    for path in sorted(site.rglob("*")):
        if path.is_file():
            found.setdefault(kind_of(path.relative_to(site)), []).append(path)
    rows = [["", "files", "MB", "heaviest, KB gzipped"]]
    for kind, paths in found.items():
        heaviest = max(paths, key=lambda path: path.stat().st_size)
        megabytes = sum(path.stat().st_size for path in paths) / 1e6
        gzipped = len(gzip.compress(heaviest.read_bytes())) / 1e3
        rows.append([kind, str(len(paths)), f"{megabytes:.1f}", f"{gzipped:.1f}"])
    return table(rows)


@dataclass(frozen=True)
class Measured:
    """What some runs cost."""

    runs: int
    warehouse: Took
    one_run_more: Took
    site: Took
    peak_mib: float
    """Of the largest process that built it."""
    site_after_one_more: Took
    megabytes: float
    nothing_new: Took | None
    """`site_pages` by Dagster's command line."""


def measure(times: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        shutil.copytree(checkout().workloads, project.workloads)
        count = MODELS * times * len(PLACES)
        write = partial(write_synthetic_run, folder=project.runs)
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            written = pool.map(write, range(count - 1), chunksize=8)
            for _ in track(written, "Writing run files", count, console=console, transient=True):
                pass
        warehouse = timed(lambda: refresh(project))
        console.print(f"{times}x: {count - 1} runs, refreshed in {warehouse}")
        command = [sys.executable, "-c", BUILD, str(project.warehouse), str(project.site)]

        peaks_mib = []

        def build() -> dict[str, int]:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"the build failed: {done.stderr.splitlines()[-1]}")
            report: dict[str, int] = json.loads(done.stdout)
            peaks_mib.append(report["peak_mib"])
            return report

        site = timed(build)
        again = timed(build)
        nothing_new = materialized(project) if times == 1 else None
        write(count - 1)
        one_more = timed(lambda: refresh(project))
        console.print(f"one run more: refreshed in {one_more}")
        site_after = timed(build)
        report = build()
        console.print(
            f"built in {site}, {peaks_mib[0]:,.0f} MiB at most in one process,"
            f" in {again} with nothing new, in {site_after} after one run more:"
            f" {report['pages']} pages,"
            f" {report['bytes_total'] / 1e6:.1f} MB; the first visit"
            f" {report['bytes_index_gzip'] / 1e3:.1f} KB gzipped"
        )
        console.print(sizes(project.site))
        megabytes = report["bytes_total"] / 1e6
        return Measured(
            count,
            warehouse,
            one_more,
            site,
            max(peaks_mib),
            site_after,
            megabytes,
            nothing_new,
        )


def materialized(project: Project) -> Took:
    """`site_pages` in a copy of this checkout that has these runs, when nothing is new to it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Project(copy_checkout(Path(folder) / "checkout"))
        shutil.rmtree(copy.runs)
        shutil.copytree(project.runs, copy.runs)
        command = [str(BIN / "dagster"), "asset", "materialize", "--select", "site_pages"]

        def materialize() -> None:
            done = subprocess.run(command, cwd=copy.root, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"`{' '.join(command)}` failed: {done.stderr[-2000:]}")

        materialize()
        return min((timed(materialize) for _ in range(3)), key=lambda took: took.wall_s)


def against_targets(small: Measured, large: Measured) -> str:
    """Each figure beside what it may be at most; the limits are those of 5,400 runs on two quiet
    cores."""
    nothing_new = small.nothing_new
    assert nothing_new is not None
    rows = [[f"at {large.runs:,} runs", "wall", "processors", "at most"]]
    for name, took, most_s in (
        ("warehouse from nothing", large.warehouse, 120),
        ("one run more", large.one_run_more, 1.5),
        ("site from nothing", large.site, 110),
        ("site after one run more", large.site_after_one_more, 8),
        (f"site_pages, nothing new, {small.runs} runs", nothing_new, 5),
    ):
        rows.append([name, f"{took.wall_s:.1f} s", f"{took.cpu_s:.1f} s", f"{most_s} s"])
    rows.append(["largest process of the site", f"{large.peak_mib:,.0f} MiB", "", "800 MiB"])
    rows.append(["site on disk", f"{large.megabytes / 1e3:.2f} GB", "", "0.7 GB"])
    return table(rows)


def slope(small: Measured, large: Measured) -> str:
    """What a run costs at both sizes, and what changed with their number."""
    rows = [["of each run", f"{small.runs:,} runs", f"{large.runs:,} runs", "ratio"]]
    for name, costs in (
        ("warehouse, ms of processors", lambda m: m.warehouse.cpu_s * 1e3),
        ("site, ms of processors", lambda m: m.site.cpu_s * 1e3),
        ("site, KB", lambda m: m.megabytes * 1e3),
    ):
        each, other = costs(small) / small.runs, costs(large) / large.runs
        rows.append([name, f"{each:.1f}", f"{other:.1f}", f"{other / each:.2f}"])
    rows.append(["of one run more", f"{small.runs:,} runs", f"{large.runs:,} runs", "ratio"])
    for name, took in (
        ("warehouse, s", lambda m: m.one_run_more.wall_s),
        ("site, s", lambda m: m.site_after_one_more.wall_s),
    ):
        each, other = took(small), took(large)
        rows.append([name, f"{each:.1f}", f"{other:.1f}", f"{other / each:.2f}"])
    return table(rows)


def main(times: int) -> None:
    measured = [measure(each) for each in dict.fromkeys((1, times))]
    console.print(against_targets(measured[0], measured[-1]))
    if len(measured) > 1:
        console.print(slope(*measured))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
