"""The stranger's check: docs/method.md makes the page's figures without this project's code."""

import html
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.measures import cells as cells_module
from bench_pipeline.measures import formulas
from bench_pipeline.measures.ceiling import share_of_ceiling
from bench_pipeline.measures.cells import figures_of
from bench_pipeline.measures.curves import curve_figures, server_share
from bench_pipeline.measures.drift import drift_of
from bench_pipeline.measures.knee import aggregates, knee_of
from bench_pipeline.measures.statistics import Estimate, Ratio
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.cell import Cell, CurvePoint, Request
from bench_pipeline.records.run import Run
from bench_pipeline.records.server import Bandwidth, BareEngine, BareTest
from bench_pipeline.records.yaml_files import read_run, write_run
from bench_pipeline.site.build import build_site
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests.factories import SMOLLM2, failed_cell, measured_cell, measured_run
from tests.method_document import (
    COMMAND,
    DOCUMENT,
    Outcome,
    blocks_of,
    perform,
    prose_of,
    run_file_of,
)

TEXT = DOCUMENT.read_text()
CODES = [code for code, _ in blocks_of(TEXT)]
OF_THE_METHOD = {"2.5"}
"""Decimals that the prose may name: they belong to the method, not to the run."""


@dataclass(frozen=True)
class Case:
    run: Run
    outcome: Outcome


def timed(cell: Cell, *, late_waves: int) -> Cell:
    """With the server's own gaps, after which the tokens of some waves came late."""

    def changed(request: Request) -> Request:
        lag_ms = 30.0 if request.wave < late_waves else 1.0
        server_ms = max(0.0, request.itl_p99_ms - lag_ms)
        return request.model_copy(update={"server_itl_p99_ms": server_ms})

    return cell.model_copy(update={"requests": [changed(r) for r in cell.requests]})


def with_an_outlier(cell: Cell) -> Cell:
    slow = cell.requests[3].model_copy(update={"decode_ms": cell.requests[3].decode_ms * 2})
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


@pytest.fixture(scope="module")
def committed() -> Case:
    """The document as it stands."""
    run = read_run(checkout().root / run_file_of(TEXT))
    return Case(run, perform(CODES, checkout().root))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The document's program on a run that has all that a run may have."""
    return everything_by(CODES, tmp_path_factory.mktemp("everything"))


def everything_by(codes: list[str], folder: Path) -> Case:
    run = run_with_everything()
    path = write_run(run, folder / "runs").relative_to(folder)
    old = run_file_of(TEXT)
    return Case(run, perform([code.replace(old, path.as_posix()) for code in codes], folder))


@pytest.fixture(params=["committed", "everything"])
def case(request: pytest.FixtureRequest) -> Case:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return [value.median, value.lo, value.hi]
    if isinstance(value, Ratio):
        return [value.ratio, value.lo, value.hi]
    return value


def of_the_pipeline(run: Run) -> dict[str, Any]:
    """What the document's program tells, by the pipeline's own code."""
    cells = {}
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
    known = ours is not None and theirs is not None
    same = ours == pytest.approx(theirs, rel=1e-9) if known else ours is theirs
    return [] if same else [f"{place}: {ours} is not {theirs}"]


def test_the_document_quotes_what_its_program_prints(committed: Case) -> None:
    quoted = [output for _, output in blocks_of(TEXT)]
    assert quoted == committed.outcome.outputs, f"run `{COMMAND}`"


def test_the_program_gives_the_pipeline_s_figures(case: Case) -> None:
    assert differences(of_the_pipeline(case.run), case.outcome.figures) == []


def test_the_run_with_everything_has_everything(everything: Case) -> None:
    told = everything.outcome.figures
    assert told["knee"] == 8
    assert told["drift"][2] < 0.98
    assert len(told["curves"]) == 2 and len(told["ceilings"]) == 4
    assert told["curves"]["512"]["cached_ttft_ms"][0] is None
    assert None not in told["curves"]["128"]["of_bare_prefill"]
    assert told["cells"]["rag 1"]["outliers"] == 1
    assert told["cells"]["rag 1"]["delivered_on_time"] is True
    assert told["cells"]["agent 1"]["delivered_on_time"] is False
    assert told["cells"]["agent 1"]["joules_per_token"] is None
    assert "codegen 4" not in told["cells"]


def test_the_program_cannot_use_this_project() -> None:
    with pytest.raises(AssertionError, match="not to be used here"):
        perform(["import bench_pipeline.measures"], checkout().root)
    assert set(re.findall(r"^(?:import|from) (\w+)", "".join(CODES), re.MULTILINE)) == {
        *("statistics", "numpy", "yaml")
    }


def test_the_prose_quotes_no_digits_that_nothing_would_renew() -> None:
    prose = prose_of(TEXT).replace(run_file_of(TEXT), "")
    assert set(re.findall(r"\d[\d,]*\.\d+", prose)) <= OF_THE_METHOD


