"""Flagged steps and open pairs as a page lists them: the newest first, and a bounded number."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.site import wording
from bench_pipeline.site.trends.series import Change, ChangedCell, OpenPair, Step, Trend
from bench_pipeline.site.trends.words import METRICS, Verdict, tally

CHANGES_ON_A_PAGE, CELLS_OF_A_CHANGE = 12, 12
"""So many builds, and so many cells of each that changed most; the others stand on the pages of
their places or models."""
OPEN_PAIRS_ON_A_PAGE = 30
"""With more, those of all models of a place stand in one line."""


def newest_steps(trends: Iterable[Trend]) -> list[Step]:
    """The flagged steps of all, newest first."""
    return newest_first(step for trend in trends for step in trend.steps)


def newest_first(steps: Iterable[Step]) -> list[Step]:
    """By time, then by build, then in a fixed order."""
    fixed = sorted(steps, key=lambda step: step.key)
    return sorted(fixed, key=lambda step: (step.at, step.number or 0), reverse=True)


def changes(steps: Iterable[Step]) -> tuple[list[Change], int]:
    """`steps` by rig, backend and builds, in the order in which these first come; and the number
    of changes beyond those that a page shows."""
    together: dict[tuple[str, ...], list[Step]] = defaultdict(list)
    for step in steps:
        together[step.rig_title, step.backend_name, step.before, step.build].append(step)
    newest = list(together.values())[:CHANGES_ON_A_PAGE]
    return [_change(found) for found in newest], len(together) - len(newest)


def _change(found: Sequence[Step]) -> Change:
    cells: dict[str, list[Step]] = defaultdict(list)
    for step in found:
        cells[step.href].append(step)
    of_metric: dict[str, list[Verdict]] = defaultdict(list)
    for step in found:
        of_metric[step.metric].append(step.verdict)
    metrics = [(m, DEFINITIONS[m].label) for m in METRICS if DEFINITIONS[m].label in of_metric]
    kept = list(cells.values())
    if len(kept) > CELLS_OF_A_CHANGE:
        kept = sorted(kept, key=_largest, reverse=True)[:CELLS_OF_A_CHANGE]
    return Change(
        first=found[0],
        metrics=tuple(label for _, label in metrics),
        cells=tuple(
            ChangedCell(
                name=steps[0].name,
                cell=steps[0].cell,
                href=steps[0].href,
                verdicts={step.metric: step.verdict for step in steps},
            )
            for steps in kept
        ),
        more=len(cells) - len(kept),
        tallies=tuple((label, tally(metric, of_metric[label])) for metric, label in metrics),
        caution=next((step.caution for step in found if step.caution), ""),
    )


def _largest(steps: Sequence[Step]) -> float:
    return max(step.verdict.percent or 0 for step in steps)


def open_pairs(trends: Iterable[Trend]) -> tuple[list[OpenPair], int]:
    """Of all places, and the number beyond those that a page shows; where they are many, without
    the reasons, which stand beside each figure."""
    every = [pair for trend in trends for pair in trend.open_pairs]
    if len(every) <= OPEN_PAIRS_ON_A_PAGE:
        return every, 0
    together: dict[tuple[str, ...], list[OpenPair]] = defaultdict(list)
    for pair in every:
        together[pair.place_href, pair.before, pair.build, pair.kind].append(pair)
    merged = [
        OpenPair(
            rig_title=pairs[0].rig_title,
            backend_name=pairs[0].backend_name,
            name=wording.counted(len({pair.name for pair in pairs}), "model"),
            build=build,
            before=before,
            kind=kind,
            reason="",
            count=sum(pair.count for pair in pairs),
            href=href,
            place_href=href,
            number=pairs[0].number,
        )
        for (href, before, build, kind), pairs in together.items()
    ]
    merged.sort(key=lambda pair: pair.number, reverse=True)
    return merged[:OPEN_PAIRS_ON_A_PAGE], max(0, len(merged) - OPEN_PAIRS_ON_A_PAGE)
