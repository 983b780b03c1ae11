"""`bench-rig PLAN`: works a plan off on a machine that has this package and nothing else.

    bench-rig h100-vm.yaml --out h100-vm-runs --files carried

PLAN is written by `python -m bench_pipeline plan --write PLAN` on the control plane. What was
measured lies in the folder `--out`, to be carried home: there, `python -m bench_pipeline receive`
takes it in. Stopped or killed, the same command goes on where it was.
"""

import argparse
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bench_pipeline.errors import exit_code
from bench_pipeline.harness.carried.folder import OutFolder
from bench_pipeline.harness.carried.machine import machine_of
from bench_pipeline.harness.carried.sums import SUMS
from bench_pipeline.harness.carried.work import Worked, work_off
from bench_pipeline.paths import artefact_cache
from bench_pipeline.progress import Reporter, Terminal
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.yaml.files import read_record


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench-rig", description="Make the runs of a plan on this machine."
    )
    parser.add_argument("plan", type=Path, metavar="PLAN", help="a plan file")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="for the runs; default: PLAN's name and -runs"
    )
    parser.add_argument(
        "--files",
        type=Path,
        metavar="FOLDER",
        help="engines and models that were carried here, and where others are fetched to; GGUF"
        " files may lie in it as they are; default: the artefact cache",
    )
    parser.add_argument(
        "--until-eof",
        action="store_true",
        help="end when standard input ends: for ssh without a terminal, whose connection may drop",
    )
    parser.add_argument(
        "--this-is", metavar="RIG", help="say that this is the plan's rig, if its file does not"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 all that is wanted is there; 1 something could not be made or failed, and the
    last lines say what; 2 a wrong option; 130 interrupted."""
    options = parser().parse_args(argv)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    reporter = Terminal()
    out = OutFolder(options.out or options.plan.with_name(f"{options.plan.stem}-runs"))
    files = options.files.resolve() if options.files else artefact_cache()
    plan = read_record(Plan, options.plan)
    with ended_as_by_ctrl_c(), out.held():
        if options.until_eof:
            end_with(sys.stdin.fileno())
        rig = machine_of(plan, out.home, options.this_is, reporter)
        worked = work_off(plan, rig, out, cache=files, carried=files, reporter=reporter)
    _tell(worked, out, reporter)
    return 0 if worked.is_done else 1


@contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """A service manager, and a terminal that goes away, stop the server as a person does. What is
    ignored stays so, as `nohup` wants it."""
    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with(stream: int, silent_s: float | None = None) -> None:
    """Ends this process, as SIGTERM does, once nothing more can come from `stream`, or nothing came
    for `silent_s`."""

    def wait() -> None:
        with suppress(OSError):
            # `select` knows no pipes on Windows: only where a silence is to end it
            while (silent_s is None or select.select([stream], [], [], silent_s)[0]) and (
                os.read(stream, 4096)
            ):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _tell(worked: Worked, out: OutFolder, reporter: Reporter) -> None:
    reporter.say(
        f"{len(worked.made)} made, {len(worked.there)} there before,"
        f" {len(worked.failed)} of these failed, {len(worked.not_made)} could not be made"
    )
    for item, error in worked.not_made:
        reporter.say(f"not made: {item.told}: {error}")
    if worked.made or worked.there:
        reporter.say(
            f"Carry home: {out.root} (whole if `sha256sum -c {SUMS}` there says so);"
            f" then: python -m bench_pipeline receive {out.root.name}"
        )


if __name__ == "__main__":
    sys.exit(main())
