"""Working a plan off: what it wants and the folder lacks, one run after the other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench_pipeline.errors import BenchError
from bench_pipeline.harness.carried.files import bring_in
from bench_pipeline.harness.carried.folder import OutFolder
from bench_pipeline.harness.disk import after_making
from bench_pipeline.harness.planning.missing import made_runs
from bench_pipeline.harness.planning.modes import draft_slug
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.plan_file import items_of
from bench_pipeline.harness.run import Made, make_runs
from bench_pipeline.progress import Reporter
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.declared import known_backend
from bench_pipeline.records.yaml.files import read_run

Make = Callable[..., Made]


@dataclass
class Worked:
    """What became of a plan.

    there      files of runs that were there before
    made       files of runs made just now
    failed     why runs of both failed, or cells of them did, by file
    not_made   what could not be run at all, and why
    """

    there: list[Path] = field(default_factory=list)
    made: list[Path] = field(default_factory=list)
    failed: dict[Path, list[str]] = field(default_factory=dict)
    not_made: list[tuple[PlanItem, BenchError]] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """All that was wanted is there, and none of it failed."""
        return not self.failed and not self.not_made

    def tell(self, path: Path, run: Run, reporter: Reporter) -> None:
        """What failed of a run, if anything did."""
        for failure in run.failures:
            self.failed.setdefault(path, []).append(failure)
            reporter.say(f"{path.name}: {failure}")


def work_off(
    plan: Plan,
    rig: Rig,
    out: OutFolder,
    *,
    cache: Path,
    carried: Path,
    reporter: Reporter,
    make: Make = make_runs,
) -> Worked:
    """Makes in `out`, which this process holds, every run of `plan` that is not in it.

    cache     where engines and models lie, or are fetched to
    carried   a folder in which files of models may lie loose

    A run that cannot be made is no reason not to make the next. An interrupt ends it: what was
    whole by then is kept and listed.
    """
    out.tidy()
    out.lay_out(plan, rig)
    worked, items = Worked(), items_of(plan)
    there = made_runs(out.home, items)
    worked.there = list(dict.fromkeys(path for path in there.values() if path is not None))
    missing = [item for item, path in there.items() if path is None]
    for path in worked.there:
        worked.tell(path, read_run(path), reporter)
    try:
        for number, item in enumerate(missing, start=1):
            reporter.say(f"Run {number} of {len(missing)}: {item.told}")
            try:
                known_backend(out.home.rigs, rig, item.backend)
                for model in plan.models:
                    if model.slug in (item.model, draft_slug(item.mode)):
                        bring_in(model, carried, cache)
                runs = make(item, project=out.work, rig=rig, cache=cache, reporter=reporter)
                kept = out.keep([path for _, path in runs])
            except BenchError as error:
                reporter.say(f"Not made: {error}")
                worked.not_made.append((item, error))
                continue
            after_making(item, missing[number:], out.work, cache, reporter)
            worked.made += kept
            for path, (run, _) in zip(kept, runs, strict=True):
                reporter.say(f"Kept {path.relative_to(out.root)}")
                worked.tell(path, run, reporter)
    finally:
        out.tidy()
    return worked
