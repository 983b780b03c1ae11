"""Every page of the site, by the modules that make them."""

from collections.abc import Callable

from bench_pipeline.site import data_page, front_page, model_pages
from bench_pipeline.site.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site

Pages = dict[str, bytes]
"""A page's bytes by its path below the site's root."""

MAKERS: tuple[Callable[[Press, Site, Tables], Pages], ...] = (
    front_page.pages,
    model_pages.pages,
    data_page.pages,
)
"""Each makes the pages of one kind."""


def render(site: Site, tables: Tables) -> Pages:
    """Every page and static file by its path below the site's root."""
    press = Press(site)
    made = dict(press.files)
    for pages in MAKERS:
        made |= pages(press, site, tables)
    return made
