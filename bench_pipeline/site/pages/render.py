"""The pages that speak of the whole site, made of what its groups, places and rigs say."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from bench_pipeline.site import hardware
from bench_pipeline.site.compare.address import PAGE
from bench_pipeline.site.compare.configurations import Catalogue, Outline
from bench_pipeline.site.data.downloads import BY_HAND, Downloads
from bench_pipeline.site.groups import Plan
from bench_pipeline.site.kept import Kept
from bench_pipeline.site.keys import key_of
from bench_pipeline.site.pages import (
    compare,
    fits,
    front,
    glossary,
    rigs,
    trends,
)
from bench_pipeline.site.pages.group import Said
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.rigs.view import RigLine, rig_page, rigs_in_order
from bench_pipeline.site.runs.view import RunLine
from bench_pipeline.site.source import Tables
from bench_pipeline.site.summary import together
from bench_pipeline.site.tables.engine_only import EngineRow
from bench_pipeline.site.tables.example import example_of
from bench_pipeline.site.trends.engine import engine_trends
from bench_pipeline.site.view import Site, view_of

Pages = dict[str, bytes]
"""A page's bytes by its path below the site's root."""


class Outlines:
    """Every configuration without its figures; those of a model are read when it is asked for."""

    def __init__(self, plan: Plan, said: Sequence[Said], kept: Kept) -> None:
        found = [outline for one in said for outline in one.outlines]
        self.configurations: Sequence[Outline] = sorted(found, key=lambda o: o.order)
        self.sessions = dict.fromkeys(sorted(two for one in said for two in one.sessions))
        self._keys = {model: group.key for group in plan.groups for model in group.models}
        self._kept = kept
        self._read: dict[str, Catalogue] = {}

    def of(self, model: str) -> Catalogue:
        key = self._keys[model]
        if key not in self._read:
            self._read[key] = self._kept.value(key, "catalogue")
        return self._read[key]


def whole_site(plan: Plan, said: Sequence[Said], tables: Tables) -> Site:
    """`tables`: as `view_of` needs them."""
    return view_of(
        tables,
        together(one.summary for one in said),
        sorted((model for one in said for model in one.models), key=lambda model: model.slug),
        [run for one in said for run in one.runs],
        sorted((row for one in said for row in one.engine_only), key=lambda row: row.order),
        divided=plan.divided,
    )


def keep_rigs(
    press: Press, plan: Plan, kept: Kept, tables: Tables, site: Site
) -> dict[str, RigLine]:
    """Makes the pages of rigs that are not kept yet; each rig by its entry, in order."""
    of_rig: dict[str, list[RunLine]] = defaultdict(list)
    for run in site.runs:
        of_rig[run.rig].append(run)
    elsewhere: dict[str, list[EngineRow]] = defaultdict(list)
    for row in site.engine_only:
        elsewhere[row.hardware.rig].append(row)
    cards = hardware.cards(tables, hardware.newest_inventories(tables))
    found = {}
    for declared, card in rigs_in_order(tables, cards):
        rig = declared["rig"]
        wanted = [item for item in tables.campaign_items if item["rig"] == rig]
        both = of_rig[rig], elsewhere[rig]
        key = key_of("rig", tables.site, declared, card, plan.rig_keys.get(rig), wanted, *both)
        if not kept.has(key):
            page = rig_page(declared, card, tables, *both)
            kept.put(key, rigs.pages(press, page), line=page.line)
            kept.has(key)
        found[key] = kept.value(key, "line")
    return found


def keep_method(press: Press, kept: Kept, tables: Tables, site: Site, downloads: Downloads) -> str:
    """Makes the method page unless it is kept; its entry. What it tells of is imported to be told
    only then: all that measures, a third of a second."""
    by_hand = next((f"data/{f.name}" for f in downloads.others if f.name == BY_HAND), "")
    example = example_of(site.exemplary)
    key = key_of("method", tables.site, example, tables.workloads, by_hand)

    def made() -> dict[str, bytes]:
        from bench_pipeline.site.pages import method

        return method.pages(press, example, tables.workloads, by_hand)

    return kept.keep(key, made)


def render(
    press: Press,
    plan: Plan,
    kept: Kept,
    site: Site,
    said: Sequence[Said],
    rig_lines: Sequence[RigLine],
    tables: Tables,
) -> Iterator[Pages]:
    """All pages that are not kept by an entry, but those of the data; the front page and its files
    first.

    `said`: by the groups of `plan`.
    """
    yield press.files | front.pages(press, site, tables)
    choices = [choice for one in said for choice in one.choices]
    known = Outlines(plan, said, kept)
    yield {PAGE: compare.page(press, known, choices, tables.workloads)}
    found = [kept.value(place.key, "trend") for place in plan.trend_places]
    found.sort(key=lambda trend: (trend.title, trend.href))
    yield trends.index(press, found, tables.runs, engine_trends(site.engine_only))
    yield rigs.index(press, rig_lines)
    yield fits.pages(press, site)
    yield glossary.pages(press)
