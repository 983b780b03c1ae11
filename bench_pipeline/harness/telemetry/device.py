"""One device while it is watched: its samples, and when the next is due."""

from bench_pipeline.harness.telemetry.reading import (
    MEASURED,
    Measured,
    Reading,
    Sample,
    Source,
)
from bench_pipeline.harness.telemetry.renewal import (
    POLL_S,
    RenewalSearch,
    found,
    sampling_interval_s,
)


class Device:
    """A source, its samples, and how often it is sampled.

    tells       what it has ever given, and is held to give at every sample: a card that slept when
                it was first read told nothing then
    renewal_s   how often its driver renews the values; None: not found (yet)
    interval_s  between two samples
    """

    def __init__(self, source: Source, interval_s: float | None = None) -> None:
        self.source, self.name = source, source.name
        self.energy_range_j = source.energy_range_j
        self.samples: list[Sample] = []
        first = source.read(None)
        self.used_before_mib = first.used_mib or 0.0
        self.tells: frozenset[Measured] = _told(first)
        self.renewal_s = source.renewal_s or found.get(source.key)
        self.interval_s = interval_s or source.interval_s or sampling_interval_s(self.renewal_s)
        self._fixed = interval_s is not None or source.interval_s is not None
        self._search: RenewalSearch | None = None
        self._due = 0.0

    def begin(self, at: float) -> None:
        self._due = at
        if not self._fixed and self.renewal_s is None and "power_w" in self.tells:
            self._search = RenewalSearch(at)

    def look(self, server_pid: int | None) -> Reading:
        reading = self.source.read(server_pid)
        self.tells |= _told(reading)
        return reading

    def tick(self, at: float, server_pid: int | None) -> float:
        """Does what is due at this moment; the next moment at which something is."""
        if self._search is not None:
            self._search.look(at, self.source.power_w())
            if self._search.over:
                self._settle(self._search.renewal_s)
        if at >= self._due:
            self.samples.append(Sample(at, self.look(server_pid)))
            self._due += self.interval_s
            if self._due <= at:  # late by more than an interval: no use in catching up
                self._due = at + self.interval_s
        return self._due if self._search is None else min(self._due, at + POLL_S)

    def _settle(self, renewal_s: float | None) -> None:
        """Not found (an idle card): the default, and the next watch looks again."""
        self._search, self.renewal_s = None, renewal_s
        self.interval_s = sampling_interval_s(renewal_s)
        if renewal_s is not None:
            found[self.source.key] = renewal_s


def _told(reading: Reading) -> frozenset[Measured]:
    return frozenset(name for name in MEASURED if getattr(reading, name) is not None)
