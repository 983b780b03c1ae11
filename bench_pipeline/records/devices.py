"""GPUs as their drivers know them, devices as the engine lists them."""

from typing import Literal

from pydantic import Field

from bench_pipeline.records.base import (
    MOST_ITEMS,
    Count,
    Finite,
    NonNegative,
    Positive,
    Record,
)


class Gpu(Record):
    """One GPU. Clocks, links and temperature are of the moment of capture."""

    index: Count
    """As its driver counts."""
    vendor: Literal["nvidia", "amd", "intel", "apple", "other"]
    """Who made the chip."""
    name: str
    """As its driver gives it."""
    memory_mib: Positive | None = None
    """Dedicated VRAM; on unified memory, the carve-out, where there is one."""
    unified_memory: bool = False
    """Whether it shares the system's memory."""
    shared_memory_mib: NonNegative | None = None
    """Of the system's memory, as much as the GPU may map: AMD's GTT, what NVIDIA's driver counts
    on unified memory, what macOS lets the GPU wire."""
    driver: str | None = None
    """Version of the driver."""
    firmware: str | None = None
    """Version of the card's own (VBIOS)."""
    vulkan_driver: str | None = None
    """Vulkan's driver for it and its version: `radv, Mesa 25.2.3`, `NVIDIA, 580.95.05`."""
    asleep: bool | None = None
    """Set where it was suspended when this was captured: a card asleep tells no sensor."""
    cuda_version: str | None = None
    """Newest CUDA that the driver supports."""
    compute_capability: str | None = None
    """NVIDIA: `9.0`, ..."""
    power_cap_w: Finite | None = None
    """Limit in force."""
    power_default_w: Finite | None = None
    """Limit from the factory."""
    power_min_w: Finite | None = None
    """Lowest limit that can be set."""
    power_max_w: Finite | None = None
    """Highest limit that can be set."""
    core_clock_mhz: Finite | None = None
    """Of the moment."""
    core_clock_max_mhz: Finite | None = None
    """Highest."""
    memory_clock_mhz: Finite | None = None
    """Of the moment."""
    memory_clock_max_mhz: Finite | None = None
    """Highest."""
    memory_bus_bits: Count | None = None
    """Width of the memory bus."""
    pcie_address: str | None = None
    """`domain:bus:device.function`."""
    pcie_generation: Count | None = None
    """Of the moment: links slow down when idle."""
    pcie_generation_max: Count | None = None
    """That card and slot manage."""
    pcie_width: Count | None = None
    """Lanes in use."""
    pcie_width_max: Count | None = None
    """Lanes that card and slot manage."""
    ecc_enabled: bool | None = None
    """Whether memory errors are corrected."""
    temperature_c: Finite | None = None
    """Of the chip."""


class CappedCard(Record):
    """One card under a cap that was set for the run."""

    pcie_address: str
    """`domain:bus:device.function`."""
    found_w: Positive
    """The cap before, which it has again after the run."""
    read_back_w: Positive
    """What the driver told once it was set."""


class PowerCap(Record):
    """A cap that was set for the run and put back after it: read back, held by the driver for two
    seconds in a row before anything was measured, and looked at twice a second until the end."""

    asked_w: Positive
    """Of each card."""
    by: Literal["nvml", "amdgpu", "command"]
    """What set it: NVIDIA's library, amdgpu's file, or the command in the rig's file."""
    settled_s: NonNegative
    """From its setting until it had been held long enough."""
    cards: list[CappedCard] = Field(min_length=1, max_length=MOST_ITEMS)
    """Those that held the model."""


class EngineDevice(Record):
    """One line of the engine's own `--list-devices`."""

    id: str
    """`CUDA0`, `Vulkan0`: what `--device` takes."""
    name: str
    """As the engine prints it."""
    total_mib: Finite | None = None
    """Memory that the engine sees."""
    free_mib: Finite | None = None
    """Of it free when it looked."""
    pcie_address: str | None = None
    """`domain:bus:device.function`, as the engine's log gives it once a model is loaded."""
    driver: str | None = None
    """Vulkan: the driver, as the engine prints it: `radv`, `NVIDIA`."""
    unified_memory: bool | None = None
    """Vulkan: whether the engine takes its memory for the system's (`uma`)."""
