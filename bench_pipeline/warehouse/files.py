"""Content files by their hash, and what is known of one that was rejected."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import run_files
from bench_pipeline.records.yaml.finding import content_of, record_files

Kind = Literal["run", "rig", "model", "workload", "conversation", "campaign", "engines", "site"]


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def relative(project: Project, path: Path) -> str:
    """`content/benchmarks/runs/…`: tables hold no path of this machine, and no byte of a name
    that is no text."""
    found = path.as_posix().removeprefix(f"{project.root.as_posix()}/")
    return found.encode("utf-8", "backslashreplace").decode()


def in_order(project: Project) -> list[Path]:
    """Every run file, in the order that decides between duplicates."""
    files = list(run_files(project.runs))
    declared = {path.stem for path in record_files(project.rigs)}
    rig_at = len(project.runs.parts)
    files.sort(key=lambda file: file.parts[rig_at] not in declared)
    return files


def run_hashes(project: Project) -> dict[str, tuple[Path, str]]:
    """Every run file with the hash of its content, by relative path; empty where it cannot be
    read, and reading it says why."""
    found = {}
    for file in in_order(project):
        try:
            sha256 = sha256_of(content_of(file))
        except RecordError:
            if not os.path.lexists(file):
                continue  # went away just now
            sha256 = ""
        found[relative(project, file)] = file, sha256
    return found


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
            sha256=sha256_of(content) if content else "",
            problem=error.problem,
            mend=error.mend,
            place=str(error.where).removeprefix(f"{project.root}/"),
            kind=kind,
        )

    def error(self, project: Project) -> RecordError:
        return RecordError(self.problem, mend=self.mend, where=f"{project.root}/{self.place}")
