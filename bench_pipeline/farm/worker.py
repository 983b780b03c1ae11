"""One worker: takes the runs of one queue, one at a time.

    python -m bench_pipeline.farm.worker HOME          on the control plane
    python -m bench_pipeline.farm.worker HOME RIG      on a rig

Celery's own, with Dagster's task. Beside it, on a rig, a thread that gives signs of life and sends
what is not confirmed yet.
"""

import ctypes
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from bench_pipeline.farm.access import FILE, read_access
from bench_pipeline.farm.queues import (
    CONTROL_QUEUE,
    broker_and_backend,
    celery_settings,
    run_in,
)
from bench_pipeline.farm.storage import be_patient

_PR_SET_PDEATHSIG = 1


def main(home: Path, rig: str | None) -> int:
    from celery import signals
    from dagster_celery.make_app import make_app
    from dagster_celery.tasks import create_execute_job_task
    from kombu import Queue

    from bench_pipeline.deploy.coordinator import queue_of

    os.environ["DAGSTER_HOME"] = str(home)
    queue = queue_of(rig) if rig else CONTROL_QUEUE
    broker, backend = broker_and_backend(read_access(home / FILE))
    app = make_app({"broker": broker, "backend": backend, "config_source": celery_settings(home)})
    app.conf.task_queues = [Queue(queue, routing_key=f"{queue}.#")]
    app.conf.worker_redirect_stdouts = False  # Dagster's lines would be said twice
    create_execute_job_task(app)

    for chatty in ("alembic", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    signals.worker_process_init.connect(_in_the_process_of_a_run, weak=False)
    if rig:
        from bench_pipeline.farm.pulse import Pulse

        pulse = Pulse(rig, runs_in_hand)
        signals.worker_ready.connect(lambda **_: pulse.start(), weak=False)
        signals.worker_shutdown.connect(lambda **_: pulse.stop(), weak=False)
    app.worker_main(
        [
            *("worker", "--queues", queue, "--hostname", f"{rig or CONTROL_QUEUE}@%h"),
            # one thing at a time, each in a process of its own; nobody is told of other workers
            *("--concurrency", "1", "--max-tasks-per-child", "1"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            *("--loglevel", "INFO"),
        ]
    )
    return 0


def runs_in_hand() -> tuple[str, ...]:
    """Ids of the Dagster runs that this worker took and has not ended."""
    from celery.worker import state

    requests: set[Any] = {*state.active_requests, *state.reserved_requests}
    return tuple(sorted({run_in(request.kwargs) for request in requests}))


def _in_the_process_of_a_run(**_: object) -> None:
    """When the worker is killed, its run ends too, instead of going on unseen; the engine ends with
    the run. SIGTERM, by which Celery ends a run that somebody cancelled, is an interrupt."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    be_patient()
    os.setpgrp()  # Ctrl-C is for the worker, which lets its run end first
    signal.signal(signal.SIGTERM, signal.default_int_handler)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
