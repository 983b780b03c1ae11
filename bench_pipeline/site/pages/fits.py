"""The page of what fits in how much memory, to which the front page leads by sizes of cards."""

from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.tables.fits import SPARE
from bench_pipeline.site.view import Site


def pages(press: Press, site: Site) -> dict[str, bytes]:
    return {
        "fits.html": press.page(
            "fits.html",
            found=site.fits,
            sizes=site.fitting,
            spare=SPARE,
            unknown=site.unfit,
        )
    }
