"""The two widths that charts of configurations are drawn at, and how the words of a mark are
broken into lines at each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bench_pipeline.site.charts.configurations import Mark
from bench_pipeline.site.charts.lettering import lines, width_px

MARGIN_PX = 4
AXIS_PX = 38
"""Height of the horizontal axis with its labels and title."""
SIDE_PX = 50
"""Width of the vertical axis."""
TOP_PX = 38
"""Above a plot with a vertical axis: the title of that axis."""

MOST_LINES = 4
"""Of a name or of details: the table under the drawing has what is beyond."""
LABEL_LINES = 2
"""Of a label beside a point."""
_BETWEEN_PX = 16
"""A name and the details on its line."""


@dataclass(frozen=True)
class Size:
    """One design width of the charts; all in px."""

    name: str
    width: int
    plot_height: int
    """Of a chart with two axes."""
    ticks: int
    side_by_side: bool
    """Whether a bar's details stand on the lines of its name, or below them."""

    @property
    def inner(self) -> int:
        """Of bars and their words."""
        return self.width - 2 * MARGIN_PX

    @property
    def plot_width(self) -> int:
        """Of a chart with two axes."""
        return self.width - SIDE_PX - 3 * MARGIN_PX


WIDE = Size("wide", 560, plot_height=320, ticks=6, side_by_side=True)
NARROW = Size("narrow", 288, plot_height=270, ticks=4, side_by_side=False)
SIZES = (WIDE, NARROW)


def words(mark: Mark, size: Size) -> dict[str, Any]:
    """What a drawing of that size reads beside the mark's `datum`: the lines of each text that
    is too wide for one, and how wide its label is. Not to be changed: marks share it."""
    known = mark.datum
    return _words(known["name"], known["detail"], known.get("label"), size)


@lru_cache(4096)
def _words(name: str, detail: str, label: str | None, size: Size) -> dict[str, Any]:
    name_lines = _lines(name, _name_room_px(detail, size), bold=True)
    room: float = size.inner
    if size.side_by_side:
        room -= _BETWEEN_PX + max(width_px(line, bold=True) for line in name_lines)
    made = {"name_lines": name_lines, "detail_lines": _lines(detail, room)}
    said: dict[str, Any] = {}
    if label is not None:
        made["label_lines"] = lines(label, size.plot_width, most=LABEL_LINES)
        said["label_px"] = max(map(width_px, made["label_lines"]))
    return said | {field: list(those) for field, those in made.items() if len(those) > 1}


def _name_room_px(detail: str, size: Size) -> float:
    """Beside short details a name has more than its half."""
    if not size.side_by_side:
        return size.inner
    room = size.inner - _BETWEEN_PX
    return max(room / 2, room - width_px(detail))


def _lines(text: str, room_px: float, *, bold: bool = False) -> tuple[str, ...]:
    return lines(text, room_px, most=MOST_LINES, bold=bold)


def rows_by_line(marks: Sequence[Mark], size: Size, field: str) -> list[str]:
    """The row of each line of `name` or `detail`, in the order in which they are drawn."""
    return [mark.row.id for mark in marks for _ in words(mark, size).get(f"{field}_lines", [None])]
