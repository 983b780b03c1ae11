"""How often the verdict on two builds is right: of equal builds, and of one slowed by 5 %.

    python benchmarks/judgement.py [RUN FILE ...]      simulated, with the noise of those run files,
                                                       else of all measured ones of this checkout
    python benchmarks/judgement.py --intervals
    python benchmarks/judgement.py --real --rig shared-vm-2core --budget-s 900

Target: `no difference` of equal builds in at least 19 of 20 sessions, `slower` in at least 19 of
20 where a build loses 5 %, each measured until the session's own rule says that it is known.

Simulated sessions go turn by turn as real ones do, A B B A, the rule asked after each. A wave is
off by what successive waves of one stream differed in the run files of a rig (/ sqrt 2); a block
by what two blocks of one build in one turn of its sessions differed (/ sqrt 2: some of the waves'
noise is in it as well, which errs to the careful side), or by 1 % where there is no session.
Meanwhile the machine drifts.

--intervals simulates single cells of sessions instead: how often the 95 % interval of the median
holds the truth, over the medians of the starts, as it is published, and over single waves.

--real measures two sessions with the build of this rig: beside itself under another name, and
beside itself behind a wrapper that stops it for 5 % of the time. Nothing of them is kept.
"""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.engines.builds.install import InstalledEngine, install
from bench_pipeline.errors import BenchError
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.run import measure_session
from bench_pipeline.harness.session import WAVES_PER_BLOCK
from bench_pipeline.measures.cells import by_wave
from bench_pipeline.measures.comparison import (
    JUDGED,
    MIN_TURNS,
    Verdict,
    known,
    ratio_of_turns,
    turns_of,
    verdict,
)
from bench_pipeline.measures.statistics import Estimate, Ratio, median_with_interval
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.paths import Project, artefact_cache, checkout
from bench_pipeline.progress import Terminal
from bench_pipeline.records.engines import Sentinel
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_engines, read_rigs, read_run, run_files
from benchmarks.slowed_engine import slowed
from benchmarks.text_table import table

SLOWED_BY = 0.05
MAX_TURNS = 60
"""An hour and more on a small machine: who has not decided by then is undecided."""

DRIFT = 0.05
"""Of the machine's speed, over `DRIFT_TURNS`."""
DRIFT_TURNS = 20
SEED = 20261122

WAVES_DEVIATION = 0.01
"""Of one start's waves from each other, where cells of sessions are simulated."""


@dataclass(frozen=True)
class Noise:
    """Deviations of log values, to draw from."""

    name: str
    waves: np.ndarray
    """Of a wave from its cell."""
    starts: np.ndarray
    """Of a block from its build."""

    def __str__(self) -> str:
        return (
            f"{self.name}: waves ±{np.std(self.waves):.1%} ({len(self.waves)} deviations), "
            f"starts ±{np.std(self.starts):.1%} ({len(self.starts)})"
        )


def textbook_noise() -> Noise:
    """2.5 % a wave, one of fifty disturbed by 10 to 40 %; 1 % a start."""
    random = np.random.default_rng(SEED)
    waves = random.normal(0, 0.025, 2000)
    waves[::50] -= random.uniform(0.1, 0.4, 40)
    return Noise("assumed", waves, random.normal(0, 0.01, 2000))


def noise_of(rig: str, runs: Iterable[Run], metric: str) -> Noise | None:
    """As the values of one rig's runs scatter; None where no cell has enough of them."""
    waves, starts = list[float](), list[float]()
    for run in runs:
        for cell in run.cells:
            if cell.status != "ok" or cell.concurrency > 1:
                continue
            if run.session is None:
                values = np.log(by_wave(cell.requests, JUDGED[metric].of))
                if len(values) >= 5:
                    waves += (np.diff(values) / np.sqrt(2)).tolist()
            else:
                for turn in turns_of(cell, JUDGED[metric].of):
                    half = len(turn) // 2
                    there, back = np.median(turn[:half]), np.median(turn[half:])
                    off = float(np.log(there / back) / np.sqrt(2))
                    starts += [off, -off]
    if not waves:
        return None
    if not starts:
        starts = textbook_noise().starts.tolist()
    return Noise(f"{metric} on {rig}", np.array(waves), np.array(starts))


