"""The page that sets any two configurations side by side, and the figures that its script reads.

The page itself knows the models only. Their configurations, figures and pairs are in one script
for each model, so that it stays small however many there are: a classic script, as nothing else
can be loaded from file://.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from bench_pipeline.site.compare.address import PAGE, model_part
from bench_pipeline.site.compare.conclusions import CONCLUSIONS
from bench_pipeline.site.compare.configurations import (
    METRICS,
    Catalogue,
    CompareCell,
    Configuration,
    Session,
)
from bench_pipeline.site.compare.pairs import Kind, Known, natural_pairs, pairs_by_model
from bench_pipeline.site.compare.rule import BY_TURNS, MEANINGS, Judgement, Value
from bench_pipeline.site.compare.two import BASES, BUILD_FACTS, UNLIKE, Pair
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import Row


@dataclass(frozen=True)
class Choice:
    """A model to choose."""

    name: str
    part: str
    """What the ids of its configurations begin with."""
    script: str
    """Path below the site's root."""
    family: str
    order: tuple[str, str]
    """Among all choices."""


def scripts(known: Catalogue) -> tuple[list[Choice], dict[str, bytes]]:
    """Each model's, by path; `known` must hold all that the models can be paired with."""
    pairs = pairs_by_model(known)
    by_model: dict[str, list[Configuration]] = {}
    for configuration in known.configurations:
        by_model.setdefault(configuration.model, []).append(configuration)
    made: dict[str, bytes] = {}
    choices = []
    for model, configurations in by_model.items():
        part = model_part(model)
        content = figures_script(known, part, configurations, pairs.get(model, []))
        path = f"compare/{part}-{hashlib.sha256(content).hexdigest()[:10]}.js"
        made[path] = content
        first = configurations[0]
        order = first.label, first.id
        choices.append(Choice(first.name, part, path, first.row["family"], order))
    return choices, made


def page(press: Press, known: Known, choices: Iterable[Choice], workloads: Iterable[Row]) -> bytes:
    """That leads to the scripts of `choices`; `workloads` of the table."""
    families: dict[str, list[Choice]] = {}
    for choice in sorted(choices, key=lambda choice: choice.order):
        families.setdefault(choice.family, []).append(choice)
    return press.page(
        PAGE,
        families=families,
        count=len(known.configurations),
        kinds=natural_pairs(known),
        metrics=list(METRICS),
        workloads={work["workload"]: work["title"] for work in workloads},
        bases=BASES,
        meanings=MEANINGS,
        by_turns=BY_TURNS,
        build_facts=BUILD_FACTS,
        unlike=UNLIKE,
        conclusions=CONCLUSIONS,
    )


def figures_script(
    known: Catalogue,
    part: str,
    configurations: Iterable[Configuration],
    kinds: Iterable[Kind[Pair]],
) -> bytes:
    """One model's configurations and pairs as a call of the page's `comparisonFigures`.

    `part`: of the model, as in `Choice`.
    """
    own = {configuration.id: configuration for configuration in configurations}
    sessions = [session for session in known.sessions.values() if session.before in own]
    runs = {configuration.run for configuration in own.values()}
    cells = {cell.key: cell for c in own.values() for cell in c.cells.values()}
    for session in sessions:
        runs |= {session.run_before, session.run_after}
        for judged in session.cells.values():
            cells |= {cell.key: cell for cell in (judged.before, judged.after)}
    figures = {
        "model": part,
        "configurations": {
            id: {
                "name": c.name,
                "parts": c.parts,
                "href": c.href,
                "provenance": c.row["provenance"],
                "kind": c.kind,
                "run": c.run,
                "problem": c.problem,
                "cells": [cell.key for cell in c.cells.values()],
            }
            for id, c in own.items()
        },
        "facts": {run: known.facts[run] for run in sorted(runs)},
        "shapes": {shape: known.shapes[shape] for c in own.values() for shape in c.shapes},
        "cells": {key: _cell(cell) for key, cell in sorted(cells.items())},
        "sessions": [_session(session) for session in sessions],
        "pairs": [
            [kind.title, kind.more, [[p.a.id, p.b.id, p.title, p.contrast] for p in kind.shown]]
            for kind in kinds
        ],
    }
    # ASCII and without `<`: neither a browser's old line separators nor an inlining breaks it
    text = json.dumps(figures, separators=(",", ":")).replace("<", "\\u003c")
    return f"comparisonFigures({text});\n".encode()


def _cell(cell: CompareCell) -> dict[str, object]:
    return {
        "href": cell.href,
        "n": cell.n,
        "reason": cell.reason,
        "flags": cell.flags,
        "values": {metric: _value(value) for metric, value in cell.values.items()},
    }


def _value(value: Value) -> list[object]:
    return [value.text, value.interval, value.value, value.lo, value.hi]


def _session(session: Session) -> dict[str, object]:
    return {
        "before": session.before,
        "after": session.after,
        "runs": [session.run_before, session.run_after],
        "compiled": session.compiled,
        "cells": {
            f"{workload}/{concurrency}": {
                "keys": [cell.before.key, cell.after.key],
                "judgements": {m: _judgement(j) for m, j in cell.judgements.items()},
            }
            for (workload, concurrency), cell in session.cells.items()
        },
    }


def _judgement(judged: Judgement) -> list[object]:
    return [judged.verdict, judged.ratio, judged.lo, judged.hi, judged.reason]
