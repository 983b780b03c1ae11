"""Signs of life: what each rig last said of itself, in Dagster's own table of cursors.

Times are the database's, so that no rig's clock has a say in who is alive.
"""

import dataclasses
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

BEAT_VARIABLE = "BENCH_PIPELINE_BEAT_S"
"""Seconds between two signs of life, the same on all machines of a farm; tests want it short."""
BEAT_S = float(os.environ.get(BEAT_VARIABLE, "15"))
_PREFIX = "bench_pipeline/rig/"
_NAMES = "bench_pipeline/rigs"


@dataclass(frozen=True)
class Beat:
    rig: str
    at: float
    """Seconds of the epoch, by the database's clock."""
    since: float
    """Of this worker's start, by the same clock."""
    clock_ahead_s: float
    """How far the rig's own clock is ahead of the database's; negative: behind."""
    commit: str
    """Of its checkout."""
    host: str
    runs: tuple[str, ...]
    """Dagster's ids of those in hand."""
    builds: tuple[str, ...] = ()
    """Engine builds that are installed there."""
    unconfirmed: int = 0
    """Run files that the control plane has not confirmed yet."""
    left: bool = False
    """It was stopped in good order."""


def database_time(instance: dg.DagsterInstance) -> float:
    """Seconds of the epoch."""
    storage = instance.run_storage
    with storage.connect() as connection:  # type: ignore[attr-defined]
        now: datetime = connection.exec_driver_sql("select now()").scalar_one()
    return now.astimezone(UTC).timestamp()


def tell(instance: dg.DagsterInstance, beat: Beat) -> None:
    """Each time it sees that it is in the list of rigs: who adds a name to it at the same moment
    may overwrite it."""
    cursors = instance.daemon_cursor_storage
    known = rigs_heard_of(instance)
    pairs = {_PREFIX + beat.rig: json.dumps(dataclasses.asdict(beat))}
    if beat.rig not in known:
        pairs[_NAMES] = json.dumps([*known, beat.rig])
    cursors.set_cursor_values(pairs)


def rigs_heard_of(instance: dg.DagsterInstance) -> list[str]:
    said = instance.daemon_cursor_storage.get_cursor_values({_NAMES}).get(_NAMES)
    return json.loads(said) if said else []


def last_beats(instance: dg.DagsterInstance, rigs: list[str]) -> dict[str, Beat]:
    """Of those that ever gave one."""
    if not rigs:
        return {}
    said = instance.daemon_cursor_storage.get_cursor_values({_PREFIX + rig for rig in rigs})
    beats = [Beat(**json.loads(text)) for text in said.values()]
    return {
        beat.rig: dataclasses.replace(beat, runs=tuple(beat.runs), builds=tuple(beat.builds))
        for beat in beats
    }
