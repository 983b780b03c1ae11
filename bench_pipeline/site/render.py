"""Every page of the site, by the modules that make them."""

from collections.abc import Callable

from bench_pipeline.site import (
    best_pages,
    compare_page,
    data_page,
    family_pages,
    front_page,
    method_page,
    model_pages,
    rig_pages,
    trends_pages,
)
from bench_pipeline.site.downloads import Downloads
from bench_pipeline.site.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site

Pages = dict[str, bytes]
"""A page's bytes by its path below the site's root."""

MAKERS: tuple[Callable[[Press, Site, Tables], Pages], ...] = (
    front_page.pages,
    best_pages.pages,
    compare_page.pages,
    family_pages.pages,
    model_pages.pages,
    rig_pages.pages,
    trends_pages.pages,
)
"""Each makes the pages of one kind."""

OF_DOWNLOADS = (method_page.pages, data_page.pages)
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
