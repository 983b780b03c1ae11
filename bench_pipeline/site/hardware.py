"""What a rig is, in words: the line beside each row and the card at the top.

All of it is read from the inventory that the rig captured of itself. A rig's hand-written notes
are shown as notes, never mixed with what was read.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from bench_pipeline.records.engines import build_number
from bench_pipeline.records.inventory import EngineDevice, Gpu, Inventory, Settings
from bench_pipeline.records.matching import is_software, kind_of
from bench_pipeline.records.rig import plain_backend
from bench_pipeline.site import wording
from bench_pipeline.site.devices import device_of, headlines, on_cpu, short
from bench_pipeline.site.source import Row, Tables

PRINTED_DRIVER = "driver of each row"
"""Key of `Inventory.as_printed`: the driver that a published page named beside its figures."""

MANY = re.compile(r"^\d+ × | \+ ")
"""In the name of several cards together."""

NOT_IN_THE_FILE = "not recorded"
"""What an imported run says of a machine's part that its file does not name."""

MAX_NAMED_BUILDS = 5
"""Of one backend on a rig's card: all builds stand in its history."""


@dataclass(frozen=True)
class Hardware:
    """What computed one row's figures."""

    rig: str
    rig_title: str
    device: str
    """The GPU, or the CPU for backend `cpu`; with the rig's title where several rigs have one."""
    details: tuple[str, ...]
    """VRAM, power cap and driver, or cores and memory for `cpu`: what of it is known."""

    @property
    def text(self) -> str:
        return " · ".join((self.device, *self.details))


@dataclass(frozen=True)
class Card:
    rig: str
    headline: str
    """What it is, as a buyer says it."""
    title: str
    kind: str
    summary: str
    """One or two generated sentences."""
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    """The owner's paragraphs."""
    gaps: tuple[str, ...]
    origin: str
    """Where the facts come from."""
    published: bool
    """Whether nobody read the machine: its facts are another page's, or an imported file's."""
    badge: str = "measured"
    """`measured`, `published` or `imported`."""

    @property
    def href(self) -> str:
        return rig_href(self.rig)


def rig_href(rig: str) -> str:
    return f"rigs/{rig}.html"


def newest_inventories(tables: Tables) -> dict[str, Inventory]:
    """The newest captured inventory of each rig; where none exists, the newest imported one, or a
    published one."""
    newest: dict[str, Row] = {}
    for row in tables.rig_inventories:
        known = newest.get(row["rig"])
        if known is None or _when(row) >= _when(known):
            newest[row["rig"]] = row
    return {
        rig: Inventory.model_validate_json(row["inventory_json"]) for rig, row in newest.items()
    }


def _when(row: Row) -> tuple[str, str]:
    times = row["captured_at"], row["started_at"]
    captured, started = (time.isoformat() if time else "" for time in times)
    return captured, started


def price_words(rig_row: Row) -> str:
    """`1,450 EUR`; empty where its owner names none."""
    return f"{rig_row['price']:,g} {rig_row['currency']}" if rig_row.get("price") else ""


def hardware_of(run: Row, rig_title: str, shared: Collection[str], price: str = "") -> Hardware:
    """The line beside the rows of `run`, a row of table `runs`: the rig as it was in that run.

    `shared`: what `shared_devices` says of all runs; `price`: of the rig, in words.
    """
    inventory = Inventory.model_validate_json(run["inventory_json"])
    details = []
    if on_cpu(run):
        if inventory.cpu.physical_cores:
            details.append(wording.counted(inventory.cpu.physical_cores, "core"))
        if inventory.memory.total_mib:
            details.append(f"{wording.gib(inventory.memory.total_mib)} RAM")
    else:
        if memory := _row_memory(run, inventory):
            details.append(memory)
        if run["power_cap_w"]:
            together = " in all" if MANY.search(run["gpu"] or "") else ""
            details.append(f"{wording.trimmed(run['power_cap_w'])} W{together}")
        if driver := run["driver"] or inventory.as_printed.get(PRINTED_DRIVER):
            details.append(wording.driver(driver))
    details += [price] if price else []
    device = device_of(run)
    return Hardware(
        rig=run["rig"],
        rig_title=rig_title,
        device=f"{device} ({rig_title})" if device in shared else device,
        details=tuple(details),
    )


