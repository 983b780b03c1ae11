"""The thread that samples, and what it has seen."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import psutil
import pynvml

from bench_pipeline.harness.telemetry.device import Device
from bench_pipeline.harness.telemetry.host import HostMemory
from bench_pipeline.harness.telemetry.reading import MIB
from bench_pipeline.harness.telemetry.sources import computing_devices
from bench_pipeline.harness.telemetry.window import Window
from bench_pipeline.inventory.sysfs import SYSTEM
from bench_pipeline.records.rig import Backend
from bench_pipeline.records.server import DeviceMemory


class Watch:
    """Samples the host's memory and every device that `backend` computes on, while it is used
    as a context manager.

    In the first seconds of a process's first watch each GPU's power is read every ten
    milliseconds, to find out how often the driver renews it; from then on it is sampled at that
    rate, or every `DEFAULT_INTERVAL_S` if that cannot be told. `interval_s` fixes the rate
    instead. `names`: see `computing_devices`.

    `keep` narrows it to the cards that the engine turned out to compute on, once its log says so.

    `server_pid` may be set later, when the server is up: memory before it is the reference.
    `gaps` has a sentence for each device that cannot be read.
    """

    def __init__(
        self,
        *,
        backend: Backend,
        names: Mapping[str, str] | None = None,
        interval_s: float | None = None,
        root: Path = SYSTEM,
        nvml: ModuleType = pynvml,
    ) -> None:
        self.server_pid: int | None = None
        self._swap_before_mib = psutil.swap_memory().used / MIB
        sources, self.gaps = computing_devices(backend, names, root=root, nvml=nvml)
        self.computing = [Device(source, interval_s) for source in sources]
        self._host = Device(HostMemory(root), interval_s)
        self.devices = [self._host, *self.computing]
        self._unneeded: list[Device] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._began_at = time.perf_counter()
        self._cpu_s = 0.0

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        for device in (*self.devices, *self._unneeded):
            device.source.close()

    def _run(self) -> None:
        self._began_at = time.perf_counter()
        for device in self.devices:
            device.begin(self._began_at)
        due = self._began_at
        while not self._stop.wait(max(0.0, due - time.perf_counter())):
            due = min(device.tick(time.perf_counter(), self.server_pid) for device in self.devices)
            self._cpu_s = time.thread_time()

    def keep(self, names: Mapping[str, str]) -> None:
        """Watches no more than the cards of `names` (engine's name by PCI address), by these names;
        packages of processors, which have no such address, stay."""
        kept = []
        for device in self.computing:
            if device.source.key in names:
                device.name = names[device.source.key]
            elif ":" in device.source.key:
                self._unneeded.append(device)
                continue
            kept.append(device)
        self.computing = kept
        self.devices = [self._host, *kept]  # the thread goes on with the list that it has begun

    @property
    def cpu_fraction(self) -> float:
        """What sampling costs: the thread's share of one core since it began."""
        return self._cpu_s / max(time.perf_counter() - self._began_at, 1e-9)

    def memory(self) -> list[DeviceMemory]:
        """Every device's memory so far; loaded is now, peak the highest sample."""
        readings = []
        for device in self.devices:
            now = device.look(self.server_pid)
            looks = [now, *(sample.reading for sample in list(device.samples))]
            used = [look.used_mib for look in looks if look.used_mib is not None]
            ours = [look.ours_mib for look in looks if look.ours_mib is not None]
            if now.used_mib is None:
                continue
            readings.append(
                DeviceMemory(
                    device=device.name,
                    total_mib=round(device.source.total_mib, 1),
                    used_before_mib=round(device.used_before_mib, 1),
                    used_loaded_mib=round(now.used_mib, 1),
                    used_peak_mib=round(max(used), 1),
                    ours_loaded_mib=None if now.ours_mib is None else round(now.ours_mib, 1),
                    ours_peak_mib=round(max(ours), 1) if ours else None,
                )
            )
        return readings

    def swap_grown_mib(self) -> float:
        """Since the watch was made; negative if it shrank."""
        return psutil.swap_memory().used / MIB - self._swap_before_mib

    def window(self) -> Window:
        """Opens a measured window now."""
        return Window(self.computing, self.server_pid)
