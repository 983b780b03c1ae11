"""What devices are called, and what a buyer calls a machine: `RTX 5070 · 12 GB · 250 W`."""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.rig import plain_backend
from bench_pipeline.site import wording
from bench_pipeline.site.source import Row

_MAKERS_SERIES = ("GeForce ", "Radeon ", "AMD Radeon ")


def on_cpu(run: Row) -> bool:
    """Whether no GPU computed in `run`, which has a column `backend`."""
    return plain_backend(run["backend"]) == "cpu"


def device_of(run: Row) -> str:
    """The GPU of a run, or the CPU for backend `cpu`, as it is called for short."""
    return short(run["cpu"] if on_cpu(run) else run["gpu"] or "GPU not recorded")


def shared_devices(runs: Iterable[Row]) -> frozenset[str]:
    """Names of devices that several rigs have: alone they don't tell which one is meant."""
    rigs: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        rigs[device_of(run)].add(run["rig"])
    return frozenset(device for device, found in rigs.items() if len(found) > 1)


@lru_cache(1024)
def short(device: str) -> str:
    """A device's name without the maker's ornaments."""
    for ornament in ("(R)", "(TM)", "(tm)", "NVIDIA ", " Processor"):
        device = device.replace(ornament, "")
    return " ".join(device.split()) or "unnamed device"


def headlines(runs: Iterable[Row]) -> dict[str, str]:
    """By rig, what stands before the name that its owner gave it: of its newest run that names its
    GPU, or of its newest where none does. Memory is in the size that it is sold by, whole GiB."""
    best: dict[str, Row] = {}
    for run in runs:
        known = best.get(run["rig"])
        if known is None or _rank(run) >= _rank(known):
            best[run["rig"]] = run
    return {rig: _headline(run) for rig, run in best.items()}


def _rank(run: Row) -> tuple[bool, str, str]:
    started = run["started_at"].isoformat() if run["started_at"] else ""
    return bool(run["gpu"]) and not on_cpu(run), started, run["run_id"]


def _headline(run: Row) -> str:
    name = device_of(run)
    for series in _MAKERS_SERIES:
        name = name.removeprefix(series)
    if not on_cpu(run):
        power = run["power_cap_w"] and f"{wording.trimmed(run['power_cap_w'])} W"
        return _joined(name, _sold_as(run["gpu_memory_mib"]), power)
    inventory = Inventory.model_validate_json(run["inventory_json"])
    cores = inventory.cpu.physical_cores
    return _joined(
        name, cores and wording.counted(cores, "core"), _sold_as(inventory.memory.total_mib)
    )


def _sold_as(memory_mib: float | None) -> str | None:
    if not memory_mib:
        return None
    return f"{round(memory_mib / 1024)} GB" if memory_mib >= 1024 else f"{memory_mib:.0f} MB"


def _joined(*parts: object) -> str:
    return " · ".join(str(part) for part in parts if part)
