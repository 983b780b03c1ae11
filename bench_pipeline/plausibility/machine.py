"""Rules about a machine that does not agree with itself, or with what its engine found there.

What hardware there is nobody knows whole (a card with memory soldered on, a driver that reads
wrong): so these only ask a person to look at the file, and mark no figure that is published.
"""

import re
from collections.abc import Callable

from bench_pipeline.plausibility.rule import CellRule, Facts, RunRule, first
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.devices import Gpu
from bench_pipeline.records.run import LLAMA_CPP, Run

MAKERS = {"nvidia": ("nvidia", "geforce", "quadro", "tesla"), "amd": ("amd", "radeon", "instinct")}
"""Words in the names of their cards."""

CARDS_GIB = {
    **{"H200": (141,), "H100": (64, 80, 94, 96), "A100": (40, 80), "L40": (48,), "T4": (16,)},
    **{"V100": (16, 32), "RTX 5090": (32,), "RTX 5080": (16,), "RTX 5070": (12, 16)},
    **{"RTX 5060": (8, 16), "RTX 4090": (24,), "RTX 4080": (16,), "RTX 4070": (12, 16)},
    **{"RTX 4060": (8, 16), "RTX 3090": (24,), "RTX 3080": (10, 12), "RTX 3070": (8,)},
    **{"RTX 3060": (8, 12), "RX 7900 XTX": (24,), "RX 7900 XT": (20,), "RX 9070": (16,)},
}
"""Sizes in which a card of that name is sold."""
_PART_OF_A_CARD = re.compile(r"MIG|GRID|vGPU|Laptop|Max-Q|Mobile|RTX A|Ada", re.I)

MEMORY_WITHIN = 0.06
"""Of GiB as sold: drivers keep some, and correction of errors takes some."""
CLOCK_TIMES, POWER_TIMES = 1.05, 1.2
LEAST_POWER_SHARE = 0.03
"""Of a card's highest cap: idle cards take 4 to 15 %."""
FASTEST_SAMPLES_MS = 5.0

_LOG_DEVICE = re.compile(r"using device \w+ \(([^()]+(?:\([^()]*\)[^()]*)*)\) \(")


def processor_has_its_cores(run: Run, _: Facts | None) -> str | None:
    cpu = run.inventory.cpu
    if (cpu.physical_cores or 0) <= (cpu.logical_cores or cpu.physical_cores or 0):
        return None
    return f"{cpu.physical_cores} physical cores of {cpu.logical_cores} logical ones"


def memory_holds_the_model(run: Run, _: Facts | None) -> str | None:
    total_mib = run.inventory.memory.total_mib
    held_mib = (run.model.size_bytes or 0) / 2**20
    if run.plain_backend != "cpu" or run.status != "ok" or not total_mib or held_mib <= total_mib:
        return None
    return f"a model of {held_mib:,.0f} MiB in a memory of {total_mib:,.0f} MiB"


def _of_each_card(doubt: Callable[[Gpu], str | None]) -> Callable[[Run, Facts | None], str | None]:
    return lambda run, _: first(doubt(gpu) for gpu in run.inventory.gpus)


def of_its_maker(gpu: Gpu) -> str | None:
    name = gpu.name.lower()
    for maker, words in MAKERS.items():
        if maker != gpu.vendor and any(word in name for word in words):
            return f"{gpu.name}, a card of {gpu.vendor}"
    return None


def of_a_size_that_is_sold(gpu: Gpu) -> str | None:
    sizes = next((sizes for part, sizes in CARDS_GIB.items() if part in gpu.name), None)
    if sizes is None or gpu.memory_mib is None or _PART_OF_A_CARD.search(gpu.name):
        return None
    gib = gpu.memory_mib / 1024
    if any(abs(gib / size - 1) <= MEMORY_WITHIN for size in sizes):
        return None
    sold = " or ".join(map(str, sizes))
    return f"{gpu.name} with {gpu.memory_mib:,.0f} MiB, sold with {sold} GiB"


def cap_can_be_set(gpu: Gpu) -> str | None:
    cap, low, high = gpu.power_cap_w, gpu.power_min_w, gpu.power_max_w
    if cap is None or ((low or 0) * 0.99 <= cap <= (high or cap) * 1.01):
        return None
    return f"a cap of {cap:g} W on a card that takes one of {low or 0:g} to {high:g} W"


def card_is_the_engine_s(run: Run, _: Facts | None) -> str | None:
    """What an engine on CUDA says that it uses is what the driver named."""
    names = [gpu.name for gpu in run.inventory.gpus]
    if run.plain_backend != "cuda" or not names:
        return None
    for server in run.servers:
        for line in server.log_proof:
            used = _LOG_DEVICE.search(line)
            if used and not any(used[1].startswith(name) for name in names):
                return f"its log uses {used[1][:60]}, its inventory has {', '.join(names)[:120]}"
    return None


