"""How often a driver renews the power that it reports: found by looking, not assumed."""

import statistics

from bench_pipeline.harness.telemetry.reading import DEFAULT_INTERVAL_S

POLL_S = 0.01
"""Between two looks: the finest that is told apart."""

LOOK_S = 6.0
"""For how long at most. A second or two suffice for a value that moves; an idle card may show
the same all the while, and by then the server has begun to load."""

SHORTEST_S, LONGEST_S = 0.05, 1.0
"""Sampling keeps within these. A driver that asks its sensor at every call is renewed at any
rate, and fifty milliseconds see all that a mean over seconds needs."""

_ENOUGH = 12
_LEAST = 5

found: dict[str, float] = {}
"""Seconds by device (`Source.key`), for the life of this process."""


class RenewalSearch:
    """Fed with a value every `POLL_S`, tells how far apart its changes are."""

    def __init__(self, began_at: float) -> None:
        self._ends_at = began_at + LOOK_S
        self._last: float | None = None
        self._changes: list[float] = []
        self._at = began_at

    def look(self, at: float, value: float | None) -> None:
        """The value at a moment in seconds; None, unread, tells nothing."""
        self._at = at
        if value is None:
            return
        if self._last is not None and value != self._last:
            self._changes.append(at)
        self._last = value

    @property
    def over(self) -> bool:
        return self._at >= self._ends_at or len(self._changes) > _ENOUGH

    @property
    def renewal_s(self) -> float | None:
        """Median time between changes; None after fewer than six of them.

        A value that happens to be renewed with the same figure makes one gap twice as long,
        and a stalled poll one shorter and one longer: neither moves the median.
        """
        gaps = [b - a for a, b in zip(self._changes, self._changes[1:], strict=False)]
        return round(statistics.median(gaps), 3) if len(gaps) >= _LEAST else None


def sampling_interval_s(renewal_s: float | None) -> float:
    """For a driver that renews so often; `DEFAULT_INTERVAL_S` if that was not found."""
    if renewal_s is None:
        return DEFAULT_INTERVAL_S
    return min(max(renewal_s, SHORTEST_S), LONGEST_S)
