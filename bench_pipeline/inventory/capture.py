"""The inventory of this machine: every probe asked, none able to spoil the rest."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pynvml

from bench_pipeline.inventory.amd import read_amd
from bench_pipeline.inventory.cpu import read_cpu
from bench_pipeline.inventory.memory import read_memory, total_memory
from bench_pipeline.inventory.nvidia import read_nvidia
from bench_pipeline.inventory.operating_system import read_operating_system
from bench_pipeline.inventory.other_gpus import read_others
from bench_pipeline.inventory.settings import read_settings
from bench_pipeline.inventory.sysfs import SYSTEM
from bench_pipeline.inventory.vulkan import vulkan_devices, with_vulkan
from bench_pipeline.records.inventory import (
    Cpu,
    EngineDevice,
    Inventory,
    OperatingSystem,
    Settings,
)

T = TypeVar("T")


def capture_inventory(
    engine_devices: Sequence[EngineDevice] = (),
    *,
    root: Path = SYSTEM,
    nvml: ModuleType = pynvml,
) -> Inventory:
    """What this machine is now. Never raises: what failed is a sentence in `gaps`.

    `engine_devices`: what the engine reported of itself, passed through; the only list of
    Vulkan devices there is. `root` and `nvml` are seams for tests.
    """
    gaps: list[str] = []

    def probe(name: str, read: Callable[[], T], instead: Callable[[], T]) -> T:
        try:
            return read()
        except Exception as error:  # a driver may fail in any way; the benchmark goes on
            gaps.append(f"{name}: {type(error).__name__}: {str(error).rstrip('.')}.")
            return instead()

    def no_gpus() -> tuple[list, list[str]]:
        return [], []

    cpu = probe("CPU", lambda: read_cpu(root), lambda: Cpu(model="unknown"))
    memory = probe("Memory", lambda: read_memory(root), total_memory)
    system = probe(
        "Operating system",
        lambda: read_operating_system(root),
        lambda: OperatingSystem(name="unknown"),
    )
    nvidia, nvidia_gaps = probe("NVML", lambda: read_nvidia(nvml, root), no_gpus)
    amd, amd_gaps = probe("amdgpu", lambda: read_amd(root), no_gpus)
    others, other_gaps = probe("Other GPUs", lambda: read_others(root), no_gpus)
    gpus = [*nvidia, *amd, *others]
    if gpus and root == SYSTEM:
        served, vulkan_gaps = probe("Vulkan", vulkan_devices, no_gpus)
        gpus, gaps = with_vulkan(gpus, served), [*gaps, *vulkan_gaps]
    settings = probe("Settings", lambda: read_settings(root), Settings)
    return Inventory(
        captured_at=datetime.now(UTC).replace(microsecond=0),
        cpu=cpu,
        memory=memory,
        os=system,
        settings=settings,
        gpus=gpus,
        engine_devices=list(engine_devices),
        gaps=[*gaps, *nvidia_gaps, *amd_gaps, *other_gaps],
    )