@dataclass(frozen=True)
class Held:
    """What became of the intervals of medians whose truth is 1."""

    share: float
    """That hold it."""
    width: float
    """Median half width."""

    @classmethod
    def of(cls, estimates: Sequence[Estimate]) -> "Held":
        ends = np.array([(estimate.lo, estimate.hi) for estimate in estimates], dtype=float)
        holds = (ends[:, 0] <= 1) & (ends[:, 1] >= 1)
        return cls(float(holds.mean()), float(np.median(ends[:, 1] - ends[:, 0]) / 2))


def drifts(name: str, steps: int, random: np.random.Generator) -> np.ndarray:
    """Log speed of the machine at each of `steps` waves."""
    each = DRIFT / (DRIFT_TURNS * 4 * WAVES_PER_BLOCK)
    if name == "steady":
        return np.zeros(steps)
    if name == "falling":
        return -each * np.arange(steps)
    root = DRIFT / np.sqrt(DRIFT_TURNS * 4 * WAVES_PER_BLOCK)
    return np.cumsum(random.normal(0, root, steps))


def simulated(
    noise: Noise, drift: str, slowed_by: float, random: np.random.Generator
) -> tuple[Ratio, int]:
    """What a session ends with, and after how many turns."""
    shape = (MAX_TURNS, 4, WAVES_PER_BLOCK)
    logs = random.choice(noise.waves, shape) + random.choice(noise.starts, (MAX_TURNS, 4, 1))
    logs += drifts(drift, logs.size, random).reshape(shape)
    values = np.exp(logs)
    values[:, 1:3] *= 1 - slowed_by
    before = values[:, [0, 3]].reshape(MAX_TURNS, -1).tolist()
    after = values[:, [1, 2]].reshape(MAX_TURNS, -1).tolist()
    turns = MIN_TURNS
    while True:
        ratio = ratio_of_turns(before[:turns], after[:turns])
        assert ratio is not None
        if known(ratio) or turns == MAX_TURNS:
            return ratio, turns
        turns += 1


def simulate(noises: Sequence[Noise], tries: int) -> bool:
    """Prints what came out; whether every target is met."""
    met = True
    for noise in noises:
        print(f"\n{noise}")
        rows = [["build", "machine", "as it should be", "wrong", "undecided", "turns", "95 % by"]]
        for slowed_by in (0.0, SLOWED_BY):
            wanted: Verdict = "slower" if slowed_by else "no difference"
            for drift in ("steady", "falling", "wandering"):
                random = np.random.default_rng(SEED)
                ends = [simulated(noise, drift, slowed_by, random) for _ in range(tries)]
                said = Counter(verdict(ratio, higher_is_better=True) for ratio, _ in ends)
                turns = [turns for _, turns in ends]
                right, undecided = said[wanted], said["undecided"]
                met &= right >= 0.95 * tries
                rows.append(
                    [
                        f"{slowed_by:.0%} slower" if slowed_by else "the same",
                        drift,
                        f"{right} of {tries} ({wanted})",
                        str(tries - right - undecided),
                        str(undecided),
                        f"{np.median(turns):.0f}",
                        f"{np.quantile(turns, 0.95):.0f}",
                    ]
                )
        print(table(rows))
    return met


def held(
    starts: int, deviation: float, tries: int, random: np.random.Generator
) -> tuple[Held, Held]:
    """Of a cell of so many starts: by the starts' medians, and by single waves.

    `deviation`: of a start, as a share; waves differ by `WAVES_DEVIATION` from their start.
    """
    ends: tuple[list[Estimate], list[Estimate]] = ([], [])
    for _ in range(tries):
        logs = random.normal(0, deviation, (starts, 1))
        values = np.exp(logs + random.normal(0, WAVES_DEVIATION, (starts, WAVES_PER_BLOCK)))
        for found, repeated in zip(ends, (np.median(values, axis=1), values.ravel()), strict=True):
            estimate = median_with_interval(repeated.tolist())
            assert estimate is not None
            found.append(estimate)
    return Held.of(ends[0]), Held.of(ends[1])


def simulate_intervals(tries: int) -> None:
    rows = [["starts", "starts differ by", "by the starts", "", "by single waves", ""]]
    for starts in (3, 6, 10, 20):
        for deviation in (0.01, 0.05):
            random = np.random.default_rng(SEED)
            found = held(starts, deviation, tries, random)
            words = [word for one in found for word in (f"{one.share:.1%}", f"±{one.width:.1%}")]
            rows.append([str(starts), f"±{deviation:.0%}", *words])
    print(f"how often the 95 % interval holds the truth, of {tries}; waves ±{WAVES_DEVIATION:.0%}")
    print(table(rows))


