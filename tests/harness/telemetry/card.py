"""A graphics card as NVML shows it, whose power is renewed every 100 ms of a clock of ours."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pynvml

from bench_pipeline.harness.telemetry.device import Device
from tests.inventory.cards import Nvml

LOST = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
SERVER = 4_000_001
STRANGER = 4_000_002
"""Above the kernel's limit of process numbers: nobody here has them."""
WATTS = 300.0


@dataclass
class Clock:
    now: float = 0.0


class Answers(dict[str, Any]):
    """What is callable is asked anew each time."""

    def get(self, name: str, default: Any = None) -> Any:
        answer = super().get(name, default)
        return answer() if callable(answer) else answer


def live_card(clock: Clock) -> Nvml:
    """Constant 300 W but for a flicker that shows each renewal; its counter rises with it."""

    def milliwatts() -> int:
        return round(WATTS * 1000) + math.floor(clock.now * 10 + 1e-6) % 7

    return Nvml(
        Answers(
            nvmlDeviceGetPciInfo=SimpleNamespace(busId="00000000:0A:00.0"),
            nvmlDeviceGetMemoryInfo=SimpleNamespace(total=81559 * 2**20, used=480 * 2**20),
            nvmlDeviceGetTotalEnergyConsumption=lambda: 7_000_000 + round(WATTS * clock.now * 1000),
            nvmlDeviceGetPowerUsage=milliwatts,
            nvmlDeviceGetFieldValues=lambda: [
                SimpleNamespace(
                    nvmlReturn=pynvml.NVML_SUCCESS, value=SimpleNamespace(uiVal=milliwatts())
                )
            ],
            nvmlDeviceGetClockInfo=1980,
            nvmlDeviceGetTemperature=38,
            nvmlDeviceGetCurrentClocksEventReasons=pynvml.nvmlClocksEventReasonGpuIdle,
            nvmlDeviceGetComputeRunningProcesses=[],
            nvmlDeviceGetGraphicsRunningProcesses=[],
        )
    )


def process(pid: int, mib: int = 810) -> SimpleNamespace:
    return SimpleNamespace(pid=pid, usedGpuMemory=mib * 2**20)


def drive(
    device: Device,
    clock: Clock,
    seconds: float,
    *,
    server_pid: int | None = None,
    at: dict[float, Callable[[], None]] | None = None,
) -> None:
    """Ticks as the thread does, on our clock; `at`: what happens to the card and when."""
    ends, pending = clock.now + seconds, sorted((at or {}).items())
    device.begin(clock.now)
    while clock.now <= ends + 1e-9:
        while pending and pending[0][0] <= clock.now + 1e-9:
            pending.pop(0)[1]()
        clock.now = device.tick(clock.now, server_pid)
