"""A page for each machine and workload with every model's best configuration, once there are too
many rows for the front page."""

from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site


def pages(press: Press, site: Site, tables: Tables) -> dict[str, bytes]:
    """None while the front page holds all rows."""
    if not site.divided:
        return {}
    return {
        board.href: press.page(
            "best.html", board.href, machines=site.machines, machine=machine, board=board
        )
        for machine in site.machines
        for board in machine.boards
    }
