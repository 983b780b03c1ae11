"""A page for each rig: what it is, how it changed, every run made on it, what is wanted next."""

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from bench_pipeline.site import hardware, wording
from bench_pipeline.site.hardware import Card, rig_href
from bench_pipeline.site.rigs import timeline_drawing
from bench_pipeline.site.rigs.history import Event, dated, history
from bench_pipeline.site.rigs.timeline import timeline_of
from bench_pipeline.site.rigs.timeline_drawing import Drawing
from bench_pipeline.site.runs.view import Facts, RunLine
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.tables.coming import Campaign, coming
from bench_pipeline.site.tables.engine_only import EngineRow

RUNS_ON_A_PAGE = 200
"""With more runs than these, they stand on pages of their own, as many on each, and the rig's
page keeps the newest. 200 of them weigh about 8 KB gzipped."""
NEWEST_RUNS, NEWEST_EVENTS = 50, 25
"""What it keeps."""

_SETUP = {
    "channel": "Builds from",
    "build": "Build",
    "device": "Device",
    "split_mode": "Split over GPUs",
    "main_gpu": "GPU",
    "gpu_layers": "Layers on the GPU",
    "experts_on_cpu": "Experts on the CPU, of layers",
    "tensors_on_cpu": "Tensors on the CPU",
    "cache_type_k": "KV cache, keys",
    "cache_type_v": "KV cache, values",
    "flash_attention": "Flash attention",
    "ubatch_tokens": "Tokens of a batch",
    "threads": "Threads",
    "args": "More arguments",
    "env": "Environment",
}


@dataclass(frozen=True)
class Setup:
    """How the engine is started for one backend, as declared; unset keys are left to the engine."""

    backend: str
    facts: Facts


@dataclass(frozen=True)
class Period:
    """A page of runs: from number `first`, the oldest, to number `last`; counted from the rig's
    first run, so that a full page never changes."""

    href: str
    first: int
    last: int
    runs: tuple[RunLine, ...]
    """Newest first."""
    events: tuple[Event, ...]
    """What had changed before these runs, newest first."""

    @property
    def numbers(self) -> str:
        """`Runs 201 to 400`."""
        return (
            f"Runs {self.first:,} to {self.last:,}"
            if self.last > self.first
            else (f"Run {self.first:,}")
        )

    @property
    def dates(self) -> str:
        """`2026-11-20 to 2026-11-23`, or what their dates are instead."""
        days = [self.runs[-1].when[:10], self.runs[0].when[:10]]
        return " to ".join(dict.fromkeys(days)) if days[0][:1].isdigit() else self.runs[-1].when


@dataclass(frozen=True)
class RigLine:
    """What the list of rigs says of one."""

    rig: str
    href: str
    title: str
    kind: str
    card: Card | None
    """None for a rig that has no run yet."""
    counts: str
    """`4 runs of 2 models`."""

    @property
    def headline(self) -> str:
        """What it is, as a buyer says it; empty for a rig that has no run yet."""
        return self.card.headline if self.card else ""


@dataclass(frozen=True)
class RigPage(RigLine):
    setups: tuple[Setup, ...]
    timeline: Drawing | None
    """None where all of its runs were at one moment."""
    events: tuple[Event, ...]
    """All of them, newest first."""
    runs: tuple[RunLine, ...]
    """All of them, newest first, undated ones last."""
    wanted: tuple[Campaign, ...]
    engine_only: tuple[EngineRow, ...] = ()
    """From elsewhere, without a server or as printed."""

    @property
    def line(self) -> RigLine:
        return RigLine(**{each.name: getattr(self, each.name) for each in fields(RigLine)})

    @property
    def divided(self) -> bool:
        return len(self.runs) > RUNS_ON_A_PAGE

    @property
    def newest_runs(self) -> tuple[RunLine, ...]:
        return self.runs[:NEWEST_RUNS] if self.divided else self.runs

    @property
    def newest_events(self) -> tuple[Event, ...]:
        return self.events[:NEWEST_EVENTS] if self.divided else self.events

    @property
    def periods(self) -> tuple[Period, ...]:
        """Newest first; none where the rig's page holds all runs."""
        if not self.divided:
            return ()
        oldest_first = self.runs[::-1]
        made = []
        for start in range(0, len(oldest_first), RUNS_ON_A_PAGE):
            runs = oldest_first[start : start + RUNS_ON_A_PAGE][::-1]
            hrefs = {run.href for run in runs}
            made.append(
                Period(
                    href=f"rigs/{self.rig}/runs-{start // RUNS_ON_A_PAGE + 1}.html",
                    first=start + 1,
                    last=start + len(runs),
                    runs=runs,
                    events=tuple(event for event in self.events if event.run_href in hrefs),
                )
            )
        return tuple(reversed(made))


def rigs_in_order(tables: Tables, cards: Sequence[Card]) -> list[tuple[Row, Card | None]]:
    """Every rig that is declared or named by a run: measuring ones first, unmeasured ones last."""
    by_rig = {card.rig: card for card in cards}
    order = [*by_rig, *sorted(row["rig"] for row in tables.rigs if row["rig"] not in by_rig)]
    declared = {row["rig"]: row for row in tables.rigs}
    return [(declared[rig], by_rig.get(rig)) for rig in order]


def rig_pages(tables: Tables, runs: Sequence[RunLine]) -> list[RigPage]:
    cards = hardware.cards(tables, hardware.newest_inventories(tables))
    return [
        rig_page(declared, card, tables, [run for run in runs if run.rig == declared["rig"]])
        for declared, card in rigs_in_order(tables, cards)
    ]


def rig_page(
    declared: Row,
    card: Card | None,
    tables: Tables,
    runs: Sequence[RunLine],
    elsewhere: Sequence[EngineRow] = (),
) -> RigPage:
    """`runs`: of this rig; `tables` may hold others' too."""
    rig = declared["rig"]
    models = len({run.model for run in runs})
    told = dated(run for run in tables.runs if run["rig"] == rig)
    timeline = timeline_of(told)
    return RigPage(
        rig=rig,
        href=rig_href(rig),
        title=declared["title"] or rig,
        kind=(declared["kind"] or "not declared").replace("-", " "),
        card=card,
        counts=f"{wording.counted(len(runs), 'run')} of {wording.counted(models, 'model')}"
        + (f", the machine of {declared['owner']}" if declared["owner"] else ""),
        setups=_setups(declared["backends_json"]),
        timeline=timeline_drawing.draw(timeline) if timeline else None,
        events=history(told),
        runs=tuple(_newest_first(runs)),
        engine_only=tuple(elsewhere),
        wanted=_wanted(tables, rig),
    )


def _newest_first(runs: Iterable[RunLine]) -> list[RunLine]:
    return sorted(
        runs, key=lambda run: (run.when[:1].isdigit(), run.when, run.run_id), reverse=True
    )


def _wanted(tables: Tables, rig: str) -> tuple[Campaign, ...]:
    own = [item for item in tables.campaign_items if item["rig"] == rig]
    return tuple(coming(replace(tables, campaign_items=own)))


def _setups(backends_json: str) -> tuple[Setup, ...]:
    return tuple(
        Setup(
            wording.backend_name(backend),
            tuple(
                (label, _words(setup[key]))
                for key, label in _SETUP.items()
                if setup.get(key) not in (None, [], {})
            ),
        )
        for backend, setup in sorted(json.loads(backends_json or "{}").items())
    )


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={shlex.quote(str(part))}" for key, part in sorted(value.items()))
    return shlex.join(value) if isinstance(value, list) else str(value)
