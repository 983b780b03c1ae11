"""Tests of one configuration as a run, with what their files say and no more."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bench_pipeline.importers.cards import Cards, inventory_of
from bench_pipeline.importers.placement import placement_of
from bench_pipeline.importers.rows import Foreign, Row, Test
from bench_pipeline.importers.words import plain
from bench_pipeline.records.cell import Printed
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.rig import Backend
from bench_pipeline.records.run import Engine, Model, Run, Source
from bench_pipeline.records.server import BareEngine, BareTest

ONE_SESSION = timedelta(days=1)
"""Tests with more time between them are of two sessions: the machine may have changed."""

NO_SAMPLES = "Its repetitions: only means were kept, so no interval can be given."

_SETTING = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NOTE_LENGTH = 1500


@dataclass(frozen=True)
class Place:
    """What a run says beside its figures."""

    rig: str
    backend: Backend
    model: Model
    engine: Engine
    unknown: tuple[str, ...]
    source_title: str | None = None
    source_url: str = ""


def sessions(tests: Sequence[Test]) -> list[list[Test]]:
    """Tests close in time together; those without a time are all one."""
    undated = [test for test in tests if test.row.test_time is None]
    found: list[list[Test]] = [undated] if undated else []
    last = None
    for test in sorted(
        (test for test in tests if test.row.test_time), key=lambda test: str(test.row.test_time)
    ):
        when = test.row.test_time
        if last is None or when is None or when - last > ONE_SESSION:
            found.append([])
        found[-1].append(test)
        last = when
    return found


def bare_tests(tests: Sequence[Test]) -> list[BareTest]:
    """Repetitions of one shape as one test; what kept a mean only, or says more of itself than
    is known here, stays as it stands."""
    made: list[BareTest] = []
    pooled: dict[tuple[object, ...], int] = {}
    for test in tests:
        row = test.row
        one = bare_test(row)
        key = (row.shape, json.dumps(_but_labels(row.also), sort_keys=True))
        if one.times_ms and key in pooled:
            place = pooled[key]
            made[place] = made[place].model_copy(
                update={"times_ms": [*made[place].times_ms, *one.times_ms]}
            )
            continue
        if one.times_ms:
            pooled[key] = len(made)
        made.append(one)
    return made


def bare_test(row: Row) -> BareTest:
    times = row.times_ms
    return BareTest(
        prompt_tokens=row.n_prompt,
        output_tokens=row.n_gen,
        depth_tokens=row.n_depth,
        times_ms=times,
        mean_tok_s=None if times else row.avg_ts,
        sd_tok_s=None if times else row.stddev_ts,
        repetitions=None if times else row.n_samples,
        began_at=row.test_time,
        also=row.also or None,
    )


def _but_labels(also: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in also.items() if key != "test"}


def run_of(tests: Sequence[Test], made: list[BareTest], place: Place, cards: Cards) -> Run:
    """`made`: of `tests`, those that no run holds yet."""
    first = tests[0]
    settings = first.row.settings
    unknown = [*place.unknown, *([cards.unknown] if cards.unknown else [])]
    if any(not test.times_ms for test in made):
        unknown.append(NO_SAMPLES)
    commit = place.engine.commit
    inventory = inventory_of(first, cards)
    began = [test.began_at for test in made if test.began_at]
    run = Run(
        schema_version=4,
        run_id="0" * 12,
        provenance="imported",
        source=Source(
            title=_title("llama-bench output", [test.file for test in tests], place),
            url=place.source_url,
            note=_note(first.row),
        ),
        status="ok",
        started_at=min(began).replace(microsecond=0) if began else None,
        rig=place.rig,
        backend=place.backend,
        unknown=unknown,
        inventory=inventory,
        engine=place.engine,
        model=place.model,
        bare_engine=BareEngine(
            version_line=f"build: {commit or 'unknown'} ({first.row.build_number})",
            tests=made,
            settings=settings,
            memory=placement_of(settings, place.backend),
        ),
    )
    return _with_id(run)


def run_of_foreign(results: Sequence[Foreign], place: Place, inventory: Inventory) -> Run:
    """The figures of another program, as printed; results of one file and configuration."""
    first = results[0]
    figures = [figure for result in results for figure in result.figures]
    numbered = [figure.model_copy(update={"number": n}) for n, figure in enumerate(figures)]
    said = ", ".join(f"{key} {value}" for key, value in first.settings.items())
    run = Run(
        schema_version=4,
        run_id="0" * 12,
        provenance="imported",
        source=Source(
            title=_title(f"{first.program} output", [result.file for result in results], place),
            url=place.source_url,
            note=" ".join(
                filter(None, (first.note, f"Settings: {plain(said, 600)}." if said else ""))
            ),
        ),
        status="ok",
        started_at=first.when.replace(microsecond=0) if first.when else None,
        rig=place.rig,
        backend=place.backend,
        unknown=[*place.unknown, "Its machine: the file does not name it."],
        inventory=inventory,
        engine=place.engine,
        model=place.model,
        printed=Printed(program=first.program, figures=numbered),
    )
    return _with_id(run)


def _with_id(run: Run) -> Run:
    """Its id comes from its content, whoever imports it and under whatever title."""
    said = run.model_dump(mode="json", exclude_none=True, exclude={"rig", "source", "unknown"})
    text = json.dumps(said, sort_keys=True)
    return run.model_copy(update={"run_id": hashlib.sha256(text.encode()).hexdigest()[:12]})


def _title(what: str, files: Sequence[str], place: Place) -> str:
    names = list(dict.fromkeys(files))
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return plain(place.source_title or f"{what} {plain(names[0], 80)}{more}", 120)


def _note(row: Row) -> str:
    shown = [
        f"{key} {plain(value, 80)}"
        for key, value in row.settings.items()
        if _SETTING.fullmatch(key) and key != "backends"
    ]
    note = f"llama-bench, no server: {', '.join(shown)}." if shown else "llama-bench, no server."
    return note if len(note) <= _NOTE_LENGTH else f"{note[: _NOTE_LENGTH - 1]}…"


def with_unknown(place: Place, *sentences: str) -> Place:
    return replace(place, unknown=(*place.unknown, *filter(None, sentences)))
