"""What becomes of a run when a part of the farm fails: each fault injected once, for real.

    sudo python benchmarks/faults.py              all, some 20 minutes; a table at the end
    sudo python benchmarks/faults.py NAME ...     those
    python benchmarks/faults.py --list

A control plane with real Redis and Postgres and two rigs in namespaces of their own (so: as root),
with a real engine. Signs of life are given every second instead of every 15, and all times that
are made of it are shorter as much: a rig counts as gone after 40 s instead of 10 minutes.

Of each fault it counts what was asked, what came home, and what was
  lost     asked for, and neither measured nor ended as failed with a word
  doubled  measured more than once
  orphaned an engine that serves for nobody
  stuck    a run that has not ended when all is mended
"""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dagster as dg

from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.engines.builds.install import install
from bench_pipeline.farm.access import read_access
from bench_pipeline.farm.queues import redis_client
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.paths import artefact_cache, checkout
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.yaml.files import read_engines
from bench_pipeline.records.yaml.model_files import read_models
from benchmarks.text_table import table
from tests.farm.asking import Asked
from tests.farm.asking import ask as ask_for
from tests.farm.machines import Farm, Machine, enterable_folder, eventually, running_farm
from tests.farm.wrong_clock import wrong_clock

MODEL = "smollm2-135m-instruct-q4_1"
TOKENS = 100
"""A run is to last as long as it takes to do something to it: some seconds."""
RIGS = ["left-rig", "right-rig"]


def ask(farm: Farm) -> Asked:
    """Of the first rig, a run that is to be made whatever is there."""
    return ask_for(farm, MODEL)


def ask_and_begin(farm: Farm) -> Asked:
    """The same, once it is measured on."""
    asked = ask(farm)
    asked.until_measured_on()
    return asked


def off_and_on(farm: Farm) -> None:
    farm.rigs[0].switch_off()
    farm.rigs[0].join()


def waits_for_its_rig(asked: Asked) -> bool:
    return [run.status for run in asked.runs()] == [dg.DagsterRunStatus.STARTING]


FAULTS: dict[str, tuple[str, Callable[[Farm], Asked]]] = {}


def fault(what: str) -> Callable[[Callable[[Farm], Asked]], Callable[[Farm], Asked]]:
    """`what`, in the table; the function's name is the fault's."""

    def named(inject: Callable[[Farm], Asked]) -> Callable[[Farm], Asked]:
        FAULTS[inject.__name__.replace("_", "-")] = (what, inject)
        return inject

    return named


@fault("none: so it should be")
def nothing(farm: Farm) -> Asked:
    return ask(farm)


@fault("rig off before the run")
def off_before(farm: Farm) -> Asked:
    farm.rigs[0].switch_off()
    asked = ask(farm)
    eventually(lambda: waits_for_its_rig(asked), "the run to be handed over", farm)
    farm.rigs[0].join()
    return asked


@fault("rig off during the run")
def off_during(farm: Farm) -> Asked:
    asked = ask_and_begin(farm)
    off_and_on(farm)
    return asked


@fault("rig off for good during the run, back when given up")
def off_for_long(farm: Farm) -> Asked:
    asked = ask_and_begin(farm)
    farm.rigs[0].switch_off()
    eventually(lambda: len(asked.runs()) == 2, "the run to be given up", farm)
    farm.rigs[0].join()
    return asked


@fault("rig off as the run file is written")
def off_after(farm: Farm) -> Asked:
    asked = ask(farm)
    while not asked.on_rig():
        time.sleep(0.01)
    off_and_on(farm)
    return asked


@fault("worker kill -9 during the run")
def worker_killed(farm: Farm) -> Asked:
    asked = ask_and_begin(farm)
    farm.rigs[0].worker().kill()
    eventually(lambda: not farm.rigs[0].engines(), "the engine to end with it", farm)
    off_and_on(farm)
    return asked


@fault("Ctrl-C at the rig's terminal during the run")
def ctrl_c(farm: Farm) -> Asked:
    asked = ask_and_begin(farm)
    process = farm.rigs[0].interrupt()
    eventually(lambda: process.poll() is not None, "the worker to end", farm)
    off_and_on(farm)
    return asked


@fault("Redis kill -9 during the run")
def redis_killed(farm: Farm) -> Asked:
    asked = ask_and_begin(farm)
    farm.control.service("redis-server").kill()
    return asked


@fault("Redis kill -9 while the rig waits")
def redis_killed_before(farm: Farm) -> Asked:
    farm.control.service("redis-server").kill()
    return ask(farm)


@fault("Redis loses what waits in it")
def queue_lost(farm: Farm) -> Asked:
    farm.rigs[0].switch_off()
    asked = ask(farm)
    eventually(lambda: waits_for_its_rig(asked), "the run to be handed over", farm)
    home = farm.control.home
    redis_client(read_access(home / "access.json"), home).flushall()
    farm.rigs[0].join()
    return asked


@fault("Postgres kill -9 during the run")
def postgres_killed(farm: Farm) -> Asked:
    asked = ask_and_begin(farm)
    farm.control.service("postgres").kill()
    return asked


@fault("network cut for 25 s (6 minutes) during the run")
def cut(farm: Farm) -> Asked:
    asked = ask_and_begin(farm)
    with cut_off(farm):
        time.sleep(25)
    return asked


@fault("network cut for 60 s (15 minutes) during the run")
def cut_for_long(farm: Farm) -> Asked:
    asked = ask_and_begin(farm)
    with cut_off(farm):
        time.sleep(60)
    return asked


