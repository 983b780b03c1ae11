"""Which devices a backend computes on, and what each is called by the engine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pynvml

from bench_pipeline.harness.telemetry.amd import amd_gpus
from bench_pipeline.harness.telemetry.nvidia import nvidia_gpus
from bench_pipeline.harness.telemetry.rapl import processor_packages
from bench_pipeline.harness.telemetry.reading import Source
from bench_pipeline.inventory.sysfs import SYSTEM
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.matching import matched
from bench_pipeline.records.rig import Backend


def computing_devices(
    backend: Backend,
    names: Mapping[str, str] | None = None,
    *,
    root: Path = SYSTEM,
    nvml: ModuleType = pynvml,
) -> tuple[list[Source], list[str]]:
    """What `backend` computes on, as far as it can be read, and a sentence for what cannot.

    With `names` (engine's name by PCI address; maybe none) only those, by these names. Else all of
    CUDA and ROCm, numbered as the driver does; for Vulkan all cards, without an APU's GPU
    unless it is alone. Vulkan has an order of its own, so of several cards none gets a number
    that might be another's: they go by their PCI address.
    """
    devices: list[Source] = []
    gaps: list[str] = []
    if backend == "cpu":
        packages, gaps = processor_packages(root)
        return list(packages), gaps
    if backend in ("cuda", "vulkan"):
        devices += nvidia_gpus(nvml)
    if backend in ("rocm", "vulkan"):
        amd = amd_gpus(root)
        cards = [gpu for gpu in amd if not gpu.unified]
        alone = backend == "rocm" or names is not None or not (devices or cards)
        devices += amd if alone else cards
    if names is not None:
        for device in devices:
            if device.key not in names:
                device.close()
        devices = [device for device in devices if device.key in names]
        for device in devices:
            device.name = names[device.key]
    elif backend == "vulkan":
        for device in devices:
            device.name = "Vulkan0" if len(devices) == 1 else device.key
    return devices, gaps


def engine_names(inventory: Inventory, device_ids: Sequence[str]) -> dict[str, str]:
    """The engine's name of each device in `device_ids` by PCI address: `computing_devices`.

    A device whose card cannot be told, or that no driver gives an address, is left out.
    """
    found = matched(inventory.engine_devices, inventory.gpus)
    cards = {name: found[name].pcie_address for name in device_ids if name in found}
    return {address: name for name, address in cards.items() if address}
