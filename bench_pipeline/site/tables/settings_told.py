"""In which settings imported runs of one configuration differ: said wherever they are named."""

import json
from collections import defaultdict
from collections.abc import Iterable

from bench_pipeline.site.source import Row

_ONE = ("model", "rig", "backend", "engine", "build", "mode", "power_cap_w")
"""Columns of `runs` that every list names beside them."""


def settings_of(run: Row) -> dict[str, str]:
    return dict(json.loads(run["settings_json"]))


def settings_told(runs: Iterable[Row]) -> dict[str, str]:
    """By run_id `flash_attn 0, n_ubatch 1024`: what tells it from the others of its configuration;
    runs without such others are none."""
    alike: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for run in runs:
        if run["settings_json"] != "{}":
            alike[tuple(run[column] for column in _ONE)].append(run)
    told = {}
    for group in alike.values():
        said = [settings_of(run) for run in group]
        keys = dict.fromkeys(key for settings in said for key in settings)
        differing = [key for key in keys if len({settings.get(key) for settings in said}) > 1]
        for run, settings in zip(group, said, strict=True):
            words = [f"{key} {settings.get(key, 'not said')}" for key in differing]
            if words:
                told[run["run_id"]] = ", ".join(words)
    return told
