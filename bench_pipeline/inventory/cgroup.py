"""What a container or a service manager leaves of the machine: memory, processors, CPU time.

Both versions of cgroups; a limit holds for all that lies below it, so the tightest on the way up
counts. Nothing is read where there are none.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench_pipeline.inventory.sysfs import SYSTEM, read_number, read_text

_MIB = 2**20
_NO_LIMIT_BYTES = 2**60
"""Version 1 writes a number near 2**63 for none."""


class MemoryLimit(NamedTuple):
    """The tightest limit, and how much of it can still be taken, MiB."""

    total_mib: float
    available_mib: float


def memory_limit(root: Path = SYSTEM) -> MemoryLimit | None:
    """None where nothing limits it. Pages of files that were not used lately count as free."""
    found = [
        MemoryLimit(limit / _MIB, max(0.0, limit - (used - _inactive(stat))) / _MIB)
        for limit, used, stat in _memory_files(root)
        if limit < _NO_LIMIT_BYTES
    ]
    if not found:
        return None
    return MemoryLimit(min(m.total_mib for m in found), min(m.available_mib for m in found))


def _memory_files(root: Path) -> Iterator[tuple[float, float, Path]]:
    """(limit, used, statistics) of each group that has a limit, bytes."""
    for folder in _folders(root, "memory"):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit = read_number(folder / limit_name)
            if limit is not None:
                yield limit, read_number(folder / used_name) or 0.0, folder / "memory.stat"


def _inactive(stat: Path) -> float:
    words = [line.split() for line in (read_text(stat) or "").splitlines()]
    found = {line[0]: float(line[1]) for line in words if len(line) == 2 and line[1].isdecimal()}
    return found.get("total_inactive_file", found.get("inactive_file", 0.0))


def cpu_quota(root: Path = SYSTEM) -> float | None:
    """Processors' worth of time (`docker --cpus`); None where nothing limits it."""
    found = []
    for folder in _folders(root, "cpu"):
        words = (read_text(folder / "cpu.max") or "").split()
        if len(words) == 2 and words[0].isdecimal() and words[1].isdecimal():
            found.append(int(words[0]) / int(words[1]))
        quota = read_number(folder / "cpu.cfs_quota_us")
        period = read_number(folder / "cpu.cfs_period_us")
        if quota and period and quota > 0:
            found.append(quota / period)
    return min(found, default=None)


def allowed_cpus(root: Path = SYSTEM) -> frozenset[int] | None:
    """Numbers of the processors that this process may run on (cpuset, affinity); None: not told."""
    lists = [
        line.split(":", 1)[1]
        for line in (read_text(root / "proc/self/status") or "").splitlines()
        if line.startswith("Cpus_allowed_list:")
    ]
    for folder in _folders(root, "cpuset"):
        for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
            if text := read_text(folder / name):
                lists.append(text)
                break
    sets = [numbers for text in lists if (numbers := cpu_list(text))]
    return frozenset.intersection(*sets) if sets else None


def cpu_list(text: str) -> frozenset[int]:
    """{0, 1, 2, 3, 8} of the kernel's `0-3,8`; empty of what is no list."""
    numbers: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            return frozenset()
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """This process's group and those above it; within a container the topmost is its own."""
    base, paths = root / "sys/fs/cgroup", {"": "/"}
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        for name in controllers.split(","):
            paths[name] = path
    for top, path in (
        (base, paths[""]),
        (base / controller, paths.get(controller, "/")),
    ):
        folder = top / path.strip("/")
        yield folder
        while folder != top:
            folder = folder.parent
            yield folder
