"""What changed on a rig between its runs: driver, kernel, power cap, memory, and its engines.

Read from the inventory that each run captured of the rig just before it started. What differs
only because the machine was at rest or busy at that moment is no change.
"""

import json
from dataclasses import dataclass
from typing import Any

from bench_pipeline.site import wording
from bench_pipeline.site.rows import run_href
from bench_pipeline.site.source import Row

_LABELS = {
    "os.name": "system",
    "os.kernel": "kernel",
    "cpu.model": "processor",
    "cpu.flags": "instructions of the processor",
    "cpu.physical_cores": "cores",
    "cpu.logical_cores": "threads of the processor",
    "memory.total_mib": "memory",
    "memory.swap_total_mib": "swap",
    "driver": "driver",
    "power_cap_w": "power cap",
    "memory_mib": "VRAM",
    "cuda_version": "CUDA of the driver",
    "gaps": "not readable",
}
_UNITS = {"_mib": "MiB", "_w": "W", "_mhz": "MHz", "_c": "°C", "_bits": "bits"}


@dataclass(frozen=True)
class Change:
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Event:
    """A run before which something had changed, or the first one."""

    when: str
    run_href: str
    since: str
    """The run before it, by its time: the change came between the two. Empty for the first."""
    changes: tuple[Change, ...]
    engines: tuple[str, ...]
    """Builds that ran here for the first time: `CPU b10434, after b10092`."""
    state: tuple[tuple[str, str], ...]
    """Of the first run: what the rig was then."""


def history(runs: list[Row]) -> tuple[Event, ...]:
    """Newest first. `runs`: those of table `runs` on one rig; undated ones tell no history."""
    dated = sorted(
        (r for r in runs if r["started_at"]), key=lambda r: (r["started_at"], r["run_id"])
    )
    events = []
    before: Row | None = None
    seen: dict[str, str] = {}
    for run in dated:
        new_engine = _new_engine(run, seen)
        changes = () if before is None else changes_between(before, run)
        if before is None or changes or new_engine:
            events.append(
                Event(
                    when=wording.moment(run["started_at"]),
                    run_href=run_href(run["run_id"]),
                    since=wording.moment(before["started_at"]) if before and changes else "",
                    changes=changes,
                    engines=(new_engine,) if new_engine else (),
                    state=() if before else _state(run),
                )
            )
        before = run
    return tuple(reversed(events))


def _new_engine(run: Row, seen: dict[str, str]) -> str:
    """`seen`: the build that last came new, by backend and build; brought up to date."""
    backend, build = run["backend"], f"{run['engine']} {run['build']}"
    if f"{backend} {build}" in seen:
        return ""
    last = seen.get(backend)
    seen[backend] = seen[f"{backend} {build}"] = build
    name = f"{wording.backend_name(backend)}: {build}"
    return f"{name}, after {last}" if last else name


def _state(run: Row) -> tuple[tuple[str, str], ...]:
    known = (
        ("Kernel", run["kernel"]),
        ("Driver", run["driver"]),
        ("Power cap", run["power_cap_w"] and f"{wording.trimmed(run['power_cap_w'])} W"),
    )
    return tuple((label, value) for label, value in known if value)


def changes_between(before: Row, after: Row) -> tuple[Change, ...]:
    """What of the rig differs between two of its runs, in the order of the inventory."""
    if before["inventory_key"] == after["inventory_key"]:
        return ()
    old, new = (_flat(json.loads(run["inventory_key"])) for run in (before, after))
    return tuple(
        Change(_label(path, new if path in new else old), _words(path, old), _words(path, new))
        for path in dict.fromkeys((*old, *new))
        if old.get(path) != new.get(path)
    )


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Leaves by their path: `os.kernel`, `gpus.0.driver`; lists of words are leaves."""
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        parts = [(str(number), part) for number, part in enumerate(value)]
    else:
        return {} if value in (None, []) else {path: value}
    found: dict[str, Any] = {}
    for key, part in parts:
        found |= _flat(part, f"{path}.{key}" if path else key)
    return found


def _label(path: str, leaves: dict[str, Any]) -> str:
    if not path.startswith("gpus."):
        return _LABELS.get(path, path.replace(".", " ").replace("_", " "))
    _, number, key = path.split(".", 2)
    label = _LABELS.get(key, _without_unit(key).replace("_", " "))
    several = any(other.startswith("gpus.1.") for other in leaves)
    return f"{label} of GPU {number}" if several else f"{label} of the GPU"


def _without_unit(key: str) -> str:
    return next((key.removesuffix(end) for end in _UNITS if key.endswith(end)), key)


def _words(path: str, leaves: dict[str, Any]) -> str:
    value = leaves.get(path)
    if value is None:
        return "not there"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        unit = next((unit for end, unit in _UNITS.items() if path.endswith(end)), "")
        return f"{wording.trimmed(value)} {unit}".strip()
    return str(value)
