"""`python -m bench_pipeline receive FOLDER`: what a machine without a checkout measured."""

import argparse
import hashlib
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.errors import BenchError, RecordError, RigError
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import Rig

if TYPE_CHECKING:
    from bench_pipeline.warehouse.receiving import Receiver

_RUN_FILE = re.compile(r"[^.].*-[0-9a-f]{12}(?![0-9a-z]).*\.ya?ml", re.IGNORECASE)
"""Also a second copy, as browsers and file managers name it: `…-3343ec021fcb (1).yaml`."""
_DEEPEST = 7
"""Folders from a list of sums down to a run file: content/benchmarks/runs/<rig>/<backend>."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "receive", help="take in run files that bench-rig left, or that somebody sent"
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument(
        "--declare", action="store_true", help="take in also the rig files of machines unknown here"
    )
    parser.add_argument(
        "--from-others", action="store_true", help="they come from others: who sent them is asked"
    )
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    """Exit code: 1 if a file was refused, or one is missing that a list of sums names."""
    from bench_pipeline.warehouse.receiving import Receiver

    counts: Counter[str] = Counter()
    faults = 0
    sums = _Sums()
    for folder in filter(_is_folder, options.paths):
        faults += _rig_files(project, folder, sums) if options.declare else 0
    receiver = Receiver(project, from_others=options.from_others)
    for path in options.paths:
        try:
            found = list(_run_files(path, sums))
            if not found:
                raise RecordError("holds no run file", mend="check the name", where=path)
        except BenchError as error:
            print(f"refused: {error}", file=sys.stderr)
            faults += 1
            continue
        for file in found:
            outcome = _receive(receiver, file, path, sums)
            counts[outcome] += 1
    for fault in sums.faults():
        print(f"missing or damaged: {fault}", file=sys.stderr)
        faults += 1
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "nothing came")
    if counts["taken in"]:
        print("Show them: dagster asset materialize --select site_pages")
    return 1 if counts["refused"] or faults else 0


def _receive(receiver: "Receiver", file: Path, given: Path, sums: "_Sums") -> str:
    """Says what became of `file`, which is `given` or lies below it, in a word or two that it
    returns."""
    from bench_pipeline.records.yaml.finding import content_of

    try:
        _refuse_outside(file, given)
        content = content_of(file)
        sums.compare(file, content)
        _refuse_another_machine(receiver.project, file)
        received = receiver.take(content, file, _logs(file, sums))
    except BenchError as error:
        print(f"refused: {error}", file=sys.stderr)
        if isinstance(error, RigError) and (rig_file := _rig_file_of(file)):
            print(f"  it came with {rig_file}; --declare takes that in too", file=sys.stderr)
        return "refused"
    outcome = "taken in" if received.newly else "here already"
    print(f"{outcome}: {received.path.relative_to(receiver.project.root)}")
    for doubt in received.doubts:
        print(f"  look at: {' '.join(doubt.split())}")
    return outcome


def _refuse_outside(file: Path, given: Path) -> None:
    """RecordError of a link that a stranger's folder would have us read another file by."""
    from bench_pipeline.records.yaml.finding import real

    if not real(file).is_relative_to(real(given)):
        raise RecordError(
            f"is a link that leads out of {given}", mend="copy the file itself", where=file
        )


