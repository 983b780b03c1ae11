"""A page for each machine and workload with every model's best configuration, once there are too
many rows for the front page."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from bench_pipeline.site.kept import Kept
from bench_pipeline.site.keys import key_of
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import Row
from bench_pipeline.site.tables.answers import Machine, may_answer
from bench_pipeline.site.tables.rows import TableRow
from bench_pipeline.site.view import Site


def rows_by_rig(rows: Iterable[TableRow]) -> dict[str, str]:
    """A hash of the rows from which each rig's answers are chosen."""
    found: dict[str, list[TableRow]] = defaultdict(list)
    for row in rows:
        if may_answer(row):
            found[row.hardware.rig].append(row)
    return {rig: key_of("rows", own) for rig, own in found.items()}


def keep(
    press: Press, kept: Kept, site: Site, rows: Sequence[Mapping[str, str]], owner: Sequence[Row]
) -> list[str]:
    """Makes the pages that are not kept yet; the entry of each machine's. None while the front page
    holds all rows.

    `rows`: of each group what `rows_by_rig` says; `owner` as `Press` has it.
    """
    if not site.divided:
        return []
    ways = [
        (machine.rig, machine.headline, machine.title, [(b.href, b.title) for b in machine.boards])
        for machine in site.machines
    ]
    keys = []
    for machine in site.machines:
        key = key_of("best", owner, ways, machine.rig, [each.get(machine.rig) for each in rows])
        keys.append(kept.keep(key, partial(_boards, press, site, machine)))
    return keys


def _boards(press: Press, site: Site, machine: Machine) -> dict[str, bytes]:
    return {
        board.href: press.page(
            "best.html", board.href, machines=site.machines, machine=machine, board=board
        )
        for board in machine.boards
    }
