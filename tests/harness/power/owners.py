"""Processes that hold a cap as a benchmark does, and cards that all of them see."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench_pipeline.harness.power import guard
from bench_pipeline.harness.rig_lock import LOCK_VARIABLE
from bench_pipeline.paths import checkout
from tests.harness.power import stand_in
from tests.waiting import wait_until

FOUND_W, ASKED_W = 300.0, 200.0
ONE, OTHER = "0000:0a:00.0", "0000:0b:00.0"

BENCH = """
import json, os, sys, time
from bench_pipeline.harness.power import capped as module
from bench_pipeline.harness.rig_lock import rig_lock
from bench_pipeline.progress import Silent
from bench_pipeline.records.devices import Gpu

module.SETTLE_S = module.LOOK_S = 0.1
command = json.loads(sys.argv[1])
cards = [
    Gpu(index=n, vendor="nvidia", name="card", pcie_address=address, power_cap_w=1)
    for n, address in enumerate(json.loads(sys.argv[2]))
]

def measure():
    print("begun", flush=True)
    with rig_lock(Silent()), module.capped(200.0, lambda: cards, command, Silent()) as cap:
        print("capped", flush=True)
        time.sleep(float(sys.argv[3]))
"""
"""As `measure_run` holds a cap, with a sleep in place of servers and cells."""
ALONE = f"{BENCH}\nmeasure()\n"
IN_DAGSTER = f"""{BENCH}
import dagster as dg
from bench_pipeline.defs.assets.runs import interrupts_as_usual

@dg.op
def run_model():
    with interrupts_as_usual():
        measure()

@dg.job
def job():
    run_model()

quiet = {{"loggers": {{"console": {{"config": {{"log_level": "CRITICAL"}}}}}}}}
job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), run_config=quiet)
"""


@dataclass
class Cards:
    """Two cards in a folder of their own, with a rig's lock of their own."""

    folder: Path
    addresses: tuple[str, ...] = (ONE, OTHER)

    def __post_init__(self) -> None:
        shutil.copy(stand_in.__file__, self.folder / "pynvml.py")
        self.file = self.folder / "cards.json"
        self.lock = self.folder / "rig.lock"
        card = {"cap_mw": 300_000, "limits_mw": [100_000, 350_000], "refuses": 0}
        self.file.write_text(json.dumps(dict.fromkeys(self.addresses, card)))

    @property
    def note(self) -> Path:
        return self.lock.with_suffix(".cap")

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder), str(checkout().root)])
        own = {stand_in.VARIABLE: str(self.file), LOCK_VARIABLE: str(self.lock)}
        return {**os.environ, "PYTHONPATH": path, **own}

    def caps_w(self) -> list[float]:
        return [card["cap_mw"] / 1000 for card in json.loads(self.file.read_text()).values()]

    def command(self, seconds: float) -> list[str]:
        """Sets a cap after so long."""
        program = str(self.folder / "pynvml.py")
        return [sys.executable, "-S", program, "{card}", "{w}", str(seconds)]

    def start(
        self, program: str, *, command: list[str] | None = None, seconds: float = 600
    ) -> subprocess.Popen[str]:
        words = [json.dumps(command), json.dumps(self.addresses), str(seconds)]
        return subprocess.Popen(
            [sys.executable, "-c", program, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def next_start(self) -> None:
        """Another benchmark on this machine, which wants no cap of its own."""
        words = ["-m", "bench_pipeline.harness.power", "restore"]
        subprocess.run([sys.executable, *words], env=self.environment, check=True)


def guards_of(owner: int) -> list[psutil.Process]:
    try:
        children = psutil.Process(owner).children()
        return [child for child in children if f"{guard.__name__}" in child.cmdline()]
    except psutil.NoSuchProcess:
        return []


def wait_for(owner: subprocess.Popen[str], word: str) -> None:
    assert owner.stdout is not None
    for line in owner.stdout:
        if line.strip() == word:
            return
    raise AssertionError(f"it ended before it said {word}")


def kill_all(*processes: psutil.Process | subprocess.Popen[str]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def killed(
    cards: Cards, whom: str, program: str = ALONE, *, command: list[str] | None, wait_s: float
) -> str:
    """A benchmark whose `whom` (`bench`, `guard`, `both`) is killed `wait_s` after it began to ask
    for a cap. Returns by whom the cap was put back. AssertionError where it was not."""
    owner = cards.start(program, command=command, seconds=1.0)
    try:
        wait_for(owner, "begun")
        time.sleep(wait_s)
        guards = guards_of(owner.pid)
        kill_all(*(guards if whom in ("guard", "both") else ()))
        kill_all(*((owner,) if whom in ("bench", "both") else ()))
        owner.wait()
    finally:
        kill_all(owner)
        owner.communicate()
    left = cards.note.exists()
    if left and whom == "bench":
        wait_until(lambda: not cards.note.exists(), "the guard's work")
        left = False
    if left:
        cards.next_start()
    wait_until(lambda: not cards.note.exists(), "the note's end")
    assert cards.caps_w() == [FOUND_W] * len(cards.addresses), cards.caps_w()
    return "the next start" if left else {"bench": "its guard"}.get(whom, "the benchmark")


def moment() -> float:
    """Of the first second and a half, in which all is done."""
    return random.uniform(0.0, 1.5)
