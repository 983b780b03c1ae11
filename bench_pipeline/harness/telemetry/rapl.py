"""Processors, by the energy counter of their own (RAPL), which Linux shows for Intel and AMD.

Since Linux 5.10 only root may read it, as its course betrays what is computed.
"""

from pathlib import Path

from bench_pipeline.harness.telemetry.reading import DEFAULT_INTERVAL_S, Covers, Reading
from bench_pipeline.inventory.sysfs import SYSTEM, read_number, read_text


class ProcessorPackage:
    """One socket: cores, caches and memory controller, not the memory itself.

    The counter is renewed about every millisecond; it is read often enough to see the highest
    power of a tenth of a second and never to miss its start from 0.
    """

    renewal_s: float | None = 0.001
    interval_s: float | None = DEFAULT_INTERVAL_S
    total_mib = 1.0  # it has no memory of its own: `read` gives none
    covers: Covers = "device"

    def __init__(self, zone: Path, name: str, number: int, root: Path = SYSTEM) -> None:
        self.name = self.key = name
        self._counter = zone / "energy_uj"
        range_uj = read_number(zone / "max_energy_range_uj")
        self.energy_range_j = range_uj / 1e6 if range_uj else None
        self._temperature = _temperature_file(root, number)
        self._throttles = root / "sys/devices/system/cpu/cpu0/thermal_throttle"
        self._throttled = read_number(self._throttles / "package_throttle_count")

    def read(self, server_pid: int | None) -> Reading:
        energy_uj = read_number(self._counter)
        millidegrees = read_number(self._temperature) if self._temperature else None
        return Reading(
            energy_j=None if energy_uj is None else energy_uj / 1e6,
            temperature_c=None if millidegrees is None else millidegrees / 1000,
            throttle=self._throttle(),
        )

    def _throttle(self) -> frozenset[str] | None:
        """Since the last look: the kernel counts how often Intel's packages were too hot. None
        where it does not count."""
        before, now = self._throttled, read_number(self._throttles / "package_throttle_count")
        self._throttled = now
        if before is None or now is None:
            return None
        return frozenset({"thermal"}) if now > before else frozenset()

    def power_w(self) -> float | None:
        return None

    def close(self) -> None:
        pass


def processor_packages(root: Path = SYSTEM) -> tuple[list[ProcessorPackage], list[str]]:
    """Every package whose counter can be read, and a sentence for each that cannot."""
    packages: list[ProcessorPackage] = []
    gaps = []
    for zone in sorted(root.glob("sys/class/powercap/intel-rapl:*")):
        name = read_text(zone / "name") or ""
        if not name.startswith("package-"):  # cores, memory, the whole platform
            continue
        if read_number(zone / "energy_uj") is None:
            path = "/" / (zone / "energy_uj").relative_to(root)
            gaps.append(f"RAPL: {path} cannot be read, as a rule because only root may.")
            continue
        packages.append(ProcessorPackage(zone, name, len(packages), root))
    return packages, gaps


def _temperature_file(root: Path, number: int) -> Path | None:
    """Intel's package sensor has its number as a label, AMD's drivers come in its order."""
    amd = []
    for hwmon in sorted(root.glob("sys/class/hwmon/hwmon*")):
        driver = read_text(hwmon / "name")
        if driver == "coretemp" and read_text(hwmon / "temp1_label") == f"Package id {number}":
            return hwmon / "temp1_input"
        if driver == "k10temp":
            amd.append(hwmon / "temp1_input")
    return amd[number] if number < len(amd) else None
