"""One card's power cap: read, and set by its driver or by the command that the rig file names.

NVIDIA's is the driver's own (NVML), AMD's a file of amdgpu's in /sys. Small, as the guard holds it
in memory beside a benchmark.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pynvml

from bench_pipeline.errors import RigError
from bench_pipeline.inventory.sysfs import SYSTEM, hwmon_folder, pci_devices, scaled

SAME_W = 0.5
"""Two caps this near are one: a driver rounds."""
COMMAND_LIMIT_S = 30.0
"""For the rig file's command; `sudo` that asks for a password waits forever."""
MAY_NOT = (
    "run it as root, or let the rig file name a command that may: "
    "`power_cap_command: [sudo, -n, nvidia-smi, -i, '{card}', -pl, '{w}']` (docs/campaigns.md)"
)


class Limits(NamedTuple):
    """In W; None: the driver does not tell."""

    least_w: float | None
    most_w: float | None


def same(one_w: float, other_w: float) -> bool:
    return abs(one_w - other_w) <= SAME_W


@dataclass(frozen=True)
class Card:
    """vendor   `nvidia` or `amd`: whose driver is asked
    address  on the PCI bus, `0000:0a:00.0`
    """

    vendor: str
    address: str

    @property
    def told(self) -> str:
        return f"the card at {self.address}"

    def cap_w(self) -> float:
        """The cap that was set last. RigError where there is none."""
        if self.vendor == "nvidia":
            with self._nvml() as handle:
                return float(pynvml.nvmlDeviceGetPowerManagementLimit(handle)) / 1000
        return self._told(scaled(self.cap_file(), 1e6))

    def enforced_w(self) -> float:
        """What the driver holds the card to: the cap, or less where another limit is lower."""
        if self.vendor == "nvidia":
            with self._nvml() as handle, suppress(pynvml.NVMLError_NotSupported):
                return float(pynvml.nvmlDeviceGetEnforcedPowerLimit(handle)) / 1000
        return self.cap_w()

    def limits(self) -> Limits:
        """Between which a cap may lie."""
        if self.vendor == "nvidia":
            with self._nvml() as handle:
                least, most = pynvml.nvmlDeviceGetPowerManagementLimitConstraints(handle)
                return Limits(least / 1000, most / 1000)
        ends = (self.cap_file().with_name(f"power1_cap_{end}") for end in ("min", "max"))
        return Limits(*(scaled(file, 1e6) for file in ends))

    def set_w(self, watts: float, command: Sequence[str] | None, lock: int) -> None:
        """By `command`, else by the driver. RigError where that is refused.

        lock: an open file that the command inherits, so that who waits for its lock waits for what
        the command may still do, whoever started it and is gone.
        """
        if command:
            self._by_command(watts, command, lock)
        elif self.vendor == "nvidia":
            with self._nvml() as handle:
                pynvml.nvmlDeviceSetPowerManagementLimit(handle, round(watts * 1000))
        else:
            try:
                self.cap_file().write_text(f"{round(watts * 1e6)}\n")
            except PermissionError:
                raise self._may_not() from None
            except OSError as error:
                raise self._refused(str(error.strerror or error)) from None

    def cap_file(self) -> Path:
        """amdgpu's, in microwatts."""
        for device in pci_devices(SYSTEM):
            if device.address == self.address:
                return hwmon_folder(device) / "power1_cap"
        raise self._refused("it is not there")

    def _by_command(self, watts: float, command: Sequence[str], lock: int) -> None:
        words = {
            "{w}": f"{watts:.6g}",
            "{uw}": str(round(watts * 1e6)),
            "{card}": self.address,
        }
        if any("{file}" in word for word in command):
            words["{file}"] = str(self.cap_file())
        argv = []
        for word in command:
            for name, value in words.items():
                word = word.replace(name, value)
            argv.append(word)
        try:
            done = subprocess.run(
                argv,
                stdin=lock,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=COMMAND_LIMIT_S,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise self._refused(f"`{argv[0]}`: {error}") from None
        if done.returncode:
            said = done.stdout.decode(errors="replace").strip().splitlines()
            why = said[-1] if said else f"exit status {done.returncode}"
            raise self._refused(f"`{' '.join(argv)}` says: {why}")

    @contextmanager
    def _nvml(self) -> Iterator[Any]:
        """The card's handle; what NVML answers within, in our words."""
        try:
            pynvml.nvmlInit()
            try:
                yield pynvml.nvmlDeviceGetHandleByPciBusId(self.address)
            finally:
                pynvml.nvmlShutdown()
        except pynvml.NVMLError_NoPermission:
            raise self._may_not() from None
        except pynvml.NVMLError_NotSupported:
            raise self._refused("it has none that can be set, says NVML") from None
        except pynvml.NVMLError as error:
            raise self._refused(f"NVML says: {error}") from None

    def _told(self, watts: float | None) -> float:
        if watts is None:
            raise self._refused("its driver tells none")
        return watts

    def _may_not(self) -> RigError:
        return RigError(f"this user may not set the power cap of {self.told}", mend=MAY_NOT)

    def _refused(self, why: str) -> RigError:
        return RigError(
            f"power cap of {self.told}: {why}",
            mend="look at the card, its driver and the rig file's `power_cap_command`; "
            "or leave out the caps",
        )
