"""Which device a run is shown under."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench_pipeline.records.inventory import Gpu
from bench_pipeline.records.run import Run
from bench_pipeline.records.server import devices_of_command


@dataclass(frozen=True)
class Device:
    """What computed in this run; all None on the CPU."""

    gpu: str | None = None
    gpu_memory_mib: float | None = None
    driver: str | None = None
    vulkan_driver: str | None = None
    """On backend vulkan alone."""
    firmware: str | None = None
    """Of the cards."""


def device_of(run: Run) -> Device:
    """The GPU(s) that hold the model by the command; of an imported or published run those that
    its file names.

    A device whose card cannot be told (a software rasterizer, one of several alike) keeps the
    name and the memory that the engine gives it. Memory that a GPU shares with the system is what
    it owns and what it may map of the rest.
    """
    if run.plain_backend == "cpu":
        return Device()
    inventory = run.inventory
    argv = run.servers[0].argv if run.servers else []
    pinned = devices_of_command(argv)
    used = inventory.gpus_behind(pinned)
    if not used or len(used) < len(pinned):
        listed = [device for device in inventory.engine_devices if device.id in pinned]
        if listed:
            total_mib = [device.total_mib for device in listed]
            return Device(_counted(device.name for device in listed), sum_if_known(total_mib))
        if run.provenance != "measured":
            used = inventory.gpus
        elif len(inventory.gpus) == 1 and not pinned:
            used = inventory.gpus  # it never came to a command
    if not used:
        return Device()
    sizes = {device.id: device.total_mib for device in inventory.engine_devices}
    listed_mib = [sizes.get(name) for name in pinned] or [None] * len(used)
    return Device(
        _counted(gpu.name for gpu in used),
        sum_if_known([memory_mib(*pair) for pair in zip(used, listed_mib, strict=False)]),
        used[0].driver,
        used[0].vulkan_driver if run.plain_backend == "vulkan" else None,
        ", ".join(dict.fromkeys(gpu.firmware for gpu in used if gpu.firmware)) or None,
    )


def memory_mib(gpu: Gpu, listed_mib: float | None) -> float | None:
    """What a model can fill; `listed_mib`: what the engine says, where no driver does."""
    if gpu.unified_memory and gpu.shared_memory_mib is not None:
        return (gpu.memory_mib or 0) + gpu.shared_memory_mib
    return listed_mib if gpu.memory_mib is None else gpu.memory_mib


def _counted(names: Iterable[str]) -> str:
    """`2 × NVIDIA H200` for two of a kind."""
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return " + ".join(f"{n} × {name}" if n > 1 else name for name, n in counts.items())


def sum_if_known(values: Sequence[float | None]) -> float | None:
    """None if one of them, or every one, is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
