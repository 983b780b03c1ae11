"""A rig's signs of life, and its outbox: a thread beside the worker."""

import logging
import platform
import threading
import time
from collections.abc import Callable

import dagster as dg

from bench_pipeline.farm import beats, post
from bench_pipeline.harness.run_record import code_commit
from bench_pipeline.paths import Project, artefact_cache, checkout

logger = logging.getLogger("bench_pipeline.farm")


class Pulse:
    """Beats every `beats.BEAT_S`; a beat that fails is tried again, and said once."""

    def __init__(self, rig: str, runs: Callable[[], tuple[str, ...]]) -> None:
        self._rig, self._runs = rig, runs
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="pulse", daemon=True)
        self._since: float | None = None
        self._is_silent = False
        self._project: Project = checkout()
        self._commit = code_commit() or "not known"  # of what runs, whatever is pulled meanwhile

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(beats.BEAT_S)
        self._try(left=True)

    def _beat_on(self) -> None:
        while not self._ended.is_set():
            self._try()
            self._ended.wait(beats.BEAT_S)

    def _try(self, left: bool = False) -> None:
        try:
            with dg.DagsterInstance.get() as instance:
                self._beat(instance, left)
        except Exception as error:  # whatever Postgres, the network or the disk has; next time
            if not self._is_silent:
                logger.warning("no sign of life could be given: %s", error)
            self._is_silent = True
        else:
            if self._is_silent:
                logger.warning("the control plane answers again")
            self._is_silent = False

    def _beat(self, instance: dg.DagsterInstance, left: bool) -> None:
        waiting = post.send_unconfirmed(instance, self._project)
        now = beats.database_time(instance)
        self._since = self._since or now
        beats.tell(
            instance,
            beats.Beat(
                rig=self._rig,
                at=now,
                since=self._since,
                clock_ahead_s=round(time.time() - now, 1),
                commit=self._commit,
                host=platform.node(),
                runs=self._runs(),
                builds=installed_builds(),
                unconfirmed=waiting,
                left=left,
            ),
        )


def installed_builds() -> tuple[str, ...]:
    folders = (artefact_cache() / "engines").glob("*/*")
    return tuple(sorted({folder.name for folder in folders if folder.is_dir()}))
