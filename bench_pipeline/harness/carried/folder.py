"""The folder that a machine without a checkout leaves its runs in.

    content/rigs/<rig>.yaml                         the machine, with its identity
    content/benchmarks/runs/<rig>/<backend>/...     run files, whole, and their engine's logs
    SHA256SUMS                                      of all of these
    .work/                                          of the run that is being made; may be deleted

It is laid out as a checkout is. What is being made lies in `.work` until it is whole, so that a
machine which loses its power leaves nothing half among the results.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from bench_pipeline.errors import RecordError
from bench_pipeline.harness.carried.sums import write_sums
from bench_pipeline.paths import Project
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import dump_record, read_run, run_files, write_atomically


class OutFolder:
    """`home` has what is whole, `work` what a run needs to be made: both laid out as a checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home, self.work = Project(root), Project(root / ".work")

    @contextmanager
    def held(self) -> Iterator[Self]:
        """By this process alone. RecordError if another one has it, or it cannot be written."""
        lock = FileLock(self.work.root / "lock")
        try:
            self.work.root.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise RecordError(
                "another bench-rig leaves its runs there just now",
                mend="wait for it, or name another folder with --out",
                where=self.root,
            ) from None
        except OSError as error:
            raise RecordError(
                f"cannot be written: {error.strerror}",
                mend="correct its permissions, or name another folder with --out",
                where=error.filename or self.root,
            ) from None
        try:
            yield self
        finally:
            lock.release()

    def tidy(self) -> None:
        """Ends what a killed process had begun: runs that were measured whole are kept, the rest
        goes; the list of sums is that of what is there."""
        whole = _readable(self.work.runs)
        for path, run in whole.items():
            if self._is_complete(run, whole):
                self._move(path)
        for runs in (self.home.runs, self.work.runs):
            for partial in runs.rglob(".*.yaml.*"):
                partial.unlink()
        shutil.rmtree(self.work.content, ignore_errors=True)
        write_sums(self.root)

    def _is_complete(self, run: Run, found: Mapping[Path, Run]) -> bool:
        """Of builds in turns, one's run without the others' is judged against nothing."""
        if run.session is None:
            return True
        there = [*found.values(), *_readable(self.home.runs / run.rig / run.backend).values()]
        session = [each for each in there if each.session and _session(each) == _session(run)]
        return {each.engine.build for each in session} >= set(run.session.builds)

    def lay_out(self, plan: Plan, rig: Rig) -> None:
        """What the plan knows becomes what a checkout knows. RecordError if it cannot be
        written."""
        folders = (
            (self.work.rigs, [rig]),
            (self.work.models, plan.models),
            (self.work.workloads, plan.workloads),
            (self.work.conversations, plan.conversations or ()),
        )
        for folder, records in folders:
            for record in records:
                write_atomically(folder / f"{record.slug}.yaml", dump_record(record))
        write_atomically(self.work.engines, dump_record(plan.engines))

    def keep(self, paths: Iterable[Path]) -> list[Path]:
        """Moves run files and their logs from `work` to `home`, and lists their sums."""
        kept = [self._move(path) for path in paths]
        write_sums(self.root)
        return kept

    def _move(self, path: Path) -> Path:
        """The run file last: where it is, its logs are."""
        target = self.home.runs / path.relative_to(self.work.runs)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for file in (*sorted(path.parent.glob(f"{path.stem}-*.server.log")), path):
                file.replace(target.with_name(file.name))
        except OSError as error:
            raise RecordError(
                f"cannot be moved: {error.strerror}",
                mend="correct the permissions of that folder, then run it again",
                where=target,
            ) from None
        return target


def _readable(folder: Path) -> dict[Path, Run]:
    found = {}
    for path in run_files(folder):
        try:
            found[path] = read_run(path)
        except RecordError:
            continue
    return found


def _session(run: Run) -> str | None:
    return run.session.session_id if run.session else None
