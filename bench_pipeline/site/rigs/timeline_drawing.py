"""A rig's time line as the page draws it: places in per cent of the time from first run to last.

However many runs and builds there are, a lane is three paths and as many labels as have room:
what falls on the same place is drawn once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from bench_pipeline.site import wording
from bench_pipeline.site.rigs.timeline import Lane, Span, Timeline

PLACES = 2000
"""Width of a track in units of its paths: at 1,200 px, a place is off by 0.3 px at most."""

LABEL_SHARE = 0.06
"""Of the track's width: what has less room gets no label."""
PHONE_LABEL_SHARE = 0.18
"""The same on a phone."""

MAX_MARKS = 6
"""On the axis."""
MARK_SHARE = 0.12
"""Room for a mark's name, to its right."""

_STEPS = (
    *(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 7, 14)),
)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True)
class Label:
    """Words from `left` on, cut where their room ends; both in per cent of the track."""

    text: str
    left: str
    width: str
    on_phones: bool


@dataclass(frozen=True)
class Track:
    """Data of SVG paths, PLACES wide and 1 high."""

    title: str
    now: str
    known: str
    """Boxes: from the first to the last run that saw a value."""
    known_edges: str
    """Upper and lower, as a label may go on beyond the others."""
    unknown_edges: str
    """Those of the boxes between them."""
    begins: str
    """A line where each value was first seen."""
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Mark:
    """A round date on the axis, at `left` per cent."""

    left: str
    name: str
    """Empty where it has no room."""


@dataclass(frozen=True)
class Drawing:
    summary: str
    places: int
    """Width of every path's view box."""
    tracks: tuple[Track, ...]
    count: str
    """`24 runs`."""
    runs: str
    """Path: a line for each run."""
    marks: tuple[Mark, ...]
    first: str
    last: str
    """Dates of the first and the last run."""


@dataclass(frozen=True)
class Scale:
    start: datetime
    end: datetime

    def share(self, when: datetime) -> float:
        """0 at the first run, 1 at the last."""
        return (when - self.start) / (self.end - self.start)

    def place(self, when: datetime) -> int:
        return round(self.share(when) * PLACES)


def draw(timeline: Timeline) -> Drawing:
    scale = Scale(timeline.runs[0], timeline.runs[-1])
    day = "%Y-%m-%d" if scale.end - scale.start >= timedelta(days=2) else "%Y-%m-%d %H:%M"
    return Drawing(
        summary=timeline.summary,
        places=PLACES,
        tracks=tuple(_track(lane, scale) for lane in timeline.lanes),
        count=wording.counted(len(timeline.runs), "run"),
        runs=_lines(scale.place(when) for when in timeline.runs),
        marks=tuple(_marks(scale)),
        first=f"{scale.start:{day}}",
        last=f"{scale.end:{day}}",
    )


def _track(lane: Lane, scale: Scale) -> Track:
    spans = [(scale.place(span.first), scale.place(span.last)) for span in lane.spans]
    gaps = [
        (scale.place(before.last), scale.place(after.first))
        for before, after in pairwise(lane.spans)
    ]
    return Track(
        title=lane.title,
        now=lane.now,
        known="".join(f"M{left} 0H{right}V1H{left}Z" for left, right in _joined(spans)),
        known_edges=_edges(spans),
        unknown_edges=_edges(gaps),
        begins=_lines(left for left, _ in spans),
        labels=tuple(_labels(lane.spans, scale)),
    )


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without those that have no width, touching ones as one. `spans` in order."""
    made: list[tuple[int, int]] = []
    for left, right in spans:
        if left == right:
            continue
        if made and made[-1][1] >= left:
            made[-1] = made[-1][0], max(right, made[-1][1])
        else:
            made.append((left, right))
    return made


def _edges(spans: Iterable[tuple[int, int]]) -> str:
    return "".join(f"M{left} 0H{right}M{left} 1H{right}" for left, right in _joined(spans))


def _lines(places: Iterable[int]) -> str:
    return "".join(f"M{place} 0V1" for place in dict.fromkeys(places))


def _labels(spans: tuple[Span, ...], scale: Scale) -> Iterator[Label]:
    """Each has the room up to the next value's first run."""
    ends = [*(scale.share(span.first) for span in spans[1:]), 1.0]
    for span, end in zip(spans, ends, strict=True):
        left = scale.share(span.first)
        room = end - left
        if span.value and room >= LABEL_SHARE:
            yield Label(span.value, _percent(left), _percent(room), room >= PHONE_LABEL_SHARE)


def _percent(share: float) -> str:
    return f"{share * 100:.3f}".rstrip("0").rstrip(".")


def _marks(scale: Scale) -> Iterator[Mark]:
    found = next((marks for marks in _rounds(scale) if len(marks) <= MAX_MARKS), [])
    for when in found:
        share = scale.share(when)
        yield Mark(_percent(share), _name(when, found) if share <= 1 - MARK_SHARE else "")


def _rounds(scale: Scale) -> Iterator[list[datetime]]:
    """Round moments within the time, ever fewer."""
    monday = scale.start.replace(year=2024, month=1, day=1, hour=0, minute=0, second=0)
    monday = monday.replace(microsecond=0)
    for step in _STEPS:
        if (scale.end - scale.start) / step <= 2 * MAX_MARKS:
            first = -((monday - scale.start) // step)
            last = (scale.end - monday) // step
            yield [monday + number * step for number in range(first, last + 1)]
    for months in _MONTHS:
        first = scale.start.year * 12 // months * months
        numbers = range(first, scale.end.year * 12 + 12, months)
        starts = (monday.replace(year=n // 12, month=n % 12 + 1) for n in numbers)
        yield [start for start in starts if scale.start <= start <= scale.end]


def _name(when: datetime, marks: list[datetime]) -> str:
    """As short as all `marks` allow; with the date on the first of a day."""
    if all(mark.day == 1 and mark.hour == mark.minute == 0 for mark in marks):
        return f"{when:%Y}" if all(mark.month == 1 for mark in marks) else f"{when:%Y-%m}"
    return f"{when:%Y-%m-%d}" if when.hour == when.minute == 0 else f"{when:%H:%M}"
