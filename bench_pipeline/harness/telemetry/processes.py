"""Whose processes: the server's and ours, or a stranger's."""

import os
from collections.abc import Iterable

import psutil


def strangers(
    computing: Iterable[int], server_pid: int | None, before: frozenset[int] = frozenset()
) -> frozenset[int]:
    """Those of the processes `computing` on a device that are neither the server nor ours.

    In a container a driver may number processes as the host does. So one process that was not
    there `before` the server, and that no process here goes by, is taken for a server that
    the driver does not name.
    """
    computing = frozenset(computing)
    others = {pid for pid in computing if pid != server_pid and not _descends_from_us(pid)}
    alias = server_alias(computing, server_pid, before)
    return frozenset(others - {alias})


def server_alias(
    computing: frozenset[int], server_pid: int | None, before: frozenset[int]
) -> int | None:
    """What a driver outside of this container calls the server; None: it uses our numbers."""
    if server_pid is None or server_pid in computing:
        return None
    return min((p for p in computing - before if not psutil.pid_exists(p)), default=None)


def _descends_from_us(pid: int) -> bool:
    if pid == os.getpid():
        return True
    try:
        return any(parent.pid == os.getpid() for parent in psutil.Process(pid).parents())
    except psutil.Error:
        return False


def programs(pids: Iterable[int]) -> str:
    """`pid 812 (python), pid 901`: the name where this user may see it."""
    words = []
    for pid in sorted(pids):
        try:
            words.append(f"pid {pid} ({psutil.Process(pid).name()})")
        except psutil.Error:
            words.append(f"pid {pid}")
    return ", ".join(words)


def own_tree() -> list[int]:
    """This process and all that it started."""
    return [os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))]


class OthersCpu:
    """How much of the processors others use, from its making until `fraction()`."""

    def __init__(self, ours: Iterable[int]) -> None:
        self._ours = list(ours)
        self._machine, self._mine = _machine_s(), self._own_s()

    def fraction(self) -> float | None:
        """Share of all cores, 0 to 1, that was neither idle nor used by `ours`; None where the
        kernel does not tell, or one of `ours` has gone.

        Counted in the kernel's ticks (10 ms, as a rule). What the hypervisor took away counts
        as used by others.
        """
        machine, mine = _machine_s(), self._own_s()
        if None in (machine, mine, self._machine, self._mine):
            return None
        total = machine[0] - self._machine[0]  # type: ignore[index]
        busy = machine[1] - self._machine[1]  # type: ignore[index]
        if total <= 0:
            return None
        return min(1.0, max(0.0, (busy - (mine - self._mine)) / total))  # type: ignore[operator]

    def _own_s(self) -> float | None:
        try:
            times = [psutil.Process(pid).cpu_times() for pid in self._ours]
        except psutil.Error:
            return None
        return sum(t.user + t.system for t in times)


def _machine_s() -> tuple[float, float] | None:
    """(all, busy) seconds of all cores since boot."""
    try:
        times = psutil.cpu_times()
    except (OSError, RuntimeError):
        return None
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    total = sum(times) - guests  # Linux counts guests among user time too
    return total, total - times.idle - getattr(times, "iowait", 0.0)
