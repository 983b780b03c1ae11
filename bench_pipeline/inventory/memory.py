"""System memory and swap."""

import os

import psutil

from bench_pipeline.records.inventory import Memory

_MIB = 2**20


def read_memory() -> Memory:
    """What is there and what is free now: swap in use spoils a benchmark."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return Memory(
        total_mib=round(memory.total / _MIB, 1),
        available_mib=round(memory.available / _MIB, 1),
        swap_total_mib=round(swap.total / _MIB, 1),
        swap_used_mib=round(swap.used / _MIB, 1),
    )


def total_memory() -> Memory:
    """The size alone, by a system call: works where /proc is hidden."""
    return Memory(
        total_mib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _MIB, 1)
    )
