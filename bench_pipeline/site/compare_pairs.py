"""The comparisons that suggest themselves: configurations that differ in one thing."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, zip_longest

from bench_pipeline.site.compare_two import Comparison, Side, compare
from bench_pipeline.site.compare_view import Catalogue, Configuration
from bench_pipeline.site.source import Row

MAX_LINES = 900
"""Of all comparisons that the page itself holds; about 25 bytes each when compressed."""

Pair = tuple[Side, Side]


@dataclass(frozen=True)
class Kind:
    title: str
    shown: tuple[Comparison, ...]
    more: int
    """Pairs of this kind that the page does not hold."""


def natural_pairs(known: Catalogue) -> list[Kind]:
    """Of each kind as many as fit into the page, those of one session and the newest first.

    Kinds take turns, so that none crowds out another.
    """
    found = {title: list(pairs(known)) for title, pairs in _KINDS.items()}
    shown: dict[str, list[Comparison]] = {title: [] for title in found}
    lines = 0
    for round_of_pairs in zip_longest(*found.values()):
        for title, pair in zip(found, round_of_pairs, strict=True):
            if pair is None or lines >= MAX_LINES:
                continue
            comparison = compare(known, *pair)
            lines += comparison.lines
            shown[title].append(comparison)
    return [
        Kind(title, tuple(shown[title]), len(pairs) - len(shown[title]))
        for title, pairs in found.items()
        if pairs
    ]


def _groups(known: Catalogue, same: Sequence[str]) -> Iterator[list[Configuration]]:
    """Configurations with figures that agree in these columns, newest group first."""
    groups: dict[tuple[object, ...], list[Configuration]] = defaultdict(list)
    for configuration in known.configurations:
        if any(cell.values for cell in configuration.cells.values()):
            groups[tuple(configuration.row[column] for column in same)].append(configuration)
    several = [group for group in groups.values() if len(group) > 1]
    yield from sorted(several, key=lambda group: max(map(_age, group)), reverse=True)


def _age(configuration: Configuration) -> tuple[bool, str]:
    row = configuration.row
    started = row["started_at"].isoformat() if row["started_at"] else ""
    return row["provenance"] == "measured", started


_SETTING = ("rig", "engine", "mode", "provenance")


def _neighbours(
    same: Sequence[str], differ: str, order: Callable[[Row], tuple[object, ...]]
) -> Callable[[Catalogue], Iterator[Pair]]:
    """Those next to each other in this order, where they differ in that column."""

    def pairs(known: Catalogue) -> Iterator[Pair]:
        for group in _groups(known, same):
            ordered = sorted(group, key=lambda c: (*order(c.row), c.id))
            for one, other in pairwise(ordered):
                if one.row[differ] != other.row[differ]:
                    yield Side(one), Side(other)

    return pairs


def _newest_of_each(same: Sequence[str], differ: str) -> Callable[[Catalogue], Iterator[Pair]]:
    """Any two values of that column: the newest build of both, else of each."""

    def pairs(known: Catalogue) -> Iterator[Pair]:
        for group in _groups(known, same):
            by_value: dict[str, dict[tuple[str, str], Configuration]] = defaultdict(dict)
            for configuration in sorted(group, key=_by_build):
                row = configuration.row
                by_value[row[differ]][row["engine"], row["build"]] = configuration
            for one, other in combinations(sorted(by_value), 2):
                builds = [list(by_value[value]) for value in (one, other)]
                common = [build for build in builds[0] if build in builds[1]][-1:]
                yield (
                    Side(by_value[one][(common or builds[0])[-1]]),
                    Side(by_value[other][(common or builds[1])[-1]]),
                )

    return pairs


def _by_build(configuration: Configuration) -> tuple[int, tuple[bool, str], str]:
    return configuration.row["build_number"] or -1, _age(configuration), configuration.id


def _builds(known: Catalogue) -> Iterator[Pair]:
    """Those of one session, newest first; then neighbours that share none."""
    by_id = {configuration.id: configuration for configuration in known.configurations}
    judged = [(Side(by_id[before]), Side(by_id[after])) for before, after in known.sessions]
    judged.sort(key=lambda pair: max(_age(side.configuration) for side in pair), reverse=True)
    yield from judged
    same = ("model", "backend", "power_cap_w", *_SETTING)
    apart = _neighbours(same, "build", lambda row: (row["build_number"] or -1, row["build"]))
    for one, other in apart(known):
        if (one.id, other.id) not in known.sessions:
            yield one, other


def _concurrencies(known: Catalogue) -> Iterator[Pair]:
    """The fewest streams against the most that gave a figure."""
    for configuration in sorted(known.configurations, key=_age, reverse=True):
        streams = sorted({c.concurrency for c in configuration.cells.values() if c.values})
        if len(streams) > 1:
            yield Side(configuration, streams[0]), Side(configuration, streams[-1])


_FILE = ("family", "variant", "backend", "build", "power_cap_w", *_SETTING)

_KINDS: dict[str, Callable[[Catalogue], Iterator[Pair]]] = {
    "Two builds": _builds,
    "Two backends on one card": _newest_of_each(("model", "power_cap_w", *_SETTING), "backend"),
    "Two quants of one model": _neighbours(
        _FILE, "quant", lambda row: (row["size_bytes"] or 0, row["quant"])
    ),
    "One quant by two creators": _neighbours(
        (*_FILE, "quant"), "model", lambda row: (row["creator"] or "",)
    ),
    "Two power caps": _neighbours(
        ("model", "backend", "build", *_SETTING),
        "power_cap_w",
        lambda row: (row["power_cap_w"] or 0,),
    ),
    "Two modes": _neighbours(
        ("model", "backend", "build", "power_cap_w", "rig", "engine", "provenance"),
        "mode",
        lambda row: (row["mode"] != "baseline", row["mode"]),
    ),
    "One model on two machines": _newest_of_each(("model", "mode"), "rig"),
    "One stream and many": _concurrencies,
}
