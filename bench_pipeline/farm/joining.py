"""A rig joins: its file, its home, a first word with the control plane, and then its worker."""

import os
import sys
import time
from pathlib import Path

import dagster as dg

from bench_pipeline.deploy.coordinator import queue_of
from bench_pipeline.errors import BenchError
from bench_pipeline.farm.access import FILE, RIG, Access, read_access, write_home
from bench_pipeline.farm.beats import database_time, last_beats
from bench_pipeline.farm.declared import tell_declaration
from bench_pipeline.farm.queues import redis_client
from bench_pipeline.inventory.declare import declare_this_machine
from bench_pipeline.inventory.identity import rig_here
from bench_pipeline.paths import Project

CLOCK_TOLERANCE_S = 60.0


def rig_home(project: Project) -> Path:
    return project.farm / "rig"


def prepare_rig(project: Project, slug: str, join: Path | None) -> Path:
    """Its home. `join`: the file from the control plane; None: the one of last time. BenchError if
    this machine is another rig."""
    home = rig_home(project)
    if join is None and not (home / FILE).exists():
        raise BenchError(
            "this rig has not joined a farm yet",
            mend=f"make farm-rig RIG={slug} JOIN=join.json, with the file that"
            " `make farm-control` wrote",
            where="make farm-rig",
        )
    access = read_access(join or home / FILE)
    if access.user != RIG:
        raise BenchError(
            "it is the control plane's own", mend="carry join.json to the rig", where=join
        )
    declare_this_machine(project, named=slug, say=print)
    rig_here(project, slug)  # says who it is where it is another
    project.farm.mkdir(exist_ok=True)
    project.farm.chmod(0o700)
    write_home(home, access)
    (home / "outbox").mkdir(mode=0o700, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def meet(project: Project, home: Path, slug: str) -> list[str]:
    """The first word with the control plane; lines for who starts it. BenchError if it cannot be
    reached."""
    access = read_access(home / FILE)
    try:
        client = redis_client(access, home)
        client.ping()
        with dg.DagsterInstance.get() as instance:
            now, before = database_time(instance), last_beats(instance, [slug]).get(slug)
            tell_declaration(instance, project, slug)
            queued = client.llen(queue_of(slug))
    except Exception as error:  # of two libraries, and TLS
        words = str(error).strip().splitlines() or [repr(error)]
        raise BenchError(
            f"the control plane cannot be reached: {words[0]}",
            mend="see that it runs and its two ports are open to this machine; a join file of"
            " another farm does not fit",
            where=_place(access),
        ) from None
    lines = [f"joined the farm at {_place(access)} as {slug}; {queued} runs wait for it"]
    if warning := clock_warning(time.time() - now):
        lines.append(f"warning: of this machine: {warning}")
    if before is not None and not before.left:
        lines.append(f"its last sign of life was {now - before.at:.0f} s ago")
    return lines


def clock_warning(ahead_s: float) -> str | None:
    if abs(ahead_s) <= CLOCK_TOLERANCE_S:
        return None
    return (
        f"its clock is {abs(ahead_s):.0f} s {'ahead' if ahead_s > 0 else 'behind'};"
        " its runs will carry those times"
    )


def become_worker(home: Path, slug: str) -> None:
    """Does not return: this process becomes the worker, so that who watches it (systemd, a
    terminal) watches the worker itself."""
    command = [sys.executable, "-m", "bench_pipeline.farm.worker", str(home), slug]
    sys.stdout.flush()
    os.execv(sys.executable, command)


def _place(access: Access) -> str:
    return f"{access.host} (ports {access.redis_port} and {access.postgres_port})"
