"""What becomes of a run when a part of the farm fails: each fault injected once, for real.

    sudo python benchmarks/faults.py              all; a table at the end
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
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dagster as dg
from dagster_postgres.utils import DagsterPostgresException

from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.engines.builds.install import install
from bench_pipeline.farm.beats import database_time, last_beats
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.paths import artefact_cache, checkout
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.yaml.files import read_engines
from bench_pipeline.records.yaml.model_files import read_models
from benchmarks.text_table import table
from tests.farm.asking import Asked
from tests.farm.faults import FAULTS, MODEL, Place
from tests.farm.machines import BEAT_S, Farm, enterable_folder, eventually, running_farm

TOKENS = 100
"""A run is to last as long as it takes to do something to it: some seconds."""
RIGS = ["left-rig", "right-rig"]


def settled(asked: Asked, place: Place) -> None:
    place.eventually(asked.is_settled, "the run to end")
    succeeded = [run for run in asked.runs() if run.status is dg.DagsterRunStatus.SUCCESS]
    if succeeded:
        place.eventually(asked.home, "its file to come home")
    place.eventually(lambda: is_alive(place), "its rig to be alive, and all of it at home")
    time.sleep(4)  # for a second file, if there should be one


def is_alive(place: Place) -> bool:
    with suppress(DagsterPostgresException), place.farm.control.instance() as instance:
        beat = last_beats(instance, [place.rig.slug]).get(place.rig.slug)
        silent_s = database_time(instance) - beat.at if beat else 0.0
        return beat is not None and not beat.left and silent_s < 4 * BEAT_S and not beat.unconfirmed
    return False


def outcome(name: str, asked: Asked, took_s: float) -> list[str]:
    runs, home = asked.runs(), asked.home()
    failed = [run for run in runs if run.status is dg.DagsterRunStatus.FAILURE]
    stuck = [run for run in runs if not run.is_finished]
    lost = not home and not failed
    orphans = asked.rig.engines()
    said = asked.farm.control.run("python", "-m", "bench_pipeline", "farm-status").splitlines()
    notes = [line for line in said if line.startswith(f"note: {asked.rig.slug}")]
    notes += [line for run in failed for line in said if run.run_id[:8] in line]
    counts = (len(runs), len(home), int(lost), max(0, len(home) - 1), len(orphans), len(stuck))
    ended = " then ".join(run.status.value.lower() for run in runs)
    told = f"{name}: {ended}; {len(home)} run files; {took_s:.0f} s"
    print("\n".join([told, *(f"  {line}" for line in notes)]), flush=True)
    return [ended, *map(str, counts), f"{took_s:.0f}"]


def injected(name: str, place: Place) -> list[str]:
    """A row of the table."""
    begun = time.monotonic()
    try:
        asked = FAULTS[name].inject(place)
        settled(asked, place)
        cells = outcome(name, asked, time.monotonic() - begun)
    except Exception as error:  # the others are injected all the same
        print(f"{name}: {error}", flush=True)
        words = (str(error).splitlines() or [repr(error)])[0]
        cells = [words[:60], "-", "-", "-", "-", "-", "1", f"{time.monotonic() - begun:.0f}"]
    return [FAULTS[name].what, *cells]


def all_injected(farm: Farm, names: Sequence[str], rows: dict[str, list[str]]) -> None:
    """What befalls one rig, on both side by side; then what befalls all, one after the other."""
    waiting = deque(name for name in names if not FAULTS[name].of_all)

    def work_off(place: Place) -> None:
        with suppress(IndexError):
            while True:
                name = waiting.popleft()
                rows[name] = injected(name, place)

    places = [Place(farm, number) for number in range(len(farm.rigs))]
    threads = [threading.Thread(target=work_off, args=[each], daemon=True) for each in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in (name for name in names if FAULTS[name].of_all):
        rows[name] = injected(name, places[0])


HEADINGS = ["fault", "ended", "asked", "home", "lost", "doubled", "orphaned", "stuck", "s"]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="*", help="of faults; all if there is none")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--logs", type=Path, help="a folder in which to leave what they said")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name:20} {each.what}" for name, each in FAULTS.items()))
        return 0
    if unknown := [name for name in options.name if name not in FAULTS]:
        parser.error(f"no fault `{unknown[0]}`: --list names them")
    engines, host = read_engines(checkout().engines), this_host()
    here = Rig(slug="here", title="here", backends={"cpu": BackendSetup()})
    engine = install(choose(engines, here, "cpu", None, host), artefact_cache())
    model = read_models(checkout().models)[MODEL]
    fetch_model(model, artefact_cache())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names, rows, begun = options.name or list(FAULTS), {}, time.monotonic()
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
            all_injected(farm, names, rows)
        finally:
            if options.logs:
                for machine in (farm.control, *farm.rigs):
                    shutil.copy(machine.log, options.logs / machine.folder.name)
            table_of = [rows[name] for name in names if name in rows]
            print(table([HEADINGS, *table_of]), flush=True)
            print(f"{len(table_of)} faults in {(time.monotonic() - begun) / 60:.0f} minutes")
    return int(len(rows) < len(names) or any(row[4:8] != ["0"] * 4 for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
