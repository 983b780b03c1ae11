"""Every page of the site, by the modules that make them."""

from collections.abc import Callable

from bench_pipeline.site.data.downloads import Downloads
from bench_pipeline.site.pages import (
    best,
    compare,
    data,
    families,
    front,
    method,
    models,
    rigs,
    trends,
)
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site

Pages = dict[str, bytes]
"""A page's bytes by its path below the site's root."""

MAKERS: tuple[Callable[[Press, Site, Tables], Pages], ...] = (
    front.pages,
    best.pages,
    compare.pages,
    families.pages,
    models.pages,
    rigs.pages,
    trends.pages,
)
"""Each makes the pages of one kind."""

OF_DOWNLOADS = (method.pages, data.pages)
"""The same, of what is below `data/` too."""


def render(site: Site, tables: Tables, downloads: Downloads) -> Pages:
    """Every page and static file by its path below the site's root."""
    press = Press(site)
    made = dict(press.files)
    for pages in MAKERS:
        made |= pages(press, site, tables)
    for with_downloads in OF_DOWNLOADS:
        made |= with_downloads(press, site, tables, downloads)
    return made
