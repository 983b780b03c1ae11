"""What is read of a device, and what reads it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

MIB = 2**20

DEFAULT_INTERVAL_S = 0.1
"""Between two samples where the driver's own rate is not known (yet)."""


@dataclass(frozen=True)
class Reading:
    """One look at one device; None where it could not be read.

    used_mib        memory in use there by anyone
    ours_mib        of it, the server's
    energy_j        a counter from some start of its own
    throttle        why the device holds its clocks back at this moment; None: it does not tell
    strangers       processes that compute there and are neither the server nor ours
    """

    used_mib: float | None = None
    ours_mib: float | None = None
    power_w: float | None = None
    energy_j: float | None = None
    core_clock_mhz: float | None = None
    temperature_c: float | None = None
    throttle: frozenset[str] | None = None
    strangers: frozenset[int] = frozenset()


Measured = Literal["power_w", "energy_j", "core_clock_mhz", "temperature_c"]
MEASURED: tuple[Measured, ...] = ("power_w", "energy_j", "core_clock_mhz", "temperature_c")
"""What a window says of a device, where the device tells it."""


Covers = Literal["device", "package"]


class Sample(NamedTuple):
    """A reading and its moment on the clock of `time.perf_counter`, in seconds."""

    at: float
    reading: Reading


class Source(Protocol):
    """One device, by one interface. Reading it never raises: what fails is None.

    name            of the device, as the engine says it
    key             the same for this device as long as it is plugged in (PCI address)
    total_mib       its memory
    energy_range_j  where its energy counter starts again from 0; None: never seen to
    renewal_s       how often the driver renews power and energy; None: to be found out
    interval_s      between two samples; None: as often as the driver renews
    covers          `device`, or `package`: its power is that of a chip with CPU and GPU
    """

    name: str
    key: str
    total_mib: float
    energy_range_j: float | None
    renewal_s: float | None
    interval_s: float | None
    covers: Covers

    def read(self, server_pid: int | None) -> Reading: ...

    def power_w(self) -> float | None:
        """The value whose renewal is watched for; cheap."""

    def close(self) -> None: ...
