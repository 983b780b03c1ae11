"""The comparisons that suggest themselves: configurations that differ in one thing."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, islice, pairwise, zip_longest
from operator import itemgetter
from typing import Generic, Protocol, TypeVar

from bench_pipeline.records.rig import plain_backend
from bench_pipeline.site.compare.configurations import SERVED, Catalogue, Outline
from bench_pipeline.site.compare.two import Comparison, Pair, Side, compare
from bench_pipeline.site.source import Row

MAX_LINES = 600
"""Of all comparisons that the page itself holds; about 35 bytes each when compressed."""
LINES_OF_A_HEAD = 8
"""What a comparison weighs before its first figure, in lines."""
PAIRS_OF_A_MODEL = 60
"""That its script names: about 60 bytes each when compressed, and more than anybody reads."""

Named = TypeVar("Named", bound=Pair)


class Known(Protocol):
    """Outlines to choose pairs from: a catalogue, or outlines of many."""

    @property
    def configurations(self) -> Sequence[Outline]: ...

    @property
    def sessions(self) -> Collection[tuple[str, str]]:
        """Ids of the older and the newer build."""

    def of(self, model: str) -> Catalogue:
        """That has all of the model's configurations."""


@dataclass(frozen=True)
class Kind(Generic[Named]):
    title: str
    shown: tuple[Named, ...]
    more: int
    """Pairs of this kind that are not shown."""


def natural_pairs(known: Known) -> list[Kind[Comparison]]:
    """Of each kind as many as fit into the page, those of one session and the newest first.

    Kinds take turns, so that none crowds out another.
    """
    found = {title: list(pairs(known)) for title, pairs in _KINDS.items()}
    return _kinds(found, _compared(known, _in_turns(found)))


def pairs_by_model(known: Known) -> dict[str, list[Kind[Pair]]]:
    """The pairs in which a model is on either side, chosen likewise, by the model."""
    found: dict[str, dict[str, list[Pair]]] = defaultdict(dict)
    for title, pairs in _KINDS.items():
        for pair in pairs(known):
            for model in {pair.a.configuration.model, pair.b.configuration.model}:
                found[model].setdefault(title, []).append(pair)
    return {
        model: _kinds(own, islice(_in_turns(own), PAIRS_OF_A_MODEL)) for model, own in found.items()
    }


def _in_turns(found: Mapping[str, Sequence[Pair]]) -> Iterator[tuple[str, Pair]]:
    """The first of every kind, then the second of every kind, ..., each with its kind."""
    for round_of_pairs in zip_longest(*found.values()):
        for title, pair in zip(found, round_of_pairs, strict=True):
            if pair is not None:
                yield title, pair


def _compared(known: Known, pairs: Iterable[tuple[str, Pair]]) -> Iterator[tuple[str, Comparison]]:
    """Until their lines are used up."""
    lines = 0
    for title, pair in pairs:
        comparison = compare(known.of(pair.a.configuration.model), pair.a, pair.b)
        yield title, comparison
        lines += LINES_OF_A_HEAD + comparison.lines
        if lines >= MAX_LINES:
            return


def _kinds(
    found: Mapping[str, Sequence[Pair]], chosen: Iterable[tuple[str, Named]]
) -> list[Kind[Named]]:
    shown: dict[str, list[Named]] = {title: [] for title in found}
    for title, pair in chosen:
        shown[title].append(pair)
    return [
        Kind(title, tuple(shown[title]), len(pairs) - len(shown[title]))
        for title, pairs in found.items()
        if pairs
    ]


def _groups(known: Known, same: Sequence[str]) -> Iterator[list[Outline]]:
    """Outlines with figures that agree in these columns, newest group first."""
    groups: dict[object, list[Outline]] = defaultdict(list)
    place_of = itemgetter(*same)
    for configuration in known.configurations:
        if configuration.with_figures:
            groups[place_of(configuration.row)].append(configuration)
    several = [group for group in groups.values() if len(group) > 1]
    yield from sorted(several, key=lambda group: max(map(_age, group)), reverse=True)


def _age(configuration: Outline) -> tuple[bool, datetime]:
    row = configuration.row
    return row["provenance"] == "measured", row["started_at"] or datetime.min


_SETTING = ("rig", "engine", "mode", "provenance")


def _neighbours(
    same: Sequence[str], differ: str, order: Callable[[Row], tuple[object, ...]]
) -> Callable[[Known], Iterator[Pair]]:
    """Those next to each other in this order, where they differ in that column."""

    def pairs(known: Known) -> Iterator[Pair]:
        for group in _groups(known, same):
            ordered = sorted(group, key=lambda c: (*order(c.row), c.id))
            for one, other in pairwise(ordered):
                if one.row[differ] != other.row[differ]:
                    yield Pair(Side(one), Side(other))

    return pairs


