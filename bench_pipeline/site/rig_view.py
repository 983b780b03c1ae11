"""A page for each rig: what it is, how it changed, every run made on it, what is wanted next."""

import json
import shlex
from dataclasses import dataclass, replace
from typing import Any

from bench_pipeline.site import hardware, wording
from bench_pipeline.site.coming import Campaign, coming
from bench_pipeline.site.hardware import Card, rig_href
from bench_pipeline.site.rig_history import Event, history
from bench_pipeline.site.run_view import Facts, RunPage
from bench_pipeline.site.source import Tables

_SETUP = {
    "channel": "Builds from",
    "build": "Build",
    "device": "Device",
    "split_mode": "Split over GPUs",
    "main_gpu": "GPU",
    "gpu_layers": "Layers on the GPU",
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
class RigPage:
    rig: str
    href: str
    title: str
    kind: str
    card: Card | None
    """None for a rig that has no run yet."""
    setups: tuple[Setup, ...]
    events: tuple[Event, ...]
    runs: tuple[RunPage, ...]
    """Newest first, undated ones last."""
    wanted: tuple[Campaign, ...]

    @property
    def counts(self) -> str:
        """`4 runs of 2 models`."""
        models = len({run.model for run in self.runs})
        return f"{wording.counted(len(self.runs), 'run')} of {wording.counted(models, 'model')}"


def rig_pages(tables: Tables, runs: list[RunPage]) -> list[RigPage]:
    """Every rig that is declared or named by a run: measuring ones first, unmeasured ones last."""
    cards = hardware.cards(tables, hardware.newest_inventories(tables))
    by_rig = {card.rig: card for card in cards}
    order = [*by_rig, *sorted(row["rig"] for row in tables.rigs if row["rig"] not in by_rig)]
    declared = {row["rig"]: row for row in tables.rigs}
    return [
        RigPage(
            rig=rig,
            href=rig_href(rig),
            title=declared[rig]["title"] or rig,
            kind=(declared[rig]["kind"] or "not declared").replace("-", " "),
            card=by_rig.get(rig),
            setups=_setups(declared[rig]["backends_json"]),
            events=history([run for run in tables.runs if run["rig"] == rig]),
            runs=tuple(_newest_first(run for run in runs if run.rig == rig)),
            wanted=_wanted(tables, rig),
        )
        for rig in order
    ]


def _newest_first(runs: Any) -> list[RunPage]:
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