def _row_memory(run: Row, inventory: Inventory) -> str:
    for gpu in inventory.named_gpus():
        if gpu.unified_memory and gpu.name == run["gpu"]:
            return shared_words(gpu) or "memory shared with the CPU"
    return wording.gib(run["gpu_memory_mib"]) if run["gpu_memory_mib"] else ""


def shared_words(gpu: Gpu) -> str:
    """`512 MiB + up to 120 GiB shared`: its carve-out, and what it may map of the system's."""
    parts = []
    if gpu.memory_mib:
        own = gpu.memory_mib
        parts.append(f"{own:.0f} MiB" if own < 1024 else wording.gib(own))
    if gpu.shared_memory_mib:
        parts.append(f"up to {wording.gib(gpu.shared_memory_mib)} shared")
    return " + ".join(parts)


def cards(tables: Tables, inventories: dict[str, Inventory]) -> list[Card]:
    """One card for each rig with an inventory: measuring rigs first, then published ones."""
    rigs = {row["rig"]: row for row in tables.rigs}
    named = headlines(tables.runs)
    made = [
        _card(rigs.get(rig, {}), rig, named.get(rig, ""), inventory, tables)
        for rig, inventory in inventories.items()
    ]
    return sorted(made, key=lambda card: (card.published, card.title, card.rig))


def _card(rig_row: Row, rig: str, headline: str, inventory: Inventory, tables: Tables) -> Card:
    published = bool(inventory.as_printed)
    engines = _engines(run for run in tables.runs if run["rig"] == rig)
    of_rig = [run for run in tables.runs if run["rig"] == rig]
    imported = published and not any(run["provenance"] == "published" for run in of_rig)
    if imported:
        told = [*_facts(inventory), ("Engines run", engines or "none yet")]
        facts = [(label, words) for label, words in told if words != NOT_IN_THE_FILE]
        origin = "As imported files name it: nobody read the machine itself"
    elif published:
        facts = list(inventory.as_printed.items())
        origin = "As printed on the page that published it, contradictions included"
    else:
        facts = [*_facts(inventory), ("Engines run", engines or "none yet")]
        origin = "Read from the machine itself"
        if inventory.captured_at:
            origin += f" on {wording.moment(inventory.captured_at)}"
    if price := price_words(rig_row):
        facts.append(("Price, by its owner", price))
    notes = (rig_row.get("notes") or "").strip()
    return Card(
        rig=rig,
        headline=headline,
        title=rig_row.get("title") or rig,
        kind=(rig_row.get("kind") or "not declared").replace("-", " "),
        summary=summary(
            inventory,
            gpu_ran=any(run["rig"] == rig and not on_cpu(run) for run in tables.runs),
        ),
        facts=tuple(facts),
        notes=tuple(" ".join(part.split()) for part in notes.split("\n\n") if part.strip()),
        gaps=tuple(inventory.gaps),
        origin=origin,
        published=published,
        badge="imported" if imported else "published" if published else "measured",
    )


def _engines(runs: Iterable[Row]) -> str:
    """`llama.cpp b10092 (CPU), llama.cpp b10434 (CPU)`; of many builds the first and the last."""
    builds: dict[tuple[str, str], set[str]] = defaultdict(set)
    for run in runs:
        builds[run["engine"], wording.backend_name(run["backend"])].add(run["build"])
    told = []
    for (engine, backend), found in sorted(builds.items()):
        ordered = sorted(found, key=lambda build: (build_number(build), build))
        if len(ordered) > MAX_NAMED_BUILDS:
            ends = f"{ordered[0]} to {ordered[-1]}"
            told.append(f"{engine} {ends} ({backend}, {len(ordered):,} builds)")
        else:
            told += [f"{engine} {build} ({backend})" for build in ordered]
    return ", ".join(told)


