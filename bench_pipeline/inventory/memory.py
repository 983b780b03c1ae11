"""System memory and swap."""

import os
from pathlib import Path
from typing import NamedTuple

import psutil

from bench_pipeline.inventory.cgroup import memory_limit
from bench_pipeline.inventory.sysfs import SYSTEM, read_text
from bench_pipeline.records.inventory import Memory

_MIB = 2**20


class Room(NamedTuple):
    """Memory that programs here can have, and what of it is free for a new one, MiB."""

    total_mib: float
    available_mib: float
    machine_mib: float
    """Of the whole machine, whatever a container is given of it."""


def room(root: Path = SYSTEM) -> Room:
    """In a container what its limit leaves. ZFS's cache above its least size counts as free: it
    shrinks when memory is asked for, but the kernel counts it as used."""
    memory = psutil.virtual_memory()
    machine_mib = memory.total / _MIB
    available_mib = min(machine_mib, memory.available / _MIB + reclaimable_mib(root))
    limit = memory_limit(root)
    if limit is None or limit.total_mib >= machine_mib:
        return Room(machine_mib, available_mib, machine_mib)
    return Room(limit.total_mib, min(limit.available_mib, available_mib), machine_mib)


def reclaimable_mib(root: Path = SYSTEM) -> float:
    """What ZFS's cache (ARC) holds above its minimum; 0 without ZFS."""
    text = read_text(root / "proc/spl/kstat/zfs/arcstats") or ""
    words = [line.split() for line in text.splitlines()]
    found = {line[0]: float(line[2]) for line in words if len(line) == 3 and line[2].isdecimal()}
    return max(0.0, found.get("size", 0.0) - found.get("c_min", 0.0)) / _MIB


def read_memory(root: Path = SYSTEM) -> Memory:
    """What is there and what is free now: swap in use spoils a benchmark."""
    memory, swap = room(root), psutil.swap_memory()
    limited = memory.total_mib < memory.machine_mib
    return Memory(
        total_mib=round(memory.total_mib, 1),
        available_mib=round(memory.available_mib, 1),
        machine_total_mib=round(memory.machine_mib, 1) if limited else None,
        swap_total_mib=round(swap.total / _MIB, 1),
        swap_used_mib=round(swap.used / _MIB, 1),
    )


def total_memory() -> Memory:
    """The size alone, by a system call: works where /proc is hidden."""
    return Memory(
        total_mib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _MIB, 1)
    )
