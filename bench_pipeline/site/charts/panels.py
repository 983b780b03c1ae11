"""The small charts on pages of models and runs: values from 0 upwards over places that are all
named on the axis.

Written by hand, as Vega takes some 30 ms for each and a large site has ten thousand of them; they
look like its charts, and their parts bear the names of its parts. One width serves all pages: a
panel is as wide as a phone's column, and two stand side by side where there is room.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import floor, log10, sqrt

from bench_pipeline.site.charts import svg
from bench_pipeline.site.charts.lettering import width_px

WIDTH_PX = 288
_LEFT_PX, _RIGHT_PX, _BOTTOM_PX = 44, 14, 38
"""Room for the axes."""
_PLOT_PX = WIDTH_PX - _LEFT_PX - _RIGHT_PX
_ABOVE = 1.04
"""The upper end of the axis, by the highest value."""
_TICKS = 4
"""Wanted on the vertical axis; steps are 1, 2 or 5 times a power of ten."""

_OUTLINES = {
    "circle": "M{r},0A{r},{r},0,1,1,-{r},0A{r},{r},0,1,1,{r},0",
    "square": "M-{r},-{r}H{r}V{r}H-{r}Z",
    "triangle-up": "M0,-{h}L-{r},{h}H{r}Z",
    "triangle-down": "M0,{h}L-{r},-{h}H{r}Z",
    "diamond": "M-{r},0L0,-{r}L{r},0L0,{r}Z",
    "cross": "M-{r},-{s}V{s}H-{s}V{r}H{s}V{s}H{r}V-{s}H{s}V-{r}H-{s}V-{s}Z",
}
"""Of radius `r`; as d3-shape and Vega draw them."""


@dataclass(frozen=True)
class Mark:
    """A value with its interval."""

    row: str
    """Of the table under the drawing."""
    at: float
    value: float
    lo: float | None = None
    hi: float | None = None


@dataclass(frozen=True)
class Layer:
    """Marks alike, from left to right."""

    name: str
    marks: Sequence[Mark]
    colour: str
    shape: str
    size_px2: float
    """Area of a mark."""
    joined: bool = True
    filled: bool = True
    of_intervals: str = ""
    """Their colour, if it is another."""


@dataclass(frozen=True)
class Frame:
    title: str
    """Of the horizontal axis."""
    label: str
    """Format of its places."""
    scale: Callable[[float], float]
    """How far along a place stands, in any unit."""
    height_px: int
    """Of the plot."""
    top_px: int
    """Room above it."""
    inset_px: int
    """From the sides of the plot to the outermost places, so that no point lies on an axis."""

    def draw(
        self,
        layers: Sequence[Layer],
        *,
        places: Sequence[int],
        ends: tuple[int, int],
        id: str,
        finding: str,
        rule: tuple[float, str] | None = None,
    ) -> str:
        """As an `<svg>` element, labelled by the sentence `finding`; `id` is unique on its page.

        `ends` of the scale of `places`. `rule`: a place with its name, marked from top to bottom.
        """
        marks = [mark for layer in layers for mark in layer.marks]
        highest = max(max(mark.value, mark.hi or 0) for mark in marks) * _ABOVE or 1
        first, last = map(self.scale, ends)
        reach = _PLOT_PX - 2 * self.inset_px

        def x(place: float) -> float:
            return self.inset_px + reach * (self.scale(place) - first) / ((last - first) or 1)

        def y(value: float) -> float:
            return self.height_px * (1 - value / highest)

        height = self.top_px + self.height_px + _BOTTOM_PX
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing panel" width="{WIDTH_PX}"'
            f' height="{height}" viewBox="0 0 {WIDTH_PX} {height}" role="img"'
            f' aria-labelledby="{escape(id)}"><title id="{escape(id)}">'
            f"{escape(svg.printable(finding))}</title>"
            f'<g fill="none" font-size="12px" transform="translate({_LEFT_PX},{self.top_px})">',
            *self._across([(x(place), format(place, self.label)) for place in places]),
            *self._up(highest, y),
            *(self._rule(x(rule[0]), rule[1]) if rule else ()),
        ]
        for layer in layers:
            parts += _line(layer, x, y)
        for layer in layers:
            parts += _intervals(layer, x, y)
        for layer in layers:
            parts += _points(layer, x, y)
        return "".join((*parts, "</g></svg>"))

    def _across(self, places: Sequence[tuple[float, str]]) -> Iterable[str]:
        shown, wide = _apart(places), _PLOT_PX - 2 * self.inset_px
        yield f'<g class="role-axis" transform="translate(.5,{self.height_px}.5)">'
        yield '<g class="role-axis-tick" stroke="var(--line-2)">'
        yield from (f'<line transform="translate({pixels(px)},0)" y2="5"/>' for px, _ in places)
        yield '</g><g class="role-axis-label" fill="var(--ink-2)" text-anchor="middle">'
        for px, words in places:
            yield text_at(px, 16, words if (px, words) in shown else "")
        yield '</g><g class="role-axis-domain" stroke="var(--line-2)">'
        yield f'<line transform="translate({self.inset_px},0)" x2="{wide}"/>'
        yield '</g><g class="role-axis-title" fill="var(--ink-2)" text-anchor="middle">'
        yield f"{text_at(_PLOT_PX / 2, 31, self.title)}</g></g>"

    def _up(self, highest: float, y: Callable[[float], float]) -> Iterable[str]:
        ticks, digits = _ticks(highest)
        wide = _PLOT_PX - 2 * self.inset_px
        yield '<g class="role-axis-grid" stroke="var(--line)" transform="translate(.5,.5)">'
        for tick in ticks:
            yield f'<line transform="translate({self.inset_px},{pixels(y(tick))})" x2="{wide}"/>'
        yield '</g><g class="role-axis" transform="translate(.5,.5)">'
        yield '<g class="role-axis-tick" stroke="var(--line-2)">'
        yield from (f'<line transform="translate(0,{pixels(y(tick))})" x2="-5"/>' for tick in ticks)
        yield '</g><g class="role-axis-label" fill="var(--ink-2)" text-anchor="end">'
        for tick in ticks:
            words = f"{tick:.{digits}f}" if tick < 1000 else f"{tick / 1000:.6f}".rstrip("0") + "k"
            yield text_at(-7, y(tick) + 4, words.replace(".k", "k"))
        yield '</g><g class="role-axis-domain" stroke="var(--line-2)">'
        yield f'<line transform="translate(0,{self.height_px})" y2="-{self.height_px}"/></g></g>'

    def _rule(self, px: float, name: str) -> Iterable[str]:
        yield '<g class="knee_marks" stroke="var(--line-2)" stroke-dasharray="4,3">'
        yield f'<line transform="translate({pixels(px)},0)" y2="{self.height_px}"/></g>'
        yield '<g class="knee_name_marks" fill="var(--ink-2)" text-anchor="middle">'
        yield f"{text_at(px, -4, name)}</g>"


def _line(layer: Layer, x: Callable[[float], float], y: Callable[[float], float]) -> Iterable[str]:
    if layer.joined and len(layer.marks) > 1:
        path = "L".join(f"{pixels(x(mark.at))},{pixels(y(mark.value))}" for mark in layer.marks)
        yield f'<path class="lines_marks" d="M{path}" stroke="{layer.colour}" stroke-width="1.5"/>'


def _intervals(
    layer: Layer, x: Callable[[float], float], y: Callable[[float], float]
) -> Iterable[str]:
    known = [mark for mark in layer.marks if mark.lo is not None and mark.hi is not None]
    if known:
        colour = layer.of_intervals or layer.colour
        yield f'<g class="intervals_marks" stroke="{colour}" stroke-width="2">'
        for mark in known:
            low = y(mark.lo or 0)
            yield (
                f'<line transform="translate({pixels(x(mark.at))},{pixels(low)})"'
                f' y2="{pixels(y(mark.hi or 0) - low)}" data-row="{escape(mark.row)}"/>'
            )
        yield "</g>"


def _points(
    layer: Layer, x: Callable[[float], float], y: Callable[[float], float]
) -> Iterable[str]:
    radius = sqrt(layer.size_px2) / 2
    sides = {"r": radius, "h": radius * sqrt(3) / 2, "s": radius / 2.5}
    outline = _OUTLINES[layer.shape].format(**{side: pixels(px) for side, px in sides.items()})
    fill = f' fill="{layer.colour}"' if layer.filled else ""
    width = 2 if layer.filled else 1.5
    yield f'<g class="{layer.name}_marks" stroke="{layer.colour}"{fill} stroke-width="{width}">'
    for mark in layer.marks:
        place = f"translate({pixels(x(mark.at))},{pixels(y(mark.value))})"
        yield f'<path transform="{place}" d="{outline}" data-row="{escape(mark.row)}"/>'
    yield "</g>"


def _ticks(highest: float) -> tuple[list[float], int]:
    """From 0 to at most `highest`, and the digits after the point that tell them apart; as d3-array
    chooses them: `ticks`, and `tickFormat` of d3-scale."""
    step = highest / _TICKS
    power = floor(log10(step))
    error = step / 10**power
    times = 10 if error >= sqrt(50) else 5 if error >= sqrt(10) else 2 if error >= sqrt(2) else 1
    each, digits = times * 10.0**power, max(0, -power - (times == 10))
    return [number * each for number in range(floor(highest / each * (1 + 1e-12)) + 1)], digits


def _apart(places: Sequence[tuple[float, str]]) -> set[tuple[float, str]]:
    """Those whose names do not touch: every second one is left out until none do."""
    shown = list(places)
    while len(shown) > 2 and any(
        left + width_px(word) / 2 > right - width_px(other) / 2
        for (left, word), (right, other) in pairwise(shown)
    ):
        shown = shown[::2]
    return set(shown)


def text_at(x: float, y: float, words: str) -> str:
    held = "".join(f' {name}="{value}"' for name, value in svg.held(words).items()) if words else ""
    return f'<text transform="translate({pixels(x)},{pixels(y)})"{held}>{escape(words)}</text>'


def pixels(value: float) -> str:
    """To a hundredth."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
