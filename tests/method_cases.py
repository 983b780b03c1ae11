"""What the document's program is tried on, and what the pipeline says of the same run files."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.measures.ceiling import share_of_ceiling
from bench_pipeline.measures.cells import figures_of
from bench_pipeline.measures.comparison import JUDGED, ratio_of_turns, turns_of, verdict
from bench_pipeline.measures.curves import curve_figures, server_share
from bench_pipeline.measures.drift import drift_of
from bench_pipeline.measures.knee import aggregates, knee_of
from bench_pipeline.measures.statistics import Estimate, Ratio
from bench_pipeline.paths import checkout
from bench_pipeline.records.cell import Cell, CurvePoint, Request
from bench_pipeline.records.run import Run
from bench_pipeline.records.server import Bandwidth, BareEngine, BareTest
from bench_pipeline.records.yaml.files import read_run, write_run
from tests.factories import SMOLLM2, failed_cell, measured_cell, measured_run, slowed
from tests.method_document import DOCUMENT, Outcome, blocks_of, perform, perform_each, run_files_of
from tests.session_factories import session_runs

TEXT = DOCUMENT.read_text()
CODES = [code for code, _ in blocks_of(TEXT)]


@dataclass(frozen=True)
class Case:
    run: Run
    session: list[Run]
    """Of the builds measured in turns, oldest first."""
    outcome: Outcome


def timed(cell: Cell, *, late_waves: int) -> Cell:
    """With the server's own gaps, after which the tokens of some waves came late."""

    def changed(request: Request) -> Request:
        lag_ms = 30.0 if request.wave < late_waves else 1.0
        server_ms = max(0.0, request.itl_p99_ms - lag_ms)
        return request.model_copy(update={"server_itl_p99_ms": server_ms})

    return cell.model_copy(update={"requests": [changed(r) for r in cell.requests]})


def with_an_outlier(cell: Cell) -> Cell:
    slow = slowed(cell.requests[3], 2)
    return cell.model_copy(update={"requests": [*cell.requests[:3], slow, *cell.requests[4:]]})


def incomplete(cell: Cell) -> Cell:
    parts = [part.model_copy(update={"complete": False}) for part in cell.telemetry]
    return cell.model_copy(update={"telemetry": parts})


def point(depth: int, *, reused: int, prefill_tok_s: float, decode_tok_s: float) -> CurvePoint:
    """Five repetitions; asked again, the engine finds all but `reused` of ten prompts' tokens."""
    base = measured_cell(
        "chat", 1, repetitions=5, prefill_tok_s=prefill_tok_s, decode_tok_s=decode_tok_s, seed=depth
    )
    cold = [r.model_copy(update={"prompt_tokens": depth}) for r in base.requests]
    cached = [
        r.model_copy(update={"cached_tokens": reused if n else 0, "ttft_ms": 9.0 + n / 8})
        for n, r in enumerate(cold)
    ]
    return CurvePoint(
        depth_tokens=depth, server=0, output_tokens_budget=100, cold=cold, cached=cached
    )


def run_with_everything() -> Run:
    """A run that has each thing the document speaks of, and each reason to leave something out."""
    made = measured_run(
        backend="cuda", rig="h100-vm", decode_tok_s=700, concurrencies=(1, 4, 8, 16), repetitions=7
    )
    cells = []
    for cell in made.cells:
        if cell.concurrency == 16:  # hardly faster together than eight
            waves = [
                wave.model_copy(update={"all_busy_tokens": round(wave.all_busy_tokens * 0.94)})
                for wave in cell.waves
            ]
            cell = cell.model_copy(update={"waves": waves})
        if (cell.workload, cell.concurrency) == ("rag", 1):
            cell = with_an_outlier(timed(cell, late_waves=2))
        if (cell.workload, cell.concurrency) == ("agent", 1):
            cell = incomplete(timed(cell, late_waves=5))
        if (cell.workload, cell.concurrency) == ("codegen", 4):
            cell = failed_cell("codegen", 4)
        cells.append(cell)
    bench = [(128, 0, 0), (0, 128, 128), (512, 0, 0), (0, 128, 512), (0, 128, 0), (512, 0, 512)]
    tests = [
        BareTest(
            prompt_tokens=prompt,
            output_tokens=output,
            depth_tokens=depth,
            times_ms=[(prompt / 31 + output / 0.8) * (1 + n / 100) for n in range(4)],
        )
        for prompt, output, depth in bench
    ]
    return measured_run(
        backend="cuda",
        rig="h100-vm",
        cells=cells,
        concurrencies=(1, 4, 8, 16),
        model=SMOLLM2.model_copy(update={"experts": 0}),
        closing=measured_cell("chat", 1, decode_tok_s=650, repetitions=7, seed=9),
        curves=[
            point(128, reused=127, prefill_tok_s=9_000, decode_tok_s=690),
            point(512, reused=0, prefill_tok_s=30_000, decode_tok_s=640),
        ],
        bare_engine=BareEngine(tests=tests),
        bandwidth=[
            Bandwidth(device="CUDA0", bytes_per_s=2.9e12, source="measured", how="a loop"),
            Bandwidth(device="CUDA0", bytes_per_s=3.35e12, source="theoretical", how="bus"),
        ],
    )


