"""Runs as nobody measures them: well-typed, within the schema's bounds, extreme and incoherent."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from bench_pipeline.records.base import (
    EARLIEST,
    LARGEST,
    LARGEST_COUNT,
    LATEST,
    LONGEST_TEXT,
    SMALLEST,
)
from bench_pipeline.records.cell import Failure
from bench_pipeline.records.run import Run
from tests.curve_factories import curve_and_bare_engine, imported_run
from tests.factories import failed_cell, measured_run
from tests.session_factories import session_runs

_KEPT = {"schema_version", "run_id", "provenance"}
"""What makes it another run instead of a stranger one."""

_COUNTS = (0, 1, 2, 3, 100_000, LARGEST_COUNT, 10**17, -1)
_NUMBERS = (0.0, SMALLEST, 1e-6, 0.5, 1.0, 1e3, 1e9, LARGEST, -1e6)
_TEXTS = (
    *("", "x", "=1+1", "</script><script>alert(1)</script>", "\u202egnp.exe", "a\tb\nc\x1b[2J"),
    *("'; drop table runs; --", "\U0001f701" * 40, "w" * 1000, "word " * (LONGEST_TEXT // 5)),
)
_TIMES = (EARLIEST, LATEST - timedelta(seconds=1), datetime(2024, 2, 29, 23, 59, 59, 999999))


def originals() -> list[Run]:
    """One of each kind, as small as it can be."""
    small: dict[str, Any] = {"workloads": ["chat"], "concurrencies": [1], "repetitions": 2}
    return [
        measured_run(**small),
        measured_run(**{**small, "concurrencies": [1, 2]}, backend="cuda", rig="h100-vm"),
        measured_run(**small, closing=measured_run(**small).cells[0]),
        measured_run(
            workloads=["chat"], repetitions=2, concurrencies=[1], **curve_and_bare_engine()
        ),
        measured_run(
            cells=[failed_cell("chat", 1)],
            status="failed",
            failure=Failure(kind="oom", message="no memory"),
        ),
        *session_runs({"b10092": 1.0, "b10434": 0.95}, turns=2, waves_per_block=1),
        imported_run(),
    ]


def extreme_runs(count: int, seed: int = 1) -> Iterator[Run]:
    """`count` runs, the same ones for the same seed; each has an id of its own."""
    dice = random.Random(seed)
    documents = [run.model_dump() for run in originals()]
    made = 0
    while made < count:
        document = _copied(dice.choice(documents))
        for _ in range(dice.randint(1, 8)):
            _bend(document, dice)
        document["run_id"] = f"{made:012x}"
        try:
            run = Run.model_validate(document)
        except ValidationError:
            continue  # the schema refuses it: no run file at all
        made += 1
        yield run


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    return [_copied(part) for part in value] if isinstance(value, list) else value


def _bend(document: dict[str, Any], dice: random.Random) -> None:
    """Walks down to somewhere, and puts something else there; often in all rows of a table."""
    at: Any = document
    beside: list[Any] = [document]
    while True:
        keys = [k for k in at if k not in _KEPT] if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = dice.choice(keys)
        if isinstance(at, list) and isinstance(at[key], dict) and dice.random() < 0.5:
            beside = at
        elif not (isinstance(at[key], (dict, list)) and at[key]):
            break
        else:
            beside = [at[key]]
        if isinstance(at[key], (dict, list)) and dice.random() < 0.1:
            break
        at = at[key]
    rows = beside if at in beside and dice.random() < 0.7 else [at]
    value = _other(at[key], dice)
    for row in rows:
        if (isinstance(row, dict) and key in row) or row is at:
            row[key] = value


def _other(value: Any, dice: random.Random) -> Any:
    if dice.random() < 0.1:
        return None
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return dice.choice(_COUNTS)
    if isinstance(value, float):
        return dice.choice((*_NUMBERS, value * 10 ** dice.randint(-6, 6)))
    if isinstance(value, str):
        return dice.choice(_TEXTS)
    if isinstance(value, datetime):
        return dice.choice(_TIMES).replace(tzinfo=value.tzinfo)
    if isinstance(value, list):
        return dice.choice(([], value[:1], value[::-1], value + value[:1] * 40))
    return value
