"""What stands behind each median of a run: the decode rate of every wave, in order.

One small drawing a cell, all of a run on one scale: how far each wave lies from its cell's
median, in percent. The scale is linear up to 1 % and logarithmic beyond, so that the noise of
quiet cells and a wave at half speed are both seen, and nothing is cut off. The drawings are
written by hand: a run of thirty cells is then made in a millisecond instead of seconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import asinh

from bench_pipeline.site import wording
from bench_pipeline.site.charts import svg
from bench_pipeline.site.source import Row
from bench_pipeline.site.tables.rows import cell_anchor

WIDTH_PX, HEIGHT_PX = 272, 84
_LEFT_PX, _RIGHT_PX, _PAD_PX = 46, 6, 8
"""Room for the labels of the scale, and so that no dot is cut."""
_RIGHT = WIDTH_PX - _RIGHT_PX
_SCALE = "scale-of-strips"

LEVELS = (1, 5, 20, 50)
"""Percent at which a line may be drawn, above the median and below it."""
_MIN_REACH = 2.0
"""Percent: a scale for less would blow up noise that nobody needs to see."""


@dataclass(frozen=True)
class Strip:
    """One cell's waves."""

    id: str
    cell: str
    """The cell's id on the page."""
    workload: str
    concurrency: int
    tok_s: tuple[float, ...]
    """Of each wave, in order."""
    median: float
    lo: float | None
    hi: float | None
    starts: tuple[int, ...]
    """Waves with which another start of the server began, the first one aside."""

    def percent(self, tok_s: float) -> float:
        """How far a rate is from the median."""
        return (tok_s / self.median - 1) * 100

    @property
    def place(self) -> str:
        return f"{self.workload}, {wording.counted(self.concurrency, 'stream')}"

    @property
    def spread(self) -> str:
        """`−1.2 to +0.4 %`."""
        ends = (round(self.percent(end(self.tok_s)), 1) for end in (min, max))
        low, high = (f"{'−' if end < 0 else '+'}{abs(end):.1f}" for end in ends)
        return f"{low} to {high} %"

    @property
    def finding(self) -> str:
        waves = wording.counted(len(self.tok_s), "wave")
        return f"{self.place}: {waves} from {self.spread} of the median."

    @property
    def listed(self) -> str:
        """Every value, in order."""
        return " · ".join(wording.decimal(value) for value in self.tok_s)


@dataclass(frozen=True)
class Samples:
    strips: tuple[Strip, ...]
    reach: float
    """Percent from the median to the end of the scale, in both directions."""
    most_waves: int


def samples_of(
    cells: Sequence[Row], waves: Sequence[Row], titles: dict[str, str]
) -> Samples | None:
    """`cells` of `measurements` in the page's order, `waves` of `wave_speeds`; None without any."""
    by_cell: dict[tuple[str, int], list[Row]] = {}
    for wave in sorted(waves, key=lambda wave: wave["wave"]):
        by_cell.setdefault((wave["workload"], wave["concurrency"]), []).append(wave)
    strips = []
    for cell in cells:
        own = by_cell.get((cell["workload"], cell["concurrency"]))
        if own and cell["decode_tok_s"]:
            strips.append(_strip(cell, own, titles))
    if not strips:
        return None
    furthest = max(abs(s.percent(value)) for s in strips for value in (min(s.tok_s), max(s.tok_s)))
    return Samples(
        strips=tuple(strips),
        reach=max(_MIN_REACH, furthest),
        most_waves=max(len(strip.tok_s) for strip in strips),
    )


def _strip(cell: Row, waves: list[Row], titles: dict[str, str]) -> Strip:
    servers = [wave["server"] for wave in waves]
    anchor = cell_anchor(cell["workload"], cell["concurrency"])
    return Strip(
        id=f"waves-{anchor}",
        cell=anchor,
        workload=titles.get(cell["workload"]) or cell["workload"],
        concurrency=cell["concurrency"],
        tok_s=tuple(wave["decode_tok_s"] for wave in waves),
        median=cell["decode_tok_s"],
        lo=cell["decode_tok_s_lo"],
        hi=cell["decode_tok_s_hi"],
        starts=tuple(k for k in range(1, len(servers)) if servers[k] != servers[k - 1]),
    )


def draw(strip: Strip, samples: Samples) -> str:
    """The strip as an `<svg>` element on the scale of all strips of its run, of which the first one
    has the lines of the scale, and the others show them once more."""
    per_unit = (HEIGHT_PX / 2 - _PAD_PX) / asinh(samples.reach)
    step = (WIDTH_PX - _LEFT_PX - _RIGHT_PX - 2 * _PAD_PX) / max(samples.most_waves - 1, 4)

    def y(percent: float) -> float:
        return HEIGHT_PX / 2 - asinh(percent) * per_unit

    def x(wave: float) -> float:
        return _LEFT_PX + _PAD_PX + wave * step

    parts = []
    if strip.lo is not None and strip.hi is not None:
        top, bottom = y(strip.percent(strip.hi)), y(strip.percent(strip.lo))
        parts.append(
            f'<rect class="interval" x="{_LEFT_PX}" y="{top:.2f}" width="{_RIGHT - _LEFT_PX}"'
            f' height="{max(bottom - top, 1):.2f}"/>'
        )
    first = strip == samples.strips[0]
    parts.append(_scale(samples, y) if first else f'<use href="#{_SCALE}"/>')
    for start in strip.starts:
        parts.append(f'<path class="start" d="M{x(start - 0.5):.2f} 0V{HEIGHT_PX}"/>')
    dots = "".join(
        f"M{x(wave):.2f} {y(strip.percent(value)):.2f}h0" for wave, value in enumerate(strip.tok_s)
    )
    return (
        f'<svg class="strip" role="img" aria-labelledby="{escape(strip.id)}" width="{WIDTH_PX}"'
        f' height="{HEIGHT_PX}" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}">'
        f'<title id="{escape(strip.id)}">{escape(svg.printable(strip.finding))}</title>'
        f'{"".join(parts)}<path class="dots" d="{dots}"/></svg>'
    )


def _scale(samples: Samples, y: Callable[[float], float]) -> str:
    shown = [level for level in LEVELS if level <= samples.reach]
    labelled = [shown[-1]] if shown else []
    parts = []
    for level in (0, *shown, *(-level for level in shown)):
        kind = "level" if level else "median"
        parts.append(
            f'<path class="{kind}" d="M{_LEFT_PX} {y(level):.2f}H{_RIGHT}" data-percent="{level}"/>'
        )
        if level == 0 or abs(level) in labelled:
            sign = "" if level == 0 else "+" if level > 0 else "−"
            words = f"{sign}{abs(level)} %"
            width = " ".join(f'{name}="{value}"' for name, value in svg.held(words).items())
            parts.append(f'<text x="{_LEFT_PX - 5}" y="{y(level) + 4:.2f}" {width}>{words}</text>')
    return f'<g id="{_SCALE}" class="strip-scale">{"".join(parts)}</g>'
