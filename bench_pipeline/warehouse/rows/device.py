"""Which device a run is shown under."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench_pipeline.records.run import Run


@dataclass(frozen=True)
class Device:
    """What computed in this run; all None on the CPU."""

    gpu: str | None = None
    gpu_memory_mib: float | None = None
    driver: str | None = None


def device_of(run: Run) -> Device:
    """The GPU(s) that `--device` names, by the engine's own device list; else the only one.

    A Vulkan device that no driver library lists as a GPU (a software rasterizer) keeps the
    name that the engine gives it.
    """
    if run.backend == "cpu":
        return Device()
    argv = run.servers[0].argv if run.servers else []
    pinned = argv[argv.index("--device") + 1].split(",") if "--device" in argv[:-1] else []
    listed = [device for device in run.inventory.engine_devices if device.id in pinned]
    used = run.inventory.gpus_behind(pinned)
    if listed and not used:
        total_mib = [device.total_mib for device in listed]
        return Device(_counted(device.name for device in listed), sum_if_known(total_mib))
    used = used or run.inventory.gpus[:1]
    if not used:
        return Device()
    return Device(
        _counted(gpu.name for gpu in used),
        sum_if_known([gpu.memory_mib for gpu in used]),
        used[0].driver,
    )


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