def session_with_everything() -> list[Run]:
    """One build slower than the one before, one no different from it; one cell failed."""
    speeds = {"b10068": 1.0, "b10092": 0.9, "b10434": 0.9}
    oldest, *others = session_runs(
        speeds, turns=6, waves_per_block=4, workloads=("chat", "rag"), start_noise=0.001
    )
    cells = [oldest.cells[0], failed_cell("rag", 1)]
    return [oldest.model_copy(update={"cells": cells}), *others]


def committed_case() -> Case:
    """The document as it stands."""
    run, *session = (read_run(checkout().root / path) for path in run_files_of(TEXT))
    return Case(run, oldest_first(session), perform(CODES, checkout().root))


class Everything:
    """Runs that have all that runs may have, written below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run, self.session = run_with_everything(), session_with_everything()
        runs = [self.run, *self.session]
        self.paths = [write_run(run, folder / "runs").relative_to(folder) for run in runs]

    def by(self, *programs: list[str]) -> list[Case]:
        """What the document's program, and others, make of them."""
        about_these = []
        for codes in programs:
            for old, path in zip(run_files_of(TEXT), self.paths, strict=True):
                codes = [code.replace(old, path.as_posix()) for code in codes]
            about_these.append(codes)
        outcomes = perform_each(about_these, self.folder)
        return [Case(self.run, self.session, outcome) for outcome in outcomes]


def oldest_first(session: list[Run]) -> list[Run]:
    """Runs of one session in the order of its builds."""
    told = session[0].session
    assert told
    return sorted(session, key=lambda run: told.builds.index(run.engine.build))


def plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return [value.median, value.lo, value.hi]
    if isinstance(value, Ratio):
        return [value.ratio, value.lo, value.hi]
    return value


def of_the_pipeline(case: Case) -> dict[str, Any]:
    """What the document's program tells, by the pipeline's own code."""
    run, cells = case.run, {}
    for cell in run.cells:
        if cell.status != "ok":
            continue
        figures = figures_of(cell)
        one = {
            name: plain(getattr(figures, name))
            for name in ("n", "decode_tok_s", "prefill_tok_s", "aggregate_tok_s", "ttft_ms")
        }
        for name in ("queue_ms", "itl_p99_ms"):
            one[name] = getattr(figures, name).median
        for name in ("joules_per_token", "clocks_agree", "delivered_on_time", "outliers"):
            one[name] = getattr(figures, name)
        cells[f"{cell.workload} {cell.concurrency}"] = one
    curves = {}
    tests = run.bare_engine.tests if run.bare_engine else []
    for point in run.curves:
        curve, share = curve_figures(point), server_share(point, tests)
        curves[str(point.depth_tokens)] = {
            **{
                name: plain(getattr(curve, name))
                for name in ("prefill_tok_s", "decode_tok_s", "ttft_ms", "cached_share")
            },
            "cached_ttft_ms": plain(curve.cached_ttft_ms) or [None, None, None],
            "of_bare_decode": plain(share.decode),
            "of_bare_prefill": plain(share.prefill),
        }
    drift = drift_of(run)
    ok = [cell for cell in run.cells if cell.status == "ok"]
    shares = {cell.workload: share_of_ceiling(run, cell) for cell in ok if cell.concurrency == 1}
    return {
        "cells": cells,
        "knee": knee_of(aggregates(run.cells)),
        "drift": plain(drift.ratio) if drift else None,
        "curves": curves,
        "ceilings": {name: share for name, share in shares.items() if share is not None},
        "session": of_the_session(case.session),
    }


def of_the_session(runs: list[Run]) -> dict[str, Any]:
    """Of the cells that no build failed: their figures, and each build against the one before."""
    measured = [
        {f"{c.workload} {c.concurrency}": c for c in run.cells if c.status == "ok"} for run in runs
    ]
    places = [place for place in measured[0] if all(place in cells for cells in measured)]
    figures = {
        f"{run.engine.build} {place}": figures_of(cells[place])
        for run, cells in zip(runs, measured, strict=True)
        for place in places
    }
    ratios = {}
    for (older, before), (newer, after) in pairwise(zip(runs, measured, strict=True)):
        for place in places:
            for name, judged in JUDGED.items():
                turns = [turns_of(cells[place], judged.of) for cells in (before, after)]
                ratio = ratio_of_turns(*turns)
                assert ratio
                said = verdict(ratio, judged.higher_is_better)
                key = f"{older.engine.build} {newer.engine.build} {place} {name}"
                ratios[key] = [*plain(ratio), said]
    names = ("n", *JUDGED)
    return {
        "cells": {
            key: {name: plain(getattr(one, name)) for name in names} for key, one in figures.items()
        },
        "ratios": ratios,
    }


def differences(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Where two nested figures differ by more than the last bits of a float."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = [f"{place}: {sorted(set(ours) ^ set(theirs))}"] if set(ours) != set(theirs) else []
        shared = [key for key in ours if key in theirs]
        return found + [
            line for key in shared for line in differences(ours[key], theirs[key], f"{place}/{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [line for n, (a, b) in pairs for line in differences(a, b, f"{place}[{n}]")]
    number = not isinstance(ours, str | None) and not isinstance(theirs, str | None)
    same = ours == pytest.approx(theirs, rel=1e-9) if number else ours == theirs
    return [] if same else [f"{place}: {ours} is not {theirs}"]