@contextmanager
def cut_off(farm: Farm) -> Iterator[None]:
    farm.network.cut(0, is_cut=True)
    try:
        yield
    finally:
        farm.network.cut(0, is_cut=False)


@fault("disk full on the rig")
def disk_full(farm: Farm) -> Asked:
    rig = farm.rigs[0]
    runs = str(rig.project.runs)
    rig.inside("mount", "-t", "tmpfs", "-o", "size=4k", "none", runs)
    asked = ask(farm)
    try:
        eventually(asked.is_settled, "the run to end", farm)
    finally:
        rig.inside("umount", "-l", runs)
    return asked


@fault("control plane restarted during the run")
def control_restarted(farm: Farm) -> Asked:
    asked = ask_and_begin(farm)
    farm.control.stop()
    farm.control.serve(farm.control.host, farm.control.ports)
    return asked


@fault("control plane loses its power during the run")
def control_killed(farm: Farm) -> Asked:
    asked = ask_and_begin(farm)
    farm.control.switch_off()
    farm.control.serve(farm.control.host, farm.control.ports)
    return asked


@fault("checkout of the rig at another commit")
def other_checkout(farm: Farm) -> Asked:
    for machine in (farm.control, farm.rigs[0]):
        commit(machine)
    farm.rigs[0].stop()
    farm.rigs[0].join()
    return ask(farm)


def commit(machine: Machine) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "pyproject.toml"], [*who, "commit", "-qm", str(machine)]):
        machine.run("git", *words)


@fault("clock of the rig an hour ahead")
def clock_ahead(farm: Farm) -> Asked:
    return with_clock(farm, 3600)


@fault("clock of the rig an hour behind")
def clock_behind(farm: Farm) -> Asked:
    return with_clock(farm, -3600)


def with_clock(farm: Farm, ahead_s: int) -> Asked:
    rig = farm.rigs[0]
    rig.stop()
    rig.further = wrong_clock(rig.folder / "home", ahead_s)
    rig.join()
    asked = ask(farm)
    eventually(asked.is_settled, "the run to end", farm)
    rig.stop()
    rig.further = {}
    rig.join()
    return asked


def settled(asked: Asked) -> None:
    farm = asked.farm
    eventually(asked.is_settled, "the run to end", farm)
    succeeded = [run for run in asked.runs() if run.status is dg.DagsterRunStatus.SUCCESS]
    if succeeded:
        eventually(asked.home, "its file to come home", farm)
    eventually(lambda: alive(farm), "both rigs to be alive", farm)
    time.sleep(4)  # for a second file, if there should be one


def alive(farm: Farm) -> bool:
    said = farm.control.run("python", "-m", "bench_pipeline", "farm-status")
    return said.count(" alive ") == len(RIGS) and "not home yet" not in said


def outcome(name: str, what: str, asked: Asked, took_s: float) -> list[str]:
    runs, home = asked.runs(), asked.home()
    failed = [run for run in runs if run.status is dg.DagsterRunStatus.FAILURE]
    stuck = [run for run in runs if not run.is_finished]
    lost = not home and not failed
    orphans = [each for rig in asked.farm.rigs for each in rig.engines()]
    said = asked.farm.control.run("python", "-m", "bench_pipeline", "farm-status")
    notes = [line for line in said.splitlines() if line.startswith("note: ")]
    notes += [line for run in failed for line in said.splitlines() if run.run_id[:8] in line]
    for line in notes:
        print(f"  {line}", flush=True)
    counts = (len(runs), len(home), int(lost), max(0, len(home) - 1), len(orphans), len(stuck))
    ended = " then ".join(run.status.value.lower() for run in runs)
    print(f"  {name}: {ended}; {len(home)} run files; {took_s:.0f} s", flush=True)
    return [what, ended, *map(str, counts), f"{took_s:.0f}"]


HEADINGS = ["fault", "ended", "asked", "home", "lost", "doubled", "orphaned", "stuck", "s"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", help="of faults; all if there is none")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--logs", type=Path, help="a folder in which to leave what they said")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name:20} {what}" for name, (what, _) in FAULTS.items()))
        return 0
    engines, host = read_engines(checkout().engines), this_host()
    here = Rig(slug="here", title="here", backends={"cpu": BackendSetup()})
    engine = install(choose(engines, here, "cpu", None, host), artefact_cache())
    model = read_models(checkout().models)[MODEL]
    fetch_model(model, artefact_cache())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rows = [HEADINGS]
    with (
        enterable_folder() as folder,
        running_farm(folder, model, engine.build, RIGS, TOKENS) as farm,
    ):
        try:
            if not farm.network.isolated:
                parser.error("namespaces cannot be made here: as root, with `ip` and `unshare`")
            for rig in farm.rigs:
                rig.join()
            places = {f"{slug}/cpu" for slug in RIGS}
            eventually(lambda: places <= set(farm.control.partitions()), "the rigs", farm)
            for name in options.name or FAULTS:
                what, inject = FAULTS[name]
                print(f"{name}: {what}", flush=True)
                begun = time.monotonic()
                asked = inject(farm)
                settled(asked)
                rows.append(outcome(name, what, asked, time.monotonic() - begun))
        finally:
            if options.logs:
                for machine in (farm.control, *farm.rigs):
                    shutil.copy(machine.log, options.logs / machine.folder.name)
            print(table(rows), flush=True)
    return int(any(row[4:8] != ["0"] * 4 for row in rows[1:]))


if __name__ == "__main__":
    sys.exit(main())
