"""Quiet hours on one machine: kept by `make ui`, as on a farm by its control plane."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg

from bench_pipeline.deploy.coordinator import QuietHours
from bench_pipeline.paths import Project

LOOK_S = 60.0


@contextmanager
def quiet_hours_kept(project: Project) -> Iterator[None]:
    """Of all declared rigs, while the block lasts, on the instance of this process."""
    over = threading.Event()
    thread = threading.Thread(target=_keep, args=[project, over], daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _keep(project: Project, over: threading.Event) -> None:
    last = ""
    with dg.DagsterInstance.get() as instance:
        hours = QuietHours(instance, project)
        while True:
            rigs = [path.stem for path in project.rigs.glob("*.yaml")]
            try:
                for line in hours.keep(rigs, datetime.now(UTC)):
                    print(line, flush=True)
                last = ""
            except Exception as error:  # a database in use, a full disk: next time, and said once
                if str(error) != last:
                    print(f"quiet hours cannot be kept: {error}", flush=True)
                last = str(error)
            if over.wait(LOOK_S):
                return
