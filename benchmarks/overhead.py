"""How much of a run's wall time is measuring, and where the rest goes.

    python benchmarks/overhead.py [RUN FILE ...]         those, else all measured of this checkout
    python benchmarks/overhead.py --make --rig shared-vm-2core --model smollm2-135m-instruct-q4_1

Target at full profile: everything besides the measured windows takes at most a fifth of the
windows. A window runs from the first request sent to the last token, warm-up excluded; the bare
engine's is the sum of its repetitions. --make makes a full run on this rig in a temporary
folder (an hour or less; nothing of it is kept).
"""

import argparse
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.errors import BenchError
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.harness.run import make_runs
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.paths import Project, artefact_cache, checkout
from bench_pipeline.progress import Terminal
from bench_pipeline.records.cell import Request
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_engines, read_rigs, read_run, run_files
from benchmarks.text_table import table

TARGET = 0.20


@dataclass(frozen=True)
class Spent:
    """Seconds of a run's wall time. `measured` and `besides` are by what they went into."""

    wall_s: float
    measured: dict[str, float]
    besides: dict[str, float]

    @property
    def overhead(self) -> float:
        """What is not measuring, as a share of what is."""
        measured_s = sum(self.measured.values())
        return (self.wall_s - measured_s) / measured_s


def spent(run: Run) -> Spent:
    """ValueError for a run that was not measured, or in which nothing was."""
    if run.started_at is None or run.finished_at is None:
        raise ValueError("it does not say when it began and ended")
    wall_s = (run.finished_at - run.started_at).total_seconds()
    measured_ms = {
        "cells": sum(cell.window_ms or 0 for cell in run.cells),
        "curves": sum(point.window_ms or 0 for point in run.curves),
        "the first cell again": (run.closing.window_ms or 0) if run.closing else 0,
        "bare engine": sum(
            sum(test.times_ms) for test in (run.bare_engine.tests if run.bare_engine else [])
        ),
    }
    if not any(measured_ms.values()):
        raise ValueError("it has no measured window")
    cells = [*run.cells, *([run.closing] if run.closing else [])]
    warmups = [cell.warmups for cell in cells] + [point.warmups for point in run.curves]
    besides_ms = {
        "server starts": sum(server.load_ms or 0 for server in run.servers),
        "warm-ups": sum(_together_ms(requests) for requests in warmups),
        "waiting for a quiet rig": run.host_load.waited_s * 1000 if run.host_load else 0,
    }
    measured, besides = (
        {name: ms / 1000 for name, ms in times.items() if ms} for times in (measured_ms, besides_ms)
    )
    rest_s = wall_s - sum(measured.values()) - sum(besides.values())
    besides["the rest: prompts, stops, llama-bench's own loads and contexts"] = rest_s
    return Spent(wall_s, measured, besides)


def _together_ms(requests: Iterable[Request]) -> float:
    """Of waves: their requests run at the same time."""
    longest: dict[int, float] = defaultdict(float)
    for request in requests:
        longest[request.wave] = max(longest[request.wave], request.end_to_end_ms)
    return sum(longest.values())


def show(name: str, run: Run) -> None:
    try:
        found = spent(run)
    except ValueError as error:
        print(f"\n{name}: left out, {error}")
        return
    print(f"\n{name}: {run.model.slug}, {run.profile}, {len(run.servers)} servers")
    rows = [["", "s", "of the wall time"]]
    groups = (("measured", found.measured), ("besides", found.besides))
    for group, parts in groups:
        total_s = sum(parts.values())
        rows.append([group, f"{total_s:.1f}", f"{total_s / found.wall_s:.1%}"])
        rows += [[f"  {n}", f"{s:.1f}", f"{s / found.wall_s:.1%}"] for n, s in parts.items()]
    print(table([*rows, ["wall", f"{found.wall_s:.1f}", ""]]))
    target = f" (target: at most {TARGET:.0%})" if run.profile == "full" else ""
    print(f"besides / measured: {found.overhead:.1%}{target}")


def make(options: argparse.Namespace) -> Run:
    content = checkout().content
    with TemporaryDirectory() as folder:
        project = Project(Path(folder))
        shutil.copytree(content, project.content, ignore=shutil.ignore_patterns("benchmarks"))
        rigs = read_rigs(project.rigs)
        if options.rig not in rigs:
            raise SystemExit(f"error: no rig `{options.rig}`, only {', '.join(rigs)}")
        rig, model = rigs[options.rig], known_model(project, options.model)
        catalogue = read_engines(project.engines)
        choice = choose(catalogue, rig, options.backend, options.build, this_host())
        item = PlanItem(
            rig=rig.slug,
            backend=options.backend,
            build=choice.build,
            model=model.slug,
            model_sha256=model.sha256,
            mode="baseline",
            profile=options.profile,
            concurrencies=PROFILES[options.profile].concurrencies,
        )
        [(run, _)] = make_runs(
            item, project=project, rig=rig, cache=artefact_cache(), reporter=Terminal()
        )
    return run


def committed(paths: Sequence[Path]) -> Iterable[tuple[str, Run]]:
    runs = checkout().runs
    for path in paths or sorted(run_files(runs)):
        run = read_run(path)
        if paths or run.provenance == "measured":
            yield path.name, run


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--make", action="store_true", help="make a run instead")
    parser.add_argument("--rig", help="slug, with --make")
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--model", default="smollm2-135m-instruct-q4_1")
    parser.add_argument("--build")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    options = parser.parse_args()
    try:
        if options.make:
            show("made just now", make(options))
        else:
            for name, run in committed(options.files):
                show(name, run)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
