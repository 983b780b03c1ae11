"""The machine's memory, and the server's share of it."""

from pathlib import Path

import psutil

from bench_pipeline.harness.telemetry.reading import DEFAULT_INTERVAL_S, MIB, Covers, Reading
from bench_pipeline.inventory.memory import room
from bench_pipeline.inventory.sysfs import SYSTEM


class HostMemory:
    """`used` is what would not be available to a new program; `ours` the resident set. In a
    container both are of what its limit leaves."""

    name = key = "host"
    energy_range_j: float | None = None
    renewal_s: float | None = None
    interval_s: float | None = DEFAULT_INTERVAL_S

    covers: Covers = "device"

    def __init__(self, root: Path = SYSTEM) -> None:
        self._root = root
        self.total_mib = room(root).total_mib
        self._server: psutil.Process | None = None

    def read(self, server_pid: int | None) -> Reading:
        memory = room(self._root)
        used_mib = memory.total_mib - memory.available_mib
        return Reading(used_mib=used_mib, ours_mib=self._resident_mib(server_pid))

    def _resident_mib(self, pid: int | None) -> float | None:
        if pid is None:
            return None
        try:
            if self._server is None or self._server.pid != pid:
                self._server = psutil.Process(pid)
            return float(self._server.memory_info().rss) / MIB
        except psutil.Error:
            return None  # the server died; the harness finds that out by itself

    def power_w(self) -> float | None:
        return None

    def close(self) -> None:
        pass
