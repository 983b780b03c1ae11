"""Content files by their hash, and what is known of one that was rejected."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project

Kind = Literal["run", "rig", "model", "workload", "campaign", "engines"]


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def relative(project: Project, path: Path) -> str:
    """`content/benchmarks/runs/…`: tables hold no path of this machine."""
    return path.relative_to(project.root).as_posix()


@dataclass(frozen=True)
class Rejection:
    """One row of `rejected_files`."""

    path: str
    sha256: str
    problem: str
    mend: str
    place: str
    """The path, with the line where there is one."""
    kind: Kind
    run_id: str | None = None
    """Set on a duplicate: it is a good run file, but not the first with this id."""

    @classmethod
    def of(
        cls, error: RecordError, project: Project, path: Path, content: bytes, kind: Kind
    ) -> "Rejection":
        return cls(
            path=relative(project, path),
            sha256=sha256_of(content),
            problem=error.problem,
            mend=error.mend,
            place=str(error.where).removeprefix(f"{project.root}/"),
            kind=kind,
        )

    def error(self, project: Project) -> RecordError:
        return RecordError(self.problem, mend=self.mend, where=f"{project.root}/{self.place}")