def _newest_of_each(
    same: Sequence[str], differ: str, which: Callable[[str, str], bool] = lambda a, b: True
) -> Callable[[Known], Iterator[Pair]]:
    """Any two values of that column that are as `which` says: the newest build of both, else of
    each."""

    def pairs(known: Known) -> Iterator[Pair]:
        for group in _groups(known, same):
            by_value: dict[str, dict[tuple[str, str], Outline]] = defaultdict(dict)
            for configuration in sorted(group, key=_by_build):
                row = configuration.row
                by_value[row[differ]][row["engine"], row["build"]] = configuration
            for one, other in combinations(sorted(by_value), 2):
                if not which(one, other):
                    continue
                builds = [list(by_value[value]) for value in (one, other)]
                common = [build for build in builds[0] if build in builds[1]][-1:]
                yield Pair(
                    Side(by_value[one][(common or builds[0])[-1]]),
                    Side(by_value[other][(common or builds[1])[-1]]),
                )

    return pairs


def _other_weights(known: Known) -> Iterator[Pair]:
    """The newest of two engines of one machine that were never given the same file of a model."""
    for group in _groups(known, ("family", "variant", *_OF_ONE_MACHINE)):
        by_engine: dict[str, list[Outline]] = defaultdict(list)
        for configuration in sorted(group, key=_by_build):
            by_engine[configuration.row["engine"]].append(configuration)
        for one, other in combinations(sorted(by_engine), 2):
            files = [{outline.model for outline in by_engine[name]} for name in (one, other)]
            if files[0].isdisjoint(files[1]):
                yield Pair(Side(by_engine[one][-1]), Side(by_engine[other][-1]))


def _by_build(configuration: Outline) -> tuple[int, tuple[bool, datetime], str]:
    return configuration.row["build_number"] or -1, _age(configuration), configuration.id


def _builds(known: Known) -> Iterator[Pair]:
    """Those of one session, newest first; then neighbours that share none."""
    by_id = {configuration.id: configuration for configuration in known.configurations}
    judged = [Pair(Side(by_id[before]), Side(by_id[after])) for before, after in known.sessions]
    judged.sort(
        key=lambda pair: max(_age(pair.a.configuration), _age(pair.b.configuration)), reverse=True
    )
    yield from judged
    same = ("model", "backend", "power_cap_w", *_SETTING)
    apart = _neighbours(same, "build", lambda row: (row["build_number"] or -1, row["build"]))
    for pair in apart(known):
        if (pair.a.id, pair.b.id) not in known.sessions:
            yield pair


def _concurrencies(known: Known) -> Iterator[Pair]:
    """The fewest streams against the most that gave a figure."""
    for configuration in sorted(known.configurations, key=_age, reverse=True):
        streams = configuration.with_figures
        if len(streams) > 1:
            yield Pair(Side(configuration, streams[0]), Side(configuration, streams[-1]))


def _from_elsewhere(known: Known) -> Iterator[Pair]:
    """Neighbours of one kind, model and machine that have a figure of equal lengths."""
    groups: dict[tuple[str, str, str], list[Outline]] = defaultdict(list)
    for outline in known.configurations:
        if outline.kind != SERVED:
            groups[outline.model, outline.kind, outline.row["rig"]].append(outline)
    for group in groups.values():
        ordered = sorted(group, key=lambda c: (c.row["backend"], *_by_build(c)))
        for one, other in pairwise(ordered):
            if not set(one.shapes).isdisjoint(other.shapes):
                yield Pair(Side(one), Side(other))


def _one_backend(one: str, other: str) -> bool:
    return plain_backend(one) == plain_backend(other)


_OF_ONE_MACHINE = ("backend", "power_cap_w", "rig", "mode", "provenance")

_FILE = ("family", "variant", "backend", "build", "power_cap_w", *_SETTING)

_KINDS: dict[str, Callable[[Known], Iterator[Pair]]] = {
    "Two builds": _builds,
    "Two backends on one card": _newest_of_each(
        ("model", "power_cap_w", *_SETTING), "backend", lambda a, b: not _one_backend(a, b)
    ),
    "Two setups of one backend": _newest_of_each(("model", *_SETTING), "backend", _one_backend),
    "Two engines on one machine": _newest_of_each(("model", *_OF_ONE_MACHINE), "engine"),
    "Two engines on one machine, not the same weights": _other_weights,
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
    "Two from elsewhere, without a server or as printed": _from_elsewhere,
}
