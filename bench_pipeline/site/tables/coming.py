"""What is not measured yet: the campaigns' items that no run satisfies."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench_pipeline.harness.planning.estimate import lasting
from bench_pipeline.site import wording
from bench_pipeline.site.hardware import rig_href
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.tables.rows import model_name

MODELS_NAMED = 6
"""Of one place and build; with more, the others are counted, and all are listed on the rig's
page."""


@dataclass(frozen=True)
class Wanted:
    """One place and build that still has runs to make."""

    where: str
    """`Shared VM, CPU b10434, 1 and 4 streams`."""
    models: tuple[str, ...]
    """Their names, at least one."""
    rig_href: str
    """Of its rig's page; empty where nothing but the campaign names the rig."""
    takes: str
    """`about 40 min`, with a word where that is a guess; empty where nobody can say."""

    @property
    def named(self) -> tuple[str, ...]:
        return self.models[:MODELS_NAMED]

    @property
    def more(self) -> int:
        """Models beyond the named ones."""
        return len(self.models) - len(self.named)


@dataclass(frozen=True)
class Campaign:
    title: str
    why: str
    progress: str
    """`3 of 8 runs made, about 2.5 h to go`."""
    wanted: tuple[Wanted, ...]
    """In order of place and build."""
    waits: str = ""
    """What has to be declared before it wants anything; empty for one that does."""


def coming(tables: Tables) -> list[Campaign]:
    """Campaigns with something left, in order of name; then those that want nothing yet."""
    by_campaign: dict[str, list[Row]] = {}
    for item in tables.campaign_items:
        by_campaign.setdefault(item["campaign"], []).append(item)
    titles = {rig["rig"]: rig["title"] for rig in tables.rigs}
    found = []
    for _, items in sorted(by_campaign.items()):
        left = [item for item in items if not item["done"]]
        if left:
            made = f"{len(items) - len(left)} of {wording.counted(len(items), 'run')} made"
            made += f", {takes} to go" if (takes := _takes(left)) else ""
            found.append(
                Campaign(
                    title=items[0]["title"],
                    why=" ".join((items[0]["why"] or "").split()),
                    progress=made,
                    wanted=tuple(_wanted(left, titles)),
                )
            )
    return found + [
        Campaign(
            title=row["title"],
            why=" ".join((row["why"] or "").split()),
            progress="no run wanted yet",
            wanted=(),
            waits=_waits(row),
        )
        for row in tables.waiting_campaigns
    ]


def _waits(row: Row) -> str:
    """None of what it names may be lacking, and the two together still meet in no run."""
    lacking = [f"a rig with {wording.listed(row['places'])}"] if len(row["places"]) else []
    lacking += [f"{wording.listed(row['models'])} in the catalogue"] if len(row["models"]) else []
    return f"Waits for {' and for '.join(lacking)}." if lacking else ""


def _takes(items: Sequence[Row]) -> str:
    if any(item["estimate_s"] is None for item in items):
        return ""
    guessed = " (a guess)" if all(item["guessed"] for item in items) else ""
    return f"about {lasting(sum(item['estimate_s'] for item in items))}{guessed}"


def _wanted(items: list[Row], titles: dict[str, str]) -> list[Wanted]:
    """Items that differ in nothing but the model stand together."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for item in items:
        where = (
            f"{titles.get(item['rig']) or item['rig']}, {wording.backend_name(item['backend'])} "
            f"{item['build']}, {_how(item)}"
        )
        if item["asked_cap_w"] is not None:
            where += f", capped at {wording.trimmed(item['asked_cap_w'])} W"
        if item["mode"] != "baseline":
            where += f", mode {item['mode']}"
        href = rig_href(item["rig"]) if item["rig"] in titles else ""
        groups.setdefault((where, href), []).append(item)
    return [
        Wanted(where, tuple(map(_name, items)), href, _takes(items))
        for (where, href), items in sorted(groups.items())
    ]


def _name(item: Row) -> str:
    return model_name(item["family"], item["variant"], item["quant"])


def _how(item: Row) -> str:
    if item["beside"]:
        return f"in turns with {wording.listed(item['beside'])}"
    parts = [_PARTS[part] for part in item["parts"] if part in _PARTS]
    if "usual" not in item["parts"]:
        return wording.listed(parts)
    some = wording.listed(item["asked_workloads"])
    streams = f"{_streams(item['concurrencies'])}{f', {some} only' if some else ''}"
    return wording.listed([streams, *parts])


_PARTS = {"deep": "long prompts", "conversations": "conversations"}


def _streams(concurrencies: Sequence[int]) -> str:
    """`1 and 4 streams`; an empty list is a climb to the knee."""
    if not len(concurrencies):
        return "from 1 stream to as many as pay"
    streams = wording.listed([str(c) for c in concurrencies])
    return f"{streams} stream{'s' if list(concurrencies) != [1] else ''}"
