"""Vega's drawings: made in this process, or in one beside it.

What draws takes half a second to begin, as long as the pages of a dozen runs: a build that makes
few begins it at once, on another core.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bench_pipeline.processes import beside
from bench_pipeline.site.charts.svg import Vega

_NOTHING: Vega = {"width": 1, "height": 1, "marks": []}


def drawn(vega: Vega) -> str:
    """As SVG."""
    return _by.get()(vega)


def drawn_here(vega: Vega) -> str:
    import vl_convert

    svg: str = vl_convert.vega_to_svg(vega)
    return svg


_by: ContextVar[Callable[[Vega], str]] = ContextVar("drawn by", default=drawn_here)


@contextmanager
def drawn_beside() -> Iterator[None]:
    """What is `drawn` within this comes from a process that begins now, unless one has begun."""
    if _by.get() is not drawn_here:
        yield
        return
    with beside(drawn_here, _NOTHING) as by_another:
        token = _by.set(by_another)
        try:
            yield
        finally:
            _by.reset(token)
