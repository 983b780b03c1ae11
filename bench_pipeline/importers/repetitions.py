"""Repetitions are counted once: in one file, in several, and in what was imported before."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.importers.rows import Passed, Test
from bench_pipeline.measures.curves import bare_rates
from bench_pipeline.records.run import Run
from bench_pipeline.records.server import BareTest
from bench_pipeline.records.yaml.files import read_run, run_files

_ROUNDED_TOK_S = 0.0051
"""A table rounds speeds to two decimals."""
_HEAD_BYTES = 512


def once(tests: Iterable[Test]) -> tuple[list[Test], list[Passed]]:
    """Each test once, the one that kept its samples before one that kept their mean only."""
    kept: list[Test] = []
    places: dict[str, list[int]] = defaultdict(list)
    passed = []
    for test in tests:
        same = places[_key(test)]
        twin = next((place for place in same if _one_figure(test, kept[place])), None)
        if twin is None:
            same.append(len(kept))
            kept.append(test)
            continue
        again, first = test, kept[twin]
        if test.row.times_ms and not first.row.times_ms:
            kept[twin], again, first = test, first, test
        passed.append(Passed(again.place, f"the same test as {first.place}: counted once"))
    return kept, passed


def _key(test: Test) -> str:
    row = test.row
    said = [
        *(row.model_filename, row.model_type, row.build_number, row.shape),
        *(row.test_time and row.test_time.isoformat(), row.cpu_info, row.gpu_info, row.settings),
    ]
    return json.dumps(said, sort_keys=True, default=str)


def _one_figure(test: Test, other: Test) -> bool:
    mine, theirs = test.row, other.row
    if mine.times_ms and theirs.times_ms:
        return _rounded(mine.times_ms) == _rounded(theirs.times_ms)
    if mine.avg_ts is None or theirs.avg_ts is None:
        return mine.test_time is not None
    return abs(mine.avg_ts - theirs.avg_ts) <= _ROUNDED_TOK_S


def _rounded(times_ms: Iterable[float]) -> list[float]:
    return sorted(round(time_ms, 3) for time_ms in times_ms)


class Earlier:
    """The tests of every imported run in a folder of run files."""

    def __init__(self, runs: Path) -> None:
        self._runs: list[tuple[Run, Path]] = []
        for path in run_files(runs):
            try:
                with path.open("rb") as file:
                    head = file.read(_HEAD_BYTES)
                if b"\nprovenance: imported\n" in head:
                    self._runs.append((read_run(path), path))
            except (OSError, RecordError):
                continue

    def holder(self, run: Run, test: BareTest) -> Path | None:
        """The file that holds this test of `run` already, also of another rig."""
        return next(
            (
                path
                for other, path in self._runs
                if _one_configuration(run, other)
                and any(_held(test, held, run.rig == other.rig) for held in _tests(other))
            ),
            None,
        )

    def printed(self, run: Run) -> Path | None:
        """The file that holds the same printed figures."""
        if run.printed is None:
            return None
        return next(
            (
                path
                for other, path in self._runs
                if other.printed
                and other.printed.figures == run.printed.figures
                and (other.backend, other.model.slug, other.engine.name)
                == (run.backend, run.model.slug, run.engine.name)
            ),
            None,
        )


def _tests(run: Run) -> list[BareTest]:
    return run.bare_engine.tests if run.bare_engine else []


def _one_configuration(run: Run, other: Run) -> bool:
    """Nothing in which both say something speaks against it."""
    if run.backend != other.backend or run.engine.build != other.engine.build:
        return False
    if run.model.slug != other.model.slug:
        one, two = run.model, other.model
        if one.file_name is None or one.file_name != two.file_name:
            return False
        if one.parameters and two.parameters and one.parameters != two.parameters:
            return False
    mine = (run.bare_engine.settings if run.bare_engine else None) or {}
    theirs = (other.bare_engine.settings if other.bare_engine else None) or {}
    return all(mine[key] == theirs[key] for key in mine.keys() & theirs.keys())


def _held(test: BareTest, held: BareTest, of_one_rig: bool) -> bool:
    """A mean without its time may be another machine's by chance: it counts on one rig alone."""
    shape = (test.prompt_tokens, test.output_tokens, test.depth_tokens)
    if shape != (held.prompt_tokens, held.output_tokens, held.depth_tokens):
        return False
    if test.times_ms and held.times_ms:
        return not Counter(_rounded(test.times_ms)) - Counter(_rounded(held.times_ms))
    if test.began_at and held.began_at:
        return test.began_at == held.began_at
    if not of_one_rig:
        return False
    mine, theirs = _mean(test), _mean(held)
    return (
        mine is not None
        and theirs is not None
        and abs(mine - theirs) <= _ROUNDED_TOK_S + 1e-6 * mine
    )


def _mean(test: BareTest) -> float | None:
    rates = bare_rates(test)
    return test.mean_tok_s if not rates else sum(rates) / len(rates)
