"""What a farm's control plane has to do for many rigs and a long queue.

    python benchmarks/farm_scale.py                          a few sizes, and what grows with what
    python benchmarks/farm_scale.py --size 200 5000          rigs, runs: as often as wanted

Real: Redis, Postgres, TLS, Dagster's pages, its daemon with its queue, our launcher and our look at
the rigs, all as `farm-control` starts them. Simulated: the rigs. Two hundred workers of Celery need
40 GB, so all of them are threads of this process, which take what is sent to their queues, tell
Dagster as many events as a short run does, sleep where it would measure, and give signs of life as
often and over as many connections as a worker does. Nothing is measured by them.

Printed for each size:
  asked /s        runs put into the queue
  handover s      from the end of a rig's run to the start of its next: median, and 95 of 100
  events /s       that all rigs together told while they worked
  MB/1000 runs    by which the database grew
  page s          Dagster's list of runs, and its partitions of `benchmark_runs`, while it works
  CPU             of the control plane (its processes, Redis and Postgres), in cores
"""

import argparse
import itertools
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dagster as dg
import psutil
import yaml
from dagster._core.events import StepMaterializationData
from dagster._core.utils import make_new_run_id

from bench_pipeline.deploy.coordinator import FarmQueue, queue_of
from bench_pipeline.farm import beats
from bench_pipeline.farm.access import FILE, read_access
from bench_pipeline.farm.queues import broker_and_backend, redis_client, run_in
from bench_pipeline.records.yaml.files import run_files
from benchmarks.text_table import table
from tests.checkouts import copy_checkout
from tests.farm.machines import Control, enterable_folder, free_ports
from tests.waiting import wait_until

SIZES = [(20, 100), (20, 400), (80, 400)]
EVENTS = 50
"""That a run of one model tells, besides its first and its last."""
WORK_S = 2.0
"""Instead of minutes: so that the queue has as much to do as it can."""
RIG = {"title": "Simulated", "backends": {"cpu": {"threads": 1}}}
RUNS = dg.AssetKey("benchmark_runs")
PAGES = {
    "runs": """{ runsOrError(limit: 25) { ... on Runs { results {
        runId status startTime endTime tags { key value } } } } }""",
    "partitions": """{ assetNodeOrError(assetKey: {path: ["benchmark_runs"]}) { ... on AssetNode {
        partitionKeys assetPartitionStatuses { ... on DefaultPartitionStatuses {
        materializedPartitions failedPartitions materializingPartitions } } } } }""",
}


@dataclass
class Seen:
    """By all rigs."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    spans: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    events: int = 0

    def handovers_s(self) -> list[float]:
        waits = []
        for of_rig in self.spans.values():
            for (_, end), (begin, _) in itertools.pairwise(of_rig):
                waits.append(begin - end)
        return sorted(waits)


class SimulatedRig(threading.Thread):
    def __init__(self, slug: str, home: Path, instance: dg.DagsterInstance, seen: Seen) -> None:
        super().__init__(daemon=True)
        self.slug, self.home, self.instance, self.seen = slug, home, instance, seen
        self.ended = threading.Event()
        self.in_hand: tuple[str, ...] = ()
        access = read_access(home / FILE)
        self.client = redis_client(access, home)
        self.results = results_of(access, home)

    def run(self) -> None:
        pulse = threading.Thread(target=self.beat_on, daemon=True)
        pulse.start()
        while not self.ended.is_set():
            taken = self.client.brpop(queue_of(self.slug), timeout=1)
            if taken is not None:
                self.work(taken[1])

    def work(self, message: bytes) -> None:
        import base64
        import json

        told = json.loads(message)
        _args, options, _embed = json.loads(base64.b64decode(told["body"]))
        run_id, begun = run_in(options), time.monotonic()
        self.in_hand = (run_id,)
        self.results.store_result(told["headers"]["id"], None, "STARTED")
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        self.tell(run, "PIPELINE_START")
        for number in range(EVENTS):
            self.instance.report_engine_event(f"step {number} of a simulated run", run)
            time.sleep(WORK_S / EVENTS)
        place = dg.AssetMaterialization(RUNS, partition=run.tags["dagster/partition"])
        self.tell(run, "ASSET_MATERIALIZATION", StepMaterializationData(place))
        self.tell(run, "PIPELINE_SUCCESS")
        self.in_hand = ()
        with self.seen.lock:
            self.seen.events += EVENTS + 3
            self.seen.spans.setdefault(self.slug, []).append((begun, time.monotonic()))

    def tell(self, run: dg.DagsterRun, kind: str, data: Any = None) -> None:
        event = dg.DagsterEvent(kind, run.job_name, event_specific_data=data)
        self.instance.report_dagster_event(event, run_id=run.run_id)

    def beat_on(self) -> None:
        since = beats.database_time(self.instance)
        while not self.ended.wait(beats.BEAT_S):
            now = beats.database_time(self.instance)
            beats.tell(
                self.instance,
                beats.Beat(self.slug, now, since, 0.0, "simulated", "here", self.in_hand),
            )


def results_of(access: Any, home: Path) -> Any:
    from dagster_celery.make_app import make_app

    from bench_pipeline.farm.queues import celery_settings

    broker, backend = broker_and_backend(access)
    settings = {"broker": broker, "backend": backend, "config_source": celery_settings(home)}
    return make_app(settings).backend


@contextmanager
def control_plane(rigs: list[str]) -> Iterator[Control]:
    with enterable_folder() as folder:
        control = Control(folder / "control", [], None)
        copy_checkout(control.project.root)
        for path in (*run_files(control.project.runs), *control.project.rigs.glob("*.yaml")):
            path.unlink()
        for path in control.project.campaigns.glob("*.yaml"):
            path.unlink()
        for slug in rigs:
            (control.project.rigs / f"{slug}.yaml").write_text(yaml.safe_dump(RIG))
        control.further = {beats.BEAT_VARIABLE: str(beats.BEAT_S)}
        control.serve("127.0.0.1", free_ports(3))
        try:
            yield control
        finally:
            control.stop()


def ask_for(instance: dg.DagsterInstance, like: dg.DagsterRun, rigs: list[str], runs: int) -> None:
    """`runs` of them into the queue, in turns for each rig: a page's launch, less the page."""
    for number in range(runs):
        rig = rigs[number % len(rigs)]
        tags = {"dagster/partition": f"{rig}/cpu", **FarmQueue().tags_for(rig, datetime.now(UTC))}
        kept = {name: value for name, value in like.tags.items() if name.startswith(".dagster/")}
        run = like._replace(run_id=make_new_run_id(), tags={**kept, **tags})
        instance.add_run(run._replace(status=dg.DagsterRunStatus.NOT_STARTED))
        enqueued = dg.DagsterEvent.job_enqueue(run)
        instance.report_dagster_event(enqueued, run_id=run.run_id)


