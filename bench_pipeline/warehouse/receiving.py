"""Taking in a run that was measured on a machine which does not see this checkout.

It comes as the bytes of its file, from wherever: carried by hand, or told by a queue. Whole or not
at all, and never twice: a run is known by its id.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from bench_pipeline.errors import RecordError, RigError
from bench_pipeline.paths import Project
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.declared import known_rig
from bench_pipeline.records.yaml.files import parse_record, write_atomically
from bench_pipeline.records.yaml.finding import content_of
from bench_pipeline.warehouse.checking import Checker, is_of


@dataclass(frozen=True)
class Received:
    """A run that is here now.

    path      of its file among the project's runs
    newly     False: the same run was here already, and nothing was written
    doubts    what speaks against it, in the words of `check`; none for one that is accepted
    """

    path: Path
    run: Run
    newly: bool
    doubts: tuple[str, ...]


class Receiver:
    """Takes runs into `project`. `from_others`: they come from somebody else than its owner, and
    have to say from whom, as for `Checker`."""

    def __init__(self, project: Project, *, from_others: bool = False) -> None:
        self.project = project
        self._checker = Checker(project, from_others=from_others)

    def take(
        self, content: bytes, where: Path, logs: Mapping[str, bytes] | None = None
    ) -> Received:
        """Writes the run file that has this `content` to its place, unchanged, its engine's `logs`
        (by name) beside it.

        where   whence it comes, for messages: a file, or any name

        RecordError, and nothing is written: it is no run file, is cut off or altered, breaks a rule
        by which `check` refuses, has the id of another run that is here, or cannot be written.
        RigError: nobody declared its rig.
        """
        run, doubts = self._checker.judge(where, content, placed=False)
        self._refuse_undeclared(run, where)
        path = self.project.runs / run.relative_path
        if strange := [name for name in logs or () if not is_log_of(path, name)]:
            raise RecordError(
                f"comes with a log of another name: {strange[0][:60]!r}",
                mend=f"name it {path.stem}-0.server.log, or leave it out",
                where=where,
            )
        with self._alone():
            if (there := self._of_id(run.run_id)) is not None:
                self._refuse_another(run, content, there, where)
                return Received(there, run, False, doubts)
            for name, text in (logs or {}).items():  # first: where the run is, its logs are
                write_atomically(path.parent / name, text)
            write_atomically(path, content)
        return Received(path, run, True, doubts)

    def _refuse_undeclared(self, run: Run, where: Path) -> None:
        try:
            known_rig(self.project.rigs, run.rig)
        except RecordError as error:
            raise RigError(
                f"is of the rig `{run.rig}`, which is not known here: {error.problem}",
                mend=f"put its rig file, which it was measured with, to content/rigs/{run.rig}.yaml"
                " (read it first: it passes arguments to the engine), then do this again",
                where=where,
            ) from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Of two that receive one run at once, one finds it here."""
        path = self.project.warehouse.with_name("receiving.lock")
        lock = FileLock(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            raise RecordError(
                f"cannot be made: {error.strerror}", mend="correct its permissions", where=path
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _of_id(self, run_id: str) -> Path | None:
        """Asked each time: others may write there too."""
        found = self.project.runs.glob(f"*/*/[!.]*-{run_id}.yaml")
        return min((path for path in found if is_of(path.name, run_id)), default=None)

    def _refuse_another(self, run: Run, content: bytes, there: Path, where: Path) -> None:
        """Unless what is `there` is the same run: then it may since have been signed, or rewritten
        in a newer schema."""
        here = content_of(there)
        if here == content or _measured(parse_record(Run, here, there)) == _measured(run):
            return
        raise RecordError(
            f"has the id of another run that is here: {there.relative_to(self.project.runs)}",
            mend="compare the two; a run file is never changed, and no two have one id",
            where=where,
        )


def _measured(run: Run) -> Run:
    """Without who sends it."""
    return run.model_copy(update={"submitted_by": None})


def is_log_of(path: Path, name: str) -> bool:
    """Whether `name` is that of an engine's log which belongs to the run file `path`."""
    begin, end = f"{path.stem}-", ".server.log"
    return name.startswith(begin) and name.endswith(end) and name[len(begin) : -len(end)].isdigit()
