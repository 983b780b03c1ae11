"""A plan worked off for a control plane that reaches this machine by ssh (`ssh` in its rig file):

    python -m bench_pipeline.harness.carried.piped FOLDER NAME

In comes the plan, in one line, and then now and then an empty line: who asks is still there. Out
goes what happens, and at the end the run files, as messages of Dagster Pipes. It ends, and its
engine with it, when the other end is gone. What it makes stays in FOLDER/runs/NAME too; engines
and models lie in FOLDER/carried where there is such a folder, else in the artefact cache.
"""

import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from bench_pipeline import __version__
from bench_pipeline.errors import BenchError, RecordError, shown
from bench_pipeline.harness.carried.command import end_with, ended_as_by_ctrl_c
from bench_pipeline.harness.carried.folder import OutFolder
from bench_pipeline.harness.carried.machine import machine_of
from bench_pipeline.harness.carried.messages import NOT_MADE, RUN_FILE, SILENT_S, packed
from bench_pipeline.harness.carried.work import Worked, work_off
from bench_pipeline.paths import artefact_cache
from bench_pipeline.progress import PlainLines
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.yaml.files import parse_record

PROTOCOL = {"__dagster_pipes_version": "0.1"}
"""Dagster's own package that writes such messages is one more to install; they are three."""
_LONGEST_PLAN_BYTES = 64 * 2**20


class Pipes:
    """Messages of Dagster Pipes, a line each. KeyboardInterrupt once nobody reads them."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._lock = out, threading.Lock()

    def tell(self, method: str, **params: Any) -> None:
        line = json.dumps({**PROTOCOL, "method": method, "params": params})
        try:
            with self._lock:
                print(line, file=self._out, flush=True)
        except OSError:
            raise KeyboardInterrupt from None

    def send(self, **payload: Any) -> None:
        self.tell("report_custom_message", payload=payload)


class _Told(PlainLines):
    def __init__(self, pipes: Pipes) -> None:
        super().__init__()
        self._pipes = pipes

    def say(self, line: str) -> None:
        self._pipes.tell("log", message=shown(line), level="info")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 all of it was told, also what could not be made; 130 who asked is gone."""
    folder, name = argv or sys.argv[1:]
    pipes = Pipes(os.fdopen(os.dup(sys.stdout.fileno()), "w"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else is printed is no message
    try:
        with ended_as_by_ctrl_c():
            pipes.tell("opened", extras={"version": __version__})
            try:
                _work(Path(folder), name, pipes)
            except BenchError as error:
                _tell(error, pipes)
            pipes.tell("closed")
    except KeyboardInterrupt:
        return 130
    return 0


def _work(folder: Path, name: str, pipes: Pipes) -> None:
    plan = _plan(sys.stdin.buffer.readline(_LONGEST_PLAN_BYTES))
    end_with(sys.stdin.fileno(), silent_s=SILENT_S)
    carried, out = folder / "carried", OutFolder(folder / "runs" / name)
    files = carried.resolve() if carried.is_dir() else artefact_cache()
    reporter = _Told(pipes)
    with out.held():
        # the rig file that has this address says that it is this machine
        rig = machine_of(plan, out.home, plan.slug, reporter)
        worked = work_off(plan, rig, out, cache=files, carried=files, reporter=reporter)
        _send(worked, out, pipes)


def _plan(line: bytes) -> Plan:
    if not line.endswith(b"\n"):
        raise KeyboardInterrupt  # gone before the plan was whole
    return parse_record(Plan, json.loads(line)["plan"].encode(), Path("the plan"))


def _send(worked: Worked, out: OutFolder, pipes: Pipes) -> None:
    for _item, error in worked.not_made:
        _tell(error, pipes)
    for path in (*worked.there, *worked.made):
        try:
            document, sha256 = packed(path.read_bytes())
        except OSError as error:
            raise RecordError(
                f"cannot be read: {error.strerror}", mend="see to the rig's disk", where=path
            ) from None
        name = path.relative_to(out.home.runs).as_posix()
        pipes.send(**{RUN_FILE: name, "sha256": sha256, "document": document})


def _tell(error: BenchError, pipes: Pipes) -> None:
    words = {"problem": error.problem, "mend": error.mend, "where": str(error.where or "")}
    pipes.send(**{NOT_MADE: words})


if __name__ == "__main__":
    sys.exit(main())