# What is printed against what is published


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with the document's run only, refreshed and built."""
    project = Project(tmp_path_factory.mktemp("published") / "project")
    shutil.copytree(checkout().content, project.content, ignore=shutil.ignore_patterns("runs"))
    path = Path(run_file_of(TEXT))
    (project.root / path).parent.mkdir(parents=True)
    shutil.copy(checkout().root / path, project.root / path)
    assert not refresh(project).rejected
    build_site(project.warehouse, project.site)
    return project


def test_the_program_gives_the_warehouse_s_figures(committed: Case, published: Project) -> None:
    names = ("decode_tok_s", "prefill_tok_s", "aggregate_tok_s", "ttft_ms")
    columns = [f"{name}{end}" for name in names for end in ("", "_lo", "_hi")]
    columns += ["n", "queue_ms", "itl_p99_ms", "joules_per_token", "clocks_agree"]
    with Warehouse(published.warehouse).read() as connection:
        rows = connection.execute(
            f"select workload, concurrency, {', '.join(columns)} from measurements "
            "where status = 'ok'"
        ).fetchall()
    told = committed.outcome.figures["cells"]
    assert {f"{row[0]} {row[1]}" for row in rows} == set(told)
    for workload, concurrency, *values in rows:
        cell = told[f"{workload} {concurrency}"]
        mine = [figure for name in names for figure in cell[name]]
        mine += [cell[name] for name in columns[12:]]
        assert differences(mine, values, f"{workload} {concurrency}") == []


def test_the_page_shows_the_digits_that_the_program_prints(
    committed: Case, published: Project
) -> None:
    shown = (published.site / "runs" / f"{committed.run.run_id}.html").read_text()
    lines = printed_table(committed.outcome)
    assert len(lines) == len(committed.outcome.figures["cells"])
    for (workload, concurrency), words in lines.items():
        anchor = f'<tr id="{workload}-{concurrency}">'
        row = shown.split(anchor)[1].split("</tr>")[0]
        texts = [html.unescape(text).strip() for text in re.split(r"<[^>]+>", row)]
        rest = [text for text in texts if text]
        for word in words:  # in this order, other columns between them
            assert word in rest, f"{workload} {concurrency}: {word} is not in {texts}"
            rest = rest[rest.index(word) + 1 :]


def printed_table(outcome: Outcome) -> dict[tuple[str, str], list[str]]:
    """The figures that step 6 prints, by cell, in the order of the page's columns."""
    (table,) = [output for output in outcome.outputs if output.lstrip().startswith("c ")]
    found = {}
    for line in table.splitlines()[1:]:
        workload, concurrency, n, rate, *rest = line.replace(" – ", "–").split()
        interval, *others = rest
        words = [concurrency, n, rate, interval.replace("–", " – "), *others]
        found[workload, concurrency] = [word for word in words if word != "-"]
    return found


# It is a test at all only if a change on either side shows

TAMPERED = [
    ('(r["received_tokens"] - 1)', 'r["received_tokens"]'),
    ('(r["output_tokens"] - 1) / r["server', '1.02 * r["output_tokens"] / r["server'),
    ('/ r["server_prompt_ms"]', '/ r["ttft_ms"]'),
    ('r["ttft_ms"] - r["server_prompt_ms"])', 'r["ttft_ms"] - 0.99 * r["server_prompt_ms"])'),
    ("[0.025, 0.975]", "[0.05, 0.95]"),
    ("seed=20261122", "seed=1"),
    ("seed=20261123", "seed=20261122"),
    ("[median(waves[number])", "[max(waves[number])"),
    ('d["complete"] and', ""),
    ("for d in devices) / sum(", "for d in devices) / 2 / sum("),
    ('["server_itl_p99_ms"] * 1.10 + 2.0', '["server_itl_p99_ms"] * 9.0 + 99.0'),
    ("reach = 3 *", "reach = 300 *"),
    ("growth < 0.05", "growth < 0.0"),
    ('if r["cached_tokens"]]', "]"),
    ('+ r["output_tokens"] / 2', '+ r["output_tokens"]'),
]


@pytest.mark.parametrize(("formula", "other"), TAMPERED)
def test_another_formula_in_the_document_shows(formula: str, other: str, tmp_path: Path) -> None:
    assert any(formula in code for code in CODES), "the document no longer says this"
    tampered = [code.replace(formula, other) for code in CODES]
    case = everything_by(tampered, tmp_path)
    assert differences(of_the_pipeline(case.run), case.outcome.figures)


@pytest.mark.parametrize(
    "formula",
    ["decode_tok_s", "prefill_tok_s", "queue_ms", "aggregate_tok_s", "joules_per_token"],
)
def test_another_formula_in_the_pipeline_shows(
    formula: str, committed: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(formulas, formula)

    def a_little_more(of: Any) -> float | None:
        value = real(of)
        return value and value * 1.00001

    assert cells_module.formulas is formulas
    monkeypatch.setattr(formulas, formula, a_little_more)
    assert differences(of_the_pipeline(committed.run), committed.outcome.figures)
