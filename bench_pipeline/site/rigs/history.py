"""What changed on a rig between its runs: driver, kernel, power cap, memory, and its engines.

Read from the inventory that each run captured of the rig just before it started. What differs
only because the machine was at rest or busy at that moment is no change.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bench_pipeline.records.engines import build_number
from bench_pipeline.site import wording
from bench_pipeline.site.source import Row
from bench_pipeline.site.tables.rows import run_href

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
    "settings.governor": "clock governor",
    "settings.energy_preference": "energy preference of the processor",
    "settings.platform_profile": "platform profile",
    "settings.power_source": "power source",
    "settings.rocm_version": "ROCm",
    "vulkan_driver": "Vulkan driver",
    "settings.firmware": "firmware",
    "firmware": "firmware",
    "gaps": "not readable",
}
_UNITS = {"_mib": "MiB", "_w": "W", "_mhz": "MHz", "_c": "°C", "_bits": "bits"}
_READ_LATER = re.compile(
    r"settings\.|cpu\.(?:performance|usable)_cores|memory\.machine_total_mib"
    r"|gpus\.\d+\.(?:vulkan_driver|shared_memory_mib|firmware)"
)
"""What the first inventories did not look for."""
_OF_NAMES = re.compile(r"gpus\.|cpu\.|memory\.|os\.|settings\.")
NOT_THERE = "not there"


@dataclass(frozen=True)
class Change:
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class NewBuild:
    """A build of an engine that ran on a backend for the first time."""

    backend: str
    engine: str
    build: str
    newest_before: str
    """Of the builds that had run on that backend; empty for the first."""
    replaces: bool
    """Whether it is newer than that one, or one of the two has no number to tell."""

    @property
    def words(self) -> str:
        """`CPU: llama.cpp b10434, after llama.cpp b10092`."""
        name = f"{wording.backend_name(self.backend)}: {self.engine} {self.build}"
        if not self.newest_before:
            return name
        return f"{name}, {'after' if self.replaces else 'older than'} {self.newest_before}"


@dataclass(frozen=True)
class Event:
    """A run before which something had changed, or the first one."""

    when: str
    run_href: str
    since: str
    """The run before it, by its time: the change came between the two. Empty for the first."""
    changes: tuple[Change, ...]
    engine: NewBuild | None
    state: tuple[tuple[str, str], ...]
    """Of the first run: what the rig was then."""


def dated(runs: Iterable[Row]) -> list[Row]:
    """Those of table `runs` that say when they were made, oldest first."""
    return sorted(
        (run for run in runs if run["started_at"]), key=lambda r: (r["started_at"], r["run_id"])
    )


def history(runs: Sequence[Row]) -> tuple[Event, ...]:
    """Newest first. `runs`: of one rig, as `dated` orders them."""
    events = []
    new_builds = first_runs_of_builds(runs)
    for before, run in zip((None, *runs), runs, strict=False):
        engine = new_builds.get(run["run_id"])
        changes = () if before is None else changes_between(before, run)
        if before is None or changes or engine:
            events.append(
                Event(
                    when=wording.moment(run["started_at"]),
                    run_href=run_href(run["run_id"]),
                    since=wording.moment(before["started_at"]) if before and changes else "",
                    changes=changes,
                    engine=engine,
                    state=() if before else _state(run),
                )
            )
    return tuple(reversed(events))


def first_runs_of_builds(runs: Iterable[Row]) -> dict[str, NewBuild]:
    """By the run that was the first with it. `runs`: as `dated` orders them."""
    found: dict[str, NewBuild] = {}
    newest: dict[str, Row] = {}
    seen = set()
    for run in runs:
        backend, engine, build = run["backend"], run["engine"], run["build"]
        if (backend, engine, build) in seen:
            continue
        seen.add((backend, engine, build))
        before = newest.get(backend)
        replaces = before is None or _may_replace(build, before["build"])
        named = f"{before['engine']} {before['build']}" if before else ""
        found[run["run_id"]] = NewBuild(backend, engine, build, named, replaces)
        if replaces:
            newest[backend] = run
    return found


def _may_replace(build: str, other: str) -> bool:
    number, known = build_number(build), build_number(other)
    return number < 0 or known < 0 or number > known


def _state(run: Row) -> tuple[tuple[str, str], ...]:
    known = (
        ("Kernel", run["kernel"]),
        ("Driver", run["driver"]),
        ("Power cap", run["power_cap_w"] and f"{wording.trimmed(run['power_cap_w'])} W"),
    )
    return tuple((label, value) for label, value in known if value)


def changes_between(before: Row, after: Row) -> tuple[Change, ...]:
    """What of the rig differs between two of its runs, in the order of the inventory; what is
    the same of several GPUs is told once."""
    if before["inventory_key"] == after["inventory_key"]:
        return ()
    old, new = leaves(before["inventory_key"]), leaves(after["inventory_key"])
    alike: dict[tuple[str, str, str], list[str]] = {}
    for path in differing(old, new):
        if path.startswith("as_printed.") or (
            _by_name_alone(before, after) and _OF_NAMES.match(path)
        ):
            continue
        same = _of_any_gpu(path), words(path, old), words(path, new)
        alike.setdefault(same, []).append(path)
    everything = {**old, **new}
    return tuple(
        Change(label(paths, everything), was, became) for (_, was, became), paths in alike.items()
    )


def _by_name_alone(before: Row, after: Row) -> bool:
    """Whether files tell of a machine that nobody read, by two backends: these give one chip two
    names, and each sees its own part of the machine."""
    both = {before.get("provenance"), after.get("provenance")}
    return "imported" in both and (before["backend"] != after["backend"] or len(both) > 1)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Paths at which two inventories differ; what earlier runs did not look for has not changed
    since."""
    return [
        path
        for path in dict.fromkeys((*old, *new))
        if old.get(path) != new.get(path)
        and not (_READ_LATER.match(path) and (path not in old or path not in new))
    ]


@lru_cache(maxsize=1024)
def leaves(inventory_key: str) -> dict[str, Any]:
    """What `inventory_key` of a run holds, by path: `os.kernel`, `gpus.0.driver`."""
    return _flat(json.loads(inventory_key))


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Lists of words are leaves."""
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


def _of_any_gpu(path: str) -> str:
    return re.sub(r"^gpus\.\d+\.", "gpus.", path)


def label(paths: Sequence[str], among: Iterable[str]) -> str:
    """What stands there, in words: `kernel`, `driver of the GPU`, `power cap of GPU 0 and 1`.

    `paths`: one, or the same of several GPUs. `among`: all paths of the rig.
    """
    if not paths[0].startswith("gpus."):
        return _LABELS.get(paths[0], paths[0].replace(".", " ").replace("_", " "))
    key = paths[0].split(".", 2)[2]
    name = _LABELS.get(key, _without_unit(key).replace("_", " "))
    if not any(path.startswith("gpus.1.") for path in among):
        return f"{name} of the GPU"
    numbers = wording.listed([path.split(".")[1] for path in paths])
    return f"{name} of GPU {numbers}"


def _without_unit(key: str) -> str:
    return next((key.removesuffix(end) for end in _UNITS if key.endswith(end)), key)


def words(path: str, leaves: Mapping[str, Any]) -> str:
    """The value there as a page says it."""
    value = leaves.get(path)
    if value is None:
        return NOT_THERE
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        unit = next((unit for end, unit in _UNITS.items() if path.endswith(end)), "")
        return f"{wording.trimmed(value)} {unit}".strip()
    return str(value)