def _run_files(path: Path, sums: "_Sums") -> Iterator[Path]:
    """`path` itself, or what is named as a run file below it, where lists of sums are noted too."""
    if not _is_folder(path):
        yield path
        return
    closed: list[OSError] = []
    for here, folders, files in os.walk(path, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        sums.note(Path(here).absolute())
        named = (name for name in (*files, *folders) if _RUN_FILE.fullmatch(name))
        yield from (Path(here) / name for name in sorted(named))
    yield from (Path(error.filename) for error in closed)  # reading it says why


def _logs(file: Path, sums: "_Sums") -> dict[str, bytes]:
    """The engine's logs beside a run file. One that is damaged is left out, and told."""
    from bench_pipeline.engines.guard import LOG_LIMIT_BYTES
    from bench_pipeline.warehouse.receiving import is_log_of

    logs = {}
    try:
        beside = sorted(file.parent.iterdir())
    except OSError as error:
        print(f"  without logs: {file.parent}: {error.strerror}", file=sys.stderr)
        return {}
    for log in beside:
        if not is_log_of(file, log.name):
            continue
        try:
            found = log.lstat()
            if not stat.S_ISREG(found.st_mode) or found.st_size > LOG_LIMIT_BYTES:
                raise RecordError("is no engine's log", mend="remove it", where=log)
            content = log.read_bytes()
            sums.compare(log, content)
            logs[log.name] = content
        except OSError as error:
            print(f"  left out: {log}: cannot be read: {error.strerror}", file=sys.stderr)
        except RecordError as error:
            print(f"  left out: {error}", file=sys.stderr)
    return logs


def _root_of(file: Path) -> Path | None:
    """The folder that bench-rig left, if `file` lies in one."""
    parents = [*file.absolute().parents][:_DEEPEST]
    return next((parent for parent in parents if _is_folder(parent / "content" / "rigs")), None)


def _is_folder(path: Path) -> bool:
    return _kind(path) == stat.S_IFDIR


def _is_file(path: Path) -> bool:
    return _kind(path) == stat.S_IFREG


def _kind(path: Path) -> int:
    """0: nothing is there, as far as can be told: its folder may be closed, its name too long."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except OSError:
        return 0


def _rig_file_of(file: Path) -> Path | None:
    root = _root_of(file)
    path = root / "content" / "rigs" / f"{file.parent.parent.name}.yaml" if root else None
    return path if path and _is_file(path) else None


def _rig_files(project: Project, folder: Path, sums: "_Sums") -> int:
    """Takes in rig files of machines unknown here. How many are refused."""
    from bench_pipeline.records.yaml.files import parse_record, read_what_can_be, write_atomically
    from bench_pipeline.records.yaml.finding import content_of

    faults = 0
    folders = (Path(here) for here, _, _ in os.walk(folder))
    rigs = (here for here in folders if here.parts[-2:] == ("content", "rigs"))
    for file in (file for here in rigs for file in sorted(here.glob("[!.]*.yaml"))):
        target = project.rigs / file.name
        if target.exists():
            continue
        try:
            content = content_of(file)
            sums.compare(file, content)
            rig = parse_record(Rig, content, file)
            known = read_what_can_be(Rig, project.rigs)[0].values()
            if same := [each.slug for each in known if _identities(rig) & _identities(each)]:
                raise RigError(
                    f"is the machine that is declared here as `{same[0]}`",
                    mend=f"plan for it under that name: --rig {same[0]}",
                    where=file,
                )
            write_atomically(target, content)
            print(f"declared: {target.relative_to(project.root)}: look at its title and notes")
        except BenchError as error:
            print(f"refused: {error}", file=sys.stderr)
            faults += 1
    return faults


def _refuse_another_machine(project: Project, file: Path) -> None:
    """RigError if the rig file beside a run tells of another machine than ours of that name."""
    from bench_pipeline.records.yaml.files import read_named, read_record

    if (beside := _rig_file_of(file)) is None:
        return
    ours = read_named(Rig, project.rigs, beside.stem)
    mine, other = _identities(ours), _identities(read_record(Rig, beside))
    if ours and mine and other and mine.isdisjoint(other):
        raise RigError(
            f"was measured on another machine than the one that is `{ours.slug}` here",
            mend="if it is the same (a new board, a new system), write the `machine_id` of"
            f" {beside} into content/rigs/{beside.name}; else plan for it under a name of its own",
            where=file,
        )


def _identities(rig: Rig | None) -> set[str]:
    return {each for each in (rig.machine_id, rig.machine_id_as_user) if each} if rig else set()


class _Sums:
    """Lists of sums beside what comes, each read once."""

    def __init__(self) -> None:
        from bench_pipeline.harness.carried.sums import SUMS

        self._name = SUMS
        self._lists: dict[Path, dict[str, str] | RecordError] = {}

    def compare(self, file: Path, content: bytes) -> None:
        """RecordError if a list names `file`, which has this content, with another sum. A run file
        that no list names is proven by the hash within it."""
        file = file.absolute()
        for folder in [*file.parents][:_DEEPEST]:
            listed = self.note(folder)
            name = file.relative_to(folder).as_posix()
            if isinstance(listed, dict) and name in listed:
                if hashlib.sha256(content).hexdigest() != listed[name]:
                    raise RecordError(
                        f"is not what {self._name} says: it changed on its way",
                        mend="copy it from the rig again",
                        where=file,
                    )
                return

    def note(self, folder: Path) -> dict[str, str] | RecordError | None:
        """The list in `folder`, if there is one; what is wrong with it, if it is none."""
        from bench_pipeline.harness.carried.sums import read_sums

        if folder not in self._lists and _is_file(folder / self._name):
            try:
                self._lists[folder] = read_sums(folder)
            except RecordError as error:
                self._lists[folder] = error
        return self._lists.get(folder)

    def faults(self) -> Iterator[BenchError]:
        """Lists that are none, and what they name and is not there."""
        for folder, listed in self._lists.items():
            if isinstance(listed, RecordError):
                yield listed
                continue
            for name in listed:
                if not _is_file(folder / name):
                    yield RecordError(
                        f"{self._name} names it, and it is not there",
                        mend="copy it from the rig again",
                        where=folder / name,
                    )