def measured(paths: Sequence[Path]) -> list[Run]:
    runs = [read_run(path) for path in paths or sorted(run_files(checkout().runs))]
    return [run for run in runs if run.provenance == "measured"]


def measure(options: argparse.Namespace) -> None:
    content = checkout().content
    with TemporaryDirectory() as folder:
        project = Project(Path(folder, "project"))
        shutil.copytree(content, project.content, ignore=shutil.ignore_patterns("benchmarks"))
        rig = read_rigs(project.rigs)[options.rig]
        catalogue, cache = read_engines(project.engines), artefact_cache()
        choice = choose(catalogue, rig, options.backend, options.build, this_host())
        engine = install(choice, cache, Terminal(), backend=options.backend)
        others = {
            f"{engine.build} beside itself": replace(engine, build=f"{engine.build}-again"),
            f"{engine.build} stopped for {SLOWED_BY:.0%} of the time": replace(
                engine,
                build=f"{engine.build}-slowed",
                binary=slowed(engine.binary, SLOWED_BY, Path(folder)),
            ),
        }
        for title, other in others.items():
            print(f"\n{title}", flush=True)
            show(session(project, [engine, other], options))


def session(
    project: Project, engines: Sequence[InstalledEngine], options: argparse.Namespace
) -> list[Run]:
    rig, model = read_rigs(project.rigs)[options.rig], known_model(project, options.model)
    item = PlanItem(
        rig=rig.slug,
        backend=options.backend,
        build=engines[0].build,
        model=model.slug,
        model_sha256=model.sha256,
        mode="baseline",
        profile="full",
        concurrencies=(1,),
        beside=(engines[1].build,),
    )
    made = measure_session(
        item,
        project=project,
        rig=rig,
        engines=engines,
        sentinel=Sentinel(
            models=[model.slug],
            workloads=options.workloads,
            concurrencies=[1],
            budget_s=options.budget_s,
        ),
        model=model,
        model_path=fetch_model(model, artefact_cache(), Terminal()),
        reporter=Terminal(),
    )
    return sorted((run for run, _ in made), key=lambda run: run.engine.build != engines[0].build)


def show(runs: Sequence[Run]) -> None:
    rows = [["workload", "metric", "ratio", "interval", "turns", "verdict"]]
    for before, after in pairwise(runs):
        for cells in zip(before.cells, after.cells, strict=True):
            for metric, judged in JUDGED.items():
                turns = [turns_of(cell, judged.of) for cell in cells]
                ratio = ratio_of_turns(*turns)
                if ratio is None:
                    continue
                known_to = f"{ratio.lo:.4f} - {ratio.hi:.4f}" if ratio.lo and ratio.hi else ""
                said = verdict(ratio, judged.higher_is_better)
                place = cells[0].workload, metric, f"{ratio.ratio:.4f}", known_to
                rows.append([*place, str(min(map(len, turns))), said])
    print(table(rows))
    for run in runs:
        print(f"{run.engine.build}: {run.failure.message if run.failure else 'ok'}", end="; ")
    print(f"ended: {runs[0].session.ended if runs[0].session else 'without a session'}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--tries", type=int, default=200, help="simulated sessions of each kind")
    parser.add_argument("--intervals", action="store_true", help="of the cells of sessions")
    parser.add_argument("--real", action="store_true", help="measure instead")
    parser.add_argument("--rig", help="slug, with --real")
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--build")
    parser.add_argument("--model", default="smollm2-135m-instruct-q4_1")
    parser.add_argument("--workloads", nargs="+", default=["chat"])
    parser.add_argument("--budget-s", type=float, default=600, help="for each of the two sessions")
    options = parser.parse_args()
    if options.intervals:
        simulate_intervals(options.tries)
        return 0
    try:
        if options.real:
            measure(options)
            return 0
        runs = measured(options.files)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    found = [
        noise_of(rig, [run for run in runs if run.rig == rig], metric)
        for rig in sorted({run.rig for run in runs})
        for metric in ("decode_tok_s", "prefill_tok_s")
    ]
    noises = [textbook_noise(), *(noise for noise in found if noise)]
    return 0 if simulate(noises, options.tries) else 1


if __name__ == "__main__":
    sys.exit(main())
