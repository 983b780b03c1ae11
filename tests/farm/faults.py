"""What may befall a rig of a farm, or what stands behind it: each injected as it would happen.

`benchmarks/faults.py` injects them and says what became of the run that was asked for.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from bench_pipeline.farm.access import read_access
from bench_pipeline.farm.queues import redis_client
from tests.farm.asking import Asked, ask
from tests.farm.machines import Farm, Machine, Rig, eventually, free_ports
from tests.farm.wrong_clock import wrong_clock

MODEL = "smollm2-135m-instruct-q4_1"


@dataclass(frozen=True)
class Place:
    """Where a fault is injected: one of the farm's rigs, or behind its back."""

    farm: Farm
    number: int

    @property
    def rig(self) -> Rig:
        return self.farm.rigs[self.number]

    def ask(self) -> Asked:
        """A run that is to be made whatever is there."""
        return ask(self.farm, MODEL, self.number)

    def ask_and_begin(self) -> Asked:
        """The same, once it is measured on."""
        asked = self.ask()
        asked.until_measured_on()
        return asked

    def ask_and_hand_over(self) -> Asked:
        """The same, once it waits in Redis for its rig, which is off."""
        asked = self.ask()

        def waits() -> bool:
            return [run.status for run in asked.runs()] == [dg.DagsterRunStatus.STARTING]

        self.eventually(waits, "the run to be handed over")
        return asked

    def off_and_on(self) -> None:
        self.rig.switch_off()
        self.rig.join()

    def eventually(self, done: Callable[[], object], what: str) -> None:
        eventually(done, what, self.farm)


Inject = Callable[[Place], Asked]


@dataclass(frozen=True)
class Fault:
    what: str
    inject: Inject
    of_all: bool
    """It befalls both rigs, so that nothing else is injected meanwhile."""


FAULTS: dict[str, Fault] = {}


def fault(what: str, of_all: bool = False) -> Callable[[Inject], Inject]:
    """`what`, in the table; the function's name is the fault's."""

    def named(inject: Inject) -> Inject:
        FAULTS[inject.__name__.replace("_", "-")] = Fault(what, inject, of_all)
        return inject

    return named


@fault("none: so it should be")
def nothing(place: Place) -> Asked:
    return place.ask()


@fault("rig off before the run")
def off_before(place: Place) -> Asked:
    place.rig.switch_off()
    asked = place.ask_and_hand_over()
    place.rig.join()
    return asked


@fault("rig off during the run")
def off_during(place: Place) -> Asked:
    asked = place.ask_and_begin()
    place.off_and_on()
    return asked


@fault("rig off for good during the run, back when given up")
def off_for_long(place: Place) -> Asked:
    asked = place.ask_and_begin()
    place.rig.switch_off()
    place.eventually(lambda: len(asked.runs()) == 2, "the run to be given up")
    place.rig.join()
    return asked


@fault("rig off as the run file is written")
def off_after(place: Place) -> Asked:
    asked = place.ask()
    while not asked.on_rig():
        time.sleep(0.01)
    place.off_and_on()
    return asked


@fault("worker kill -9 during the run")
def worker_killed(place: Place) -> Asked:
    asked = place.ask_and_begin()
    place.rig.worker().kill()
    place.eventually(lambda: not place.rig.engines(), "the engine to end with it")
    place.off_and_on()
    return asked


@fault("Ctrl-C at the rig's terminal during the run")
def ctrl_c(place: Place) -> Asked:
    asked = place.ask_and_begin()
    process = place.rig.interrupt()
    place.eventually(lambda: process.poll() is not None, "the worker to end")
    place.off_and_on()
    return asked


@fault("network cut for 25 s (6 minutes) during the run")
def cut(place: Place) -> Asked:
    asked = place.ask_and_begin()
    with cut_off(place):
        time.sleep(25)
    return asked


@fault("network cut for 60 s (15 minutes) during the run")
def cut_for_long(place: Place) -> Asked:
    asked = place.ask_and_begin()
    with cut_off(place):
        time.sleep(60)
    return asked


@contextmanager
def cut_off(place: Place) -> Iterator[None]:
    place.farm.network.cut(place.number, is_cut=True)
    try:
        yield
    finally:
        place.farm.network.cut(place.number, is_cut=False)


@fault("disk full on the rig")
def disk_full(place: Place) -> Asked:
    rig = place.rig
    runs = str(rig.project.runs)
    rig.inside("mount", "-t", "tmpfs", "-o", "size=4k", "none", runs)
    asked = place.ask()
    try:
        place.eventually(asked.is_settled, "the run to end")
    finally:
        rig.inside("umount", "-l", runs)
    return asked


@fault("checkout of the rig at another commit")
def other_checkout(place: Place) -> Asked:
    for machine in (place.farm.control, place.rig):
        commit(machine)
    place.rig.stop()
    place.rig.join()
    return place.ask()


def commit(machine: Machine) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "pyproject.toml"], [*who, "commit", "-qm", str(machine)]):
        machine.run("git", *words)


@fault("clock of the rig an hour ahead")
def clock_ahead(place: Place) -> Asked:
    return with_clock(place, 3600)


@fault("clock of the rig an hour behind")
def clock_behind(place: Place) -> Asked:
    return with_clock(place, -3600)


def with_clock(place: Place, ahead_s: int) -> Asked:
    rig = place.rig
    rig.stop()
    rig.further = wrong_clock(rig.folder / "home", ahead_s)
    rig.join()
    asked = place.ask()
    place.eventually(asked.is_settled, "the run to end")
    rig.stop()
    rig.further = {}
    rig.join()
    return asked


@fault("Redis kill -9 during the run", of_all=True)
def redis_killed(place: Place) -> Asked:
    asked = place.ask_and_begin()
    place.farm.control.service("redis-server").kill()
    return asked


@fault("Redis kill -9 while the rig waits", of_all=True)
def redis_killed_before(place: Place) -> Asked:
    place.farm.control.service("redis-server").kill()
    return place.ask()


@fault("Redis loses what waits in it", of_all=True)
def queue_lost(place: Place) -> Asked:
    place.rig.switch_off()
    asked = place.ask_and_hand_over()
    home = place.farm.control.home
    redis_client(read_access(home / "access.json"), home).flushall()
    place.rig.join()
    return asked


@fault("Postgres kill -9 during the run", of_all=True)
def postgres_killed(place: Place) -> Asked:
    asked = place.ask_and_begin()
    place.farm.control.service("postgres").kill()
    return asked


@fault("control plane restarted during the run", of_all=True)
def control_restarted(place: Place) -> Asked:
    asked = place.ask_and_begin()
    place.farm.control.stop()
    place.farm.control.serve(place.farm.control.host, place.farm.control.ports)
    return asked


@fault("control plane loses its power during the run", of_all=True)
def control_killed(place: Place) -> Asked:
    asked = place.ask_and_begin()
    place.farm.control.switch_off()
    place.farm.control.serve(place.farm.control.host, place.farm.control.ports)
    return asked


@fault("a second control plane on one broker, from a copy of the first", of_all=True)
def two_controls(place: Place) -> Asked:
    asked = place.ask_and_begin()
    control = place.farm.control
    copy = control.folder / "copy"
    shutil.copytree(control.project.root, copy, symlinks=True)
    done = subprocess.run(
        control.farm_command(free_ports(1)[0]),
        cwd=copy,
        env=control.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"  the second: {(done.stderr.strip().splitlines() or ['said nothing'])[0]}", flush=True)
    assert done.returncode == 1, "it served"
    shutil.rmtree(copy)
    return asked