def summary(inventory: Inventory, gpu_ran: bool = False) -> str:
    """What the rig is, in a sentence for each part that it has. `gpu_ran`: whether a run of it was
    on a GPU, read or not."""
    cpu = inventory.cpu
    cores = cpu.physical_cores or cpu.logical_cores
    core_words = f" ({wording.counted(cores, 'core')})" if cores else ""
    if cores and cpu.usable_cores:
        core_words = f" ({wording.trimmed(cpu.usable_cores)} of {wording.counted(cores, 'core')})"
    memory_mib = inventory.memory.total_mib
    memory_words = f" with {wording.gib(memory_mib)} of memory" if memory_mib else ""
    name = "Processor not recorded" if cpu.model == NOT_IN_THE_FILE else short(cpu.model)
    first = f"{name}{core_words}{memory_words}"
    if cpu.hypervisor:
        host = "" if cpu.hypervisor == "unknown" else f" ({cpu.hypervisor})"
        first += f", inside a virtual machine{host}"
    gpus = _counted(_gpu_words(gpu) for gpu in inventory.named_gpus())
    gpus += _counted(_listed_words(device) for device in listed_gpus(inventory))
    none = "Its GPU was not read" if gpu_ran else "No GPU: the engine computes on the CPU"
    return f"{first}. {wording.listed(gpus) or none}."


def _counted(names: Iterable[str]) -> list[str]:
    """`4 × GeForce RTX 4060` for four of a kind."""
    counts = Counter(names)
    return [f"{n} × {name}" if n > 1 else name for name, n in counts.items()]


def listed_gpus(inventory: Inventory) -> list[EngineDevice]:
    """GPUs that the engine lists, on a machine where no driver told of any. One that several of its
    backends list, or several drivers of Vulkan, is one."""
    if inventory.gpus:
        return []
    alike: dict[tuple[str, str, str | None], list[EngineDevice]] = defaultdict(list)
    for device in inventory.engine_devices:
        if not is_software(device):
            alike[device.name, kind_of(device.id), device.driver].append(device)
    most: dict[str, list[EngineDevice]] = {}
    for (name, _, _), devices in alike.items():
        most[name] = max(most.get(name, []), devices, key=len)
    return [device for devices in most.values() for device in devices]


def _listed_words(device: EngineDevice) -> str:
    size = f" with {wording.gib(device.total_mib)}" if device.total_mib else ""
    return f"{short(device.name)}{size} as the engine lists it"


def _gpu_words(gpu: Gpu) -> str:
    words = short(gpu.name)
    if gpu.unified_memory:
        memory = shared_words(gpu)
        words += f" with {memory}" if memory else ""
        words += "" if gpu.shared_memory_mib else " in memory shared with the CPU"
    elif gpu.memory_mib:
        words += f" with {wording.gib(gpu.memory_mib)}"
    if gpu.power_cap_w and gpu.power_max_w:
        if gpu.power_cap_w < gpu.power_max_w:
            share = f"{gpu.power_cap_w / gpu.power_max_w * 100:.0f} % of what it may draw"
            words += f", capped at {wording.trimmed(gpu.power_cap_w)} W ({share})"
        else:
            words += f" at its full {wording.trimmed(gpu.power_cap_w)} W"
    return words


