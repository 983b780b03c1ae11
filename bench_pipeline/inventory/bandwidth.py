"""How fast memory can be read: what bounds decoding, which reads every weight for each token.

NVIDIA: theoretical, from the driver's highest memory clock and the width of the bus. All memory
that NVML clocks (GDDR5 to GDDR7, HBM) moves two bits per pin and clock of that figure: 2,619 MHz
x 2 x 5,120 bits / 8 = 3.35e12 B/s, the H100's data sheet.

AMD: none. What amdgpu calls the memory clock moves 2, 4, 8 or 16 bits per pin by the kind of
memory (an RX 7900 XTX shows 1,249 MHz x 384 bits and reads 960e9 B/s, eight times the figure
that twice the clock would give), and the kernel does not tell the kind.

CPU: measured here, by reading an array larger than the last cache with as many threads as the
engine has. It is what such a loop attained, not a bound.

GPUs that share the CPU's memory: none, unless the driver tells clock and width. What the CPU reads
of the same memory says nothing of it: on such chips the GPU has the wider way there.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from bench_pipeline.inventory.sysfs import SYSTEM, read_text
from bench_pipeline.records.inventory import Gpu
from bench_pipeline.records.rig import Backend
from bench_pipeline.records.server import Bandwidth

HOST = "host"

_BITS_PER_CLOCK = 2
_MIB = 2**20
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
_TIMES_CACHE = 4
_LEAST_BYTES, _MOST_BYTES = 256 * _MIB, 1024 * _MIB
_SHARE_OF_FREE = 0.25
_PIECE_BYTES = 8 * _MIB
_FILL_S = 1.2
_READ_S = 0.6
_PASSES = 5

Array = npt.NDArray[np.int64]


def read_bandwidth(
    backend: Backend, gpus: Sequence[Gpu], devices: Sequence[str], threads: int
) -> list[Bandwidth]:
    """Of the memory that `backend` reads a model from, by device; none where nobody can tell.

    `gpus` are the ones behind `devices` (the engine's names), in the same order, as many where all
    could be told; `threads` the engine's. Measuring takes up to 2 s and up to 1 GiB of memory.
    """
    if backend == "cpu":
        return [_measured(HOST, threads)]
    if len(gpus) != len(devices):
        return []
    found: list[Bandwidth] = []
    for device, gpu in zip(devices, gpus, strict=True):
        if known := _theoretical(device, gpu):
            found.append(known)
    return found


def _theoretical(device: str, gpu: Gpu) -> Bandwidth | None:
    clock_mhz, bits = gpu.memory_clock_max_mhz, gpu.memory_bus_bits
    if gpu.vendor != "nvidia" or not clock_mhz or not bits:
        return None
    return Bandwidth(
        device=device,
        bytes_per_s=clock_mhz * 1e6 * _BITS_PER_CLOCK * bits / 8,
        source="theoretical",
        how=f"highest memory clock {clock_mhz:,.0f} MHz x {_BITS_PER_CLOCK} (double data rate) x "
        f"{bits:,} bits / 8",
    )


@dataclass(frozen=True)
class Reading:
    """The best of `passes` readings of `size_bytes` by `threads` threads at once."""

    bytes_per_s: float
    size_bytes: int
    threads: int
    passes: int


def _measured(device: str, threads: int) -> Bandwidth:
    cache_bytes = last_cache_bytes()
    reading = time_reading(_size(cache_bytes), threads)
    times = f"{reading.threads} {'thread' if reading.threads == 1 else 'threads'}"
    how = (
        f"best of {reading.passes} readings of {reading.size_bytes / _MIB:,.0f} MiB by the CPU, "
        f"{times}; "
    )
    if cache_bytes is None:
        how += "the last cache's size is not known"
    else:
        how += f"last cache {cache_bytes / _MIB:,.0f} MiB"
        how += ", so parts may have come from it" if reading.size_bytes < 2 * cache_bytes else ""
    return Bandwidth(device=device, bytes_per_s=reading.bytes_per_s, source="measured", how=how)


def _size(cache_bytes: int | None) -> int:
    """Bytes to read: several times the cache, within a quarter of what is free."""
    wanted = min(max(_TIMES_CACHE * (cache_bytes or 0), _LEAST_BYTES), _MOST_BYTES)
    return min(wanted, int(psutil.virtual_memory().available * _SHARE_OF_FREE))


def time_reading(size_bytes: int, threads: int) -> Reading:
    """Reads an array of about `size_bytes` again and again, each thread its own part of it.

    numpy sums without Python's lock. Each thread fills the part that it reads, so that on a
    machine of several sockets it lies beside it. Where memory is so slow that filling takes too
    long, what is filled by then is read.
    """
    share = max(size_bytes // threads // _PIECE_BYTES, 1) * _PIECE_BYTES
    with ThreadPoolExecutor(threads) as pool:
        deadline = time.perf_counter() + _FILL_S
        parts = list(pool.map(_filled, [share] * threads, [deadline] * threads))
        total_bytes = sum(part.nbytes for part in parts)
        best_s, passes = float("inf"), 0
        deadline = time.perf_counter() + _READ_S
        while passes < 2 or (passes < _PASSES and time.perf_counter() < deadline):
            begun = time.perf_counter()
            list(pool.map(np.add.reduce, parts))
            best_s = min(best_s, time.perf_counter() - begun)
            passes += 1
    return Reading(total_bytes / best_s, total_bytes, threads, passes)


def _filled(size_bytes: int, deadline: float) -> Array:
    part: Array = np.empty(size_bytes // 8, dtype=np.int64)
    step = _PIECE_BYTES // 8
    for start in range(0, len(part), step):
        part[start : start + step] = 1  # untouched pages would all be one page of zeros
        if time.perf_counter() > deadline:
            return part[: start + step]
    return part


def last_cache_bytes(root: Path = SYSTEM) -> int | None:
    """Size of the caches of the highest level, all of them together; None where /sys has none."""
    caches: dict[tuple[int, str], int] = {}
    for index in root.glob("sys/devices/system/cpu/cpu[0-9]*/cache/index*"):
        level, size = read_text(index / "level"), read_text(index / "size")
        shared = read_text(index / "shared_cpu_list")
        if level and size and shared and size[:-1].isdecimal() and size[-1] in _UNITS:
            caches[int(level), shared] = int(size[:-1]) * _UNITS[size[-1]]
    last = max((level for level, _ in caches), default=None)
    return sum(size for (level, _), size in caches.items() if level == last) or None