def prototype(control: Control, instance: dg.DagsterInstance, rig: str) -> dg.DagsterRun:
    """A run as a page launches it, ended: the others are copies."""
    run_id = control.launch("measure", ["benchmark_runs"], f"{rig}/cpu")
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.run_coordinator.cancel_run(run_id)
    return run


def cpu_s(control: Control) -> float:
    family = [control.process(), *control.process().children(recursive=True)]
    spent = 0.0
    for each in family:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


def size_bytes(instance: dg.DagsterInstance) -> int:
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        asked = connection.exec_driver_sql("select pg_database_size(current_database())")
        return int(asked.scalar_one())


def page_s(control: Control) -> dict[str, float]:
    spent = {}
    for name, query in PAGES.items():
        begun = time.monotonic()
        assert control.ask(query)
        spent[name] = time.monotonic() - begun
    return spent


def measured(number_of_rigs: int, runs: int) -> dict[str, float]:
    rigs = [f"sim-{number:04}" for number in range(number_of_rigs)]
    with control_plane(rigs) as control, control.instance() as instance:
        like = prototype(control, instance, rigs[0])
        begun, before = time.monotonic(), size_bytes(instance)
        ask_for(instance, like, rigs, runs)
        asked_s = time.monotonic() - begun
        seen = Seen()
        workers = [SimulatedRig(slug, control.home, instance, seen) for slug in rigs]
        begun, cpu_before = time.monotonic(), cpu_s(control)
        pages: dict[str, list[float]] = {name: [] for name in PAGES}
        for worker in workers:
            worker.start()

        def done() -> bool:
            for name, s in page_s(control).items():
                pages[name].append(s)
            time.sleep(2)
            ok = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])
            return instance.get_runs_count(ok) == runs

        wait_until(done, "all runs to end", control.said)
        took_s, cpu = time.monotonic() - begun, cpu_s(control) - cpu_before
        for worker in workers:
            worker.ended.set()
        for worker in workers:
            worker.join()
        waits = seen.handovers_s()
        return {
            "asked /s": runs / asked_s,
            "handover s": statistics.median(waits),
            "of 95 s": waits[int(0.95 * (len(waits) - 1))],
            "runs /s": runs / took_s,
            "events /s": seen.events / took_s,
            "MB/1000 runs": (size_bytes(instance) - before) / runs / 1000,
            "runs page s": statistics.median(pages["runs"]),
            "partitions page s": statistics.median(pages["partitions"]),
            "CPU cores": cpu / took_s,
            "CPU s/run": cpu / runs,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", nargs=2, type=int, action="append", metavar=("RIGS", "RUNS"))
    options = parser.parse_args()
    rows: list[list[str]] = []
    for rigs, runs in options.size or SIZES:
        found = measured(rigs, runs)
        rows = rows or [["rigs", "runs", *found]]
        rows.append([str(rigs), str(runs), *(f"{value:.3g}" for value in found.values())])
        print(table(rows), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