def _facts(inventory: Inventory) -> list[tuple[str, str]]:
    cpu, memory = inventory.cpu, inventory.memory
    parts = [cpu.model]
    if cpu.physical_cores:
        parts.append(wording.counted(cpu.physical_cores, "core"))
    if cpu.logical_cores:
        parts.append(wording.counted(cpu.logical_cores, "thread"))
    facts = [("Processor", ", ".join(parts))]
    if cpu.flags:
        facts.append(("Instructions", ", ".join(cpu.flags)))
    if cpu.performance_cores:
        facts.append(("Fast cores", str(cpu.performance_cores)))
    if cpu.usable_cores:
        facts.append(("Usable", f"{wording.trimmed(cpu.usable_cores)} cores' worth"))
    swap = f", {wording.gib(memory.swap_total_mib)} swap" if memory.swap_total_mib else ""
    if memory.total_mib:
        machine = memory.machine_total_mib
        of = f" of the machine's {wording.gib(machine)}" if machine else ""
        facts.append(("Memory", f"{wording.gib(memory.total_mib)}{of}{swap}"))
    for gpu in inventory.named_gpus():
        facts += _gpu_facts(gpu, f"GPU {gpu.index}" if len(inventory.gpus) > 1 else "GPU")
    for device in listed_gpus(inventory):
        size = f", {wording.gib(device.total_mib)}" if device.total_mib else ""
        facts.append(("GPU", f"{device.name}{size}, as the engine lists it"))
    facts += _settings(inventory.settings)
    facts.append(("System", inventory.os.name))
    if inventory.os.kernel:
        facts.append(("Kernel", inventory.os.kernel))
    return facts


def _settings(settings: Settings | None) -> list[tuple[str, str]]:
    settings = settings or Settings()
    governor = ", ".join(filter(None, (settings.governor, settings.energy_preference)))
    parameters = " ".join(f"{k}={v}" for k, v in (settings.kernel_parameters or {}).items())
    known = (
        ("Clock governor", governor),
        ("Platform profile", settings.platform_profile),
        ("Power from", settings.power_source),
        ("ROCm", settings.rocm_version),
        ("Kernel parameters", parameters),
    )
    return [(label, words) for label, words in known if words]


def settings_facts(run: Row) -> list[tuple[str, str, Callable[[str], str]]]:
    """What of it was set in `run`, a row of table `runs`; and its GPUs' Vulkan drivers."""
    inventory = Inventory.model_validate_json(run["inventory_json"])
    facts = _settings(inventory.settings)
    if plain_backend(run["backend"]) == "vulkan":
        drivers = dict.fromkeys(gpu.vulkan_driver for gpu in inventory.gpus if gpu.vulkan_driver)
        facts += [("Vulkan driver", driver) for driver in drivers]
    return [(label, words, str) for label, words in facts]


def _gpu_facts(gpu: Gpu, label: str) -> list[tuple[str, str]]:
    facts = [(label, gpu.name)]
    if gpu.unified_memory:
        facts.append(("GPU memory", shared_words(gpu) or "shared with the CPU"))
    elif gpu.memory_mib:
        facts.append(("VRAM", f"{wording.gib(gpu.memory_mib)} of its own"))
    power = [
        f"{wording.trimmed(value)} W {name}"
        for value, name in (
            (gpu.power_cap_w, "cap"),
            (gpu.power_default_w, "default"),
            (gpu.power_max_w, "at most"),
        )
        if value
    ]
    if power:
        facts.append(("Power", ", ".join(power)))
    if gpu.driver:
        cuda = f", CUDA {gpu.cuda_version}" if gpu.cuda_version else ""
        facts.append(("Driver", f"{gpu.driver}{cuda}"))
    if gpu.vulkan_driver:
        facts.append(("Vulkan driver", gpu.vulkan_driver))
    clocks = [
        f"{name} {value:,.0f} MHz"
        for value, name in (
            (gpu.core_clock_max_mhz, "core up to"),
            (gpu.memory_clock_max_mhz, "memory up to"),
        )
        if value
    ]
    if clocks:
        facts.append(("Clocks", ", ".join(clocks)))
    if gpu.memory_bus_bits:
        facts.append(("Memory bus", f"{gpu.memory_bus_bits:,} bits"))
    link = [
        f"{name}generation {generation} x{width}"
        for generation, width, name in (
            (gpu.pcie_generation, gpu.pcie_width, ""),
            (gpu.pcie_generation_max, gpu.pcie_width_max, "at most "),
        )
        if generation and width
    ]
    if link:
        facts.append(("PCIe", ", ".join(dict.fromkeys(link))))
    if gpu.ecc_enabled is not None:
        facts.append(("ECC", "on" if gpu.ecc_enabled else "off"))
    return facts
