"""What this machine can run: the facts that decide whether a prebuilt binary starts at all."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from bench_pipeline.records.engines import Platform

_SAME_MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}
"""One name for each instruction set: systems differ in what they call it."""

_LAST_CUDA_BEFORE_TURING = 12
"""CUDA 13 has no code for older cards."""


@dataclass(frozen=True)
class Host:
    """`glibc` is None where the C library is another one (musl, macOS, Windows); `cuda` is the
    newest major version of CUDA for which driver and cards are fit, None without such a card."""

    system: str
    machine: str
    cpu_flags: frozenset[str] = frozenset()
    glibc: str | None = None
    cuda: int | None = None

    def lacks(self, needed: Platform) -> list[str]:
        """What `needed` asks for and this machine has not, in words; empty: it can run it."""
        if (self.system, _machine(self.machine)) != (needed.system, _machine(needed.machine)):
            return [f"{needed.system} on {needed.machine}"]
        missing = [flag for flag in needed.cpu_flags if flag not in self.cpu_flags]
        if needed.min_glibc and _numbers(self.glibc) < _numbers(needed.min_glibc):
            missing.append(f"glibc {needed.min_glibc} (here {self.glibc or 'none'})")
        return missing


def this_host() -> Host:
    """The machine that this code runs on. CPU flags are read on Linux only."""
    return Host(
        system=platform.system(),
        machine=_machine(platform.machine()),
        cpu_flags=_cpu_flags(),
        glibc=_glibc(),
        cuda=_cuda(),
    )


def _machine(name: str) -> str:
    return _SAME_MACHINE.get(name.lower(), name.lower())


def _numbers(version: str | None) -> tuple[int, ...]:
    return tuple(int(n) for n in (version or "0").split(".") if n.isdigit())


def _cpu_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):  # x86, ARM
            return frozenset(value.split())
    return frozenset()


def _glibc() -> str | None:
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION")  # "glibc 2.36"
    except (AttributeError, ValueError, OSError):
        return None
    return name.split()[-1] if name else None


def _cuda(nvml: ModuleType | None = None) -> int | None:
    """Any release of a major version runs under a driver of that major version."""
    import pynvml  # only where cards are asked for: Dagster's definitions load without it

    nvml = nvml or pynvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    try:
        driver = nvml.nvmlSystemGetCudaDriverVersion_v2() // 1000
        handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
        oldest = min(map(nvml.nvmlDeviceGetCudaComputeCapability, handles))
    except (nvml.NVMLError, ValueError):
        return None
    finally:
        nvml.nvmlShutdown()
    return min(driver, _LAST_CUDA_BEFORE_TURING) if tuple(oldest) < (7, 5) else int(driver)