def layers_belong_there(run: Run, _: Facts | None) -> str | None:
    for server in run.servers:
        memory = server.memory
        if memory is None or memory.layers_offloaded is None or memory.layers_total is None:
            continue
        told = f"{memory.layers_offloaded} of {memory.layers_total} layers on a card"
        if run.plain_backend == "cpu" and memory.layers_offloaded:
            return f"{told}, in a run on the processor (backend cpu)"
        if (
            run.plain_backend != "cpu"
            and memory.verdict == "fits"
            and memory.layers_offloaded < memory.layers_total
        ):
            return f"{told}, and yet it fits there"
        meant = run.arrangement
        if memory.verdict == "placed" and not (
            meant and (meant.meant_on_cpu or meant.gpu_layers is not None)
        ):
            return f"{told}, as asked, and nothing asks for it"
    return None


def prompts_were_not_cached(run: Run, _: Facts | None) -> str | None:
    if run.engine.name != LLAMA_CPP:
        return None
    return first(
        "a server that may keep prompts: no --no-cache-prompt in its command"
        for server in run.servers
        if server.argv and "--no-cache-prompt" not in server.argv
    )


def telemetry_is_of_the_card(run: Run, cell: Cell) -> str | None:
    gpus = run.inventory.gpus
    clock_mhz = max((gpu.core_clock_max_mhz or 0 for gpu in gpus), default=0)
    most_w = max((gpu.power_max_w or gpu.power_cap_w or 0 for gpu in gpus), default=0)
    for part in cell.telemetry:
        if part.covers is not None:
            continue  # a whole chip, or the host: no card's limits are its own
        if clock_mhz and (part.core_clock_median_mhz or 0) > clock_mhz * CLOCK_TIMES:
            told = f"{part.core_clock_median_mhz:g} MHz, a card of at most"
            return f"{told} {clock_mhz:g} MHz"
        if part.power_mean_w is not None and most_w:
            if part.power_mean_w > most_w * POWER_TIMES:
                return f"{part.power_mean_w:g} W on average, a cap of {most_w:g} W"
            if part.power_mean_w < most_w * LEAST_POWER_SHARE:
                told = f"{part.power_mean_w:g} W on average, of a card of"
                return f"{told} {most_w:g} W: less than it takes when idle"
    return None


def samples_fit_the_window(_: Run, cell: Cell) -> str | None:
    for part in cell.telemetry:
        every_ms = max(part.interval_ms or FASTEST_SAMPLES_MS, FASTEST_SAMPLES_MS) / 2
        if cell.window_ms and part.samples > cell.window_ms / every_ms + 2:
            return f"{part.samples:,} samples of {part.device[:20]} in {cell.window_ms:,.0f} ms"
    return None


_SOLD = "makers' data sheets"
_DRIVER = "the driver's own limits"
_ENGINE = "the harness asks the engine itself"

MACHINE_RULES = (
    RunRule(
        "cores", "physical cores ≤ logical ones", "arithmetic", processor_has_its_cores, "asked"
    ),
    RunRule(
        "host-memory",
        "on a processor, the model's file ≤ the memory",
        "a file read anew from the disk for each token is no run that fits",
        memory_holds_the_model,
        "asked",
    ),
    RunRule(
        "maker", "a card's name is its maker's", "their names", _of_each_card(of_its_maker), "asked"
    ),
    RunRule(
        "card-memory",
        f"memory as the card is sold, within {MEMORY_WITHIN * 100:g} %",
        _SOLD,
        _of_each_card(of_a_size_that_is_sold),
        "asked",
    ),
    RunRule("cap", "a cap within its limits", _DRIVER, _of_each_card(cap_can_be_set), "asked"),
    RunRule("card", "the engine's card is the driver's", _ENGINE, card_is_the_engine_s, "asked"),
    RunRule(
        "layers",
        "layers where the backend has them",
        _ENGINE,
        layers_belong_there,
        "asked",
    ),
    RunRule(
        "no-cache", "a command that keeps no prompts", _ENGINE, prompts_were_not_cached, "asked"
    ),
)

MACHINE_CELL_RULES = (
    CellRule(
        "telemetry",
        f"clock ≤ {CLOCK_TIMES:g} × the card's; {LEAST_POWER_SHARE:g} ≤ power / its cap ≤ "
        f"{POWER_TIMES:g}",
        _DRIVER,
        telemetry_is_of_the_card,
        "asked",
    ),
    CellRule(
        "samples",
        "no more of them than its window has room for",
        "their interval, halved for a late one",
        samples_fit_the_window,
        "asked",
    ),
)
