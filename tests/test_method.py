"""The stranger's check: docs/method.md makes the page's figures without this project's code."""

import html
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.measures import cells as cells_module
from bench_pipeline.measures import formulas
from bench_pipeline.measures.comparison import JUDGED
from bench_pipeline.paths import Project, checkout
from bench_pipeline.warehouse.store import Warehouse
from tests.method_cases import (
    CODES,
    TEXT,
    Case,
    Everything,
    committed_case,
    differences,
    of_the_pipeline,
)
from tests.method_document import (
    COMMAND,
    Outcome,
    blocks_of,
    perform,
    prose_of,
    run_files_of,
)

OF_THE_METHOD = {"2.5", "97.5"}
"""Decimals that the prose may name: they belong to the method, not to the run."""


@pytest.fixture(scope="module")
def committed() -> Case:
    return committed_case()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    return Everything(tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module")
def by_document_and_tampered(files: Everything) -> list[Case]:
    """By the document's program, and by each that `TAMPERED` makes of it."""
    tampered = [[code.replace(*change) for code in CODES] for change in TAMPERED]
    return files.by(CODES, *tampered)


@pytest.fixture(scope="module")
def everything(by_document_and_tampered: list[Case]) -> Case:
    return by_document_and_tampered[0]


@pytest.fixture(scope="module")
def truth(everything: Case) -> dict[str, Any]:
    """What the pipeline says of everything."""
    return of_the_pipeline(everything)


@pytest.fixture(params=["committed", "everything"])
def case(request: pytest.FixtureRequest) -> Case:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_the_document_quotes_what_its_program_prints(committed: Case) -> None:
    quoted = [output for _, output in blocks_of(TEXT)]
    assert quoted == committed.outcome.outputs, f"run `{COMMAND}`"


def test_the_program_gives_the_pipeline_s_figures(case: Case) -> None:
    assert differences(of_the_pipeline(case), case.outcome.figures) == []


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
    session = told["session"]
    assert {(place[7:], cell["n"]) for place, cell in session["cells"].items()} == {("chat 1", 12)}
    verdicts = {place: said for place, (*_, said) in session["ratios"].items()}
    assert verdicts == {
        **{f"b10068 b10092 chat 1 {name}": "slower" for name in JUDGED},
        "b10092 b10434 chat 1 decode_tok_s": "no difference",
        "b10092 b10434 chat 1 prefill_tok_s": "undecided",
        "b10092 b10434 chat 1 ttft_ms": "undecided",
    }


def test_the_program_cannot_use_this_project() -> None:
    with pytest.raises(AssertionError, match="not to be used here"):
        perform(["import bench_pipeline.measures"], checkout().root)
    assert set(re.findall(r"^(?:import|from) (\w+)", "".join(CODES), re.MULTILINE)) == {
        *("csv", "json", "statistics", "numpy", "yaml")
    }


def test_the_prose_quotes_no_digits_that_nothing_would_renew() -> None:
    prose = prose_of(TEXT).replace(run_files_of(TEXT)[0], "")
    assert set(re.findall(r"\d[\d,]*\.\d+", prose)) <= OF_THE_METHOD


# What is printed against what is published


@pytest.fixture(scope="module")
def published(published_clone: tuple[Path, object]) -> Project:
    """With all committed runs, among them the document's."""
    return Project(published_clone[0])


def test_the_program_gives_the_warehouse_s_figures(committed: Case, published: Project) -> None:
    names = ("decode_tok_s", "prefill_tok_s", "aggregate_tok_s", "ttft_ms")
    columns = [f"{name}{end}" for name in names for end in ("", "_lo", "_hi")]
    columns += ["n", "queue_ms", "itl_p99_ms", "joules_per_token", "clocks_agree"]
    with Warehouse(published.warehouse).read() as connection:
        rows = connection.execute(
            f"select workload, concurrency, {', '.join(columns)} from measurements "
            "where status = 'ok' and run_id = ?",
            [committed.run.run_id],
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
        assert_in_order([concurrency, *words], row_of(shown, f"{workload}-{concurrency}"))


def row_of(page: str, cell: str) -> list[str]:
    """The words of a cell's row in a run's table, in order."""
    row = page.split(f'<tr id="{cell}">')[1].split("</tr>")[0]
    texts = [html.unescape(text).strip() for text in re.split(r"<[^>]+>", row)]
    return [text for text in texts if text]


def assert_in_order(words: list[str], shown: list[str]) -> None:
    """Each of the words, other columns between them."""
    rest = shown
    for word in words:
        assert word in rest, f"{word} of {words} is not in {shown}"
        rest = rest[rest.index(word) + 1 :]


def printed_table(outcome: Outcome) -> dict[tuple[str, str], list[str]]:
    """The figures that step 6 prints, by cell, in the order of the page's columns."""
    (table,) = [output for output in outcome.outputs if output.lstrip().startswith("c ")]
    found = {}
    for line in table.splitlines()[1:]:
        workload, concurrency, *figures = line.replace(" – ", "–").split()
        words = [figure.replace("–", " – ") for figure in figures]
        found[workload, concurrency] = [word for word in words if word != "-"]
    return found


# Builds measured in turns


def test_the_program_gives_the_warehouse_s_verdicts(committed: Case, published: Project) -> None:
    told = committed.outcome.figures["session"]
    runs = {run.engine.build: run for run in committed.session}
    session = committed.session[0].session
    assert session is not None
    assert {place.split()[0] for place in told["cells"]} == set(runs)
    with Warehouse(published.warehouse).read() as connection:
        for place, cell in told["cells"].items():
            build, workload, concurrency = place.split()
            ends = [f"{name}{end}" for name in JUDGED for end in ("", "_lo", "_hi")]
            row = connection.execute(
                f"select n, {', '.join(ends)} from measurements"
                " where run_id = ? and workload = ? and concurrency = ?",
                [runs[build].run_id, workload, int(concurrency)],
            ).fetchall()
            mine = [cell["n"], *(figure for name in JUDGED for figure in cell[name])]
            assert differences([mine], [list(one) for one in row], place) == []
        judged = connection.execute(
            "select build_before, build_after, workload, concurrency, metric, ratio, ratio_lo,"
            " ratio_hi, verdict from comparisons where verdict <> 'unjudged' and session_id = ?",
            [session.session_id],
        ).fetchall()
    neighbours = set(pairwise(runs))
    theirs = {" ".join(map(str, row[:5])): list(row[5:]) for row in judged if row[:2] in neighbours}
    assert len(theirs) == len(told["ratios"]) > 0
    assert differences(told["ratios"], theirs) == []


def test_the_pages_show_the_session_as_the_program_prints_it(
    committed: Case, published: Project
) -> None:
    *_, figures, verdicts = committed.outcome.outputs
    pages = {
        run.engine.build: (published.site / "runs" / f"{run.run_id}.html").read_text()
        for run in committed.session
    }
    for place in committed.outcome.figures["session"]["cells"]:
        build, workload, concurrency = place.split()
        (line,) = [line for line in figures.splitlines() if line.startswith(f"{place} ")]
        words = line.removeprefix(place).replace(" – ", "–").split()
        words = [word.replace("–", " – ") for word in words]
        assert len(words) == 5
        assert_in_order(words, row_of(pages[build], f"{workload}-{concurrency}"))
    trend = (published.site / "trends" / "shared-vm-2core-cpu.html").read_text()
    shown = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", trend)).split())
    said = [line.partition(" -> ")[2] for line in verdicts.splitlines() if " -> " in line]
    assert len(said) == len(committed.outcome.figures["session"]["ratios"])
    assert [words for words in said if words not in shown] == []


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
    ('setdefault(wave["server"]', 'setdefault(wave["server"] // 2'),
    ("zip(blocks[::2], blocks[1::2])", "zip(blocks, blocks)"),
    ("STUDENT[n - 3]", "STUDENT[n - 2]"),
    (" * (n / (n - 1)) ** 0.5", ""),
    ("/ ratio <= 0.01", "/ ratio <= 0.001"),
    ('-1 if name == "ttft_ms" else 1', "1"),
]


@pytest.mark.parametrize("number", range(len(TAMPERED)), ids=[there for there, _ in TAMPERED])
def test_another_formula_in_the_document_shows(
    number: int, by_document_and_tampered: list[Case], truth: dict[str, Any]
) -> None:
    formula, _ = TAMPERED[number]
    assert any(formula in code for code in CODES), "the document no longer says this"
    assert differences(truth, by_document_and_tampered[1 + number].outcome.figures)


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
    assert differences(of_the_pipeline(committed), committed.outcome.figures)
