"""The command line's answers to wrong choices: what is wrong, what to choose, no traceback."""

from pathlib import Path

import pytest

from bench_pipeline.cli import commands
from bench_pipeline.cli.commands import main
from bench_pipeline.paths import Project
from tests.checkouts import copy_checkout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path / "clone")


@pytest.mark.parametrize(
    ("options", "problem", "mend"),
    [
        (["--model", "gpt-9"], "no model `gpt-9`", "smollm2-135m-instruct-q4_1"),
        (["--backend", "abacus"], "declares no backend `abacus`", "choose from: cpu"),
        (["--build", "yesterday"], "unknown build `yesterday`", "b10434"),
        (["--mode", "turbo"], "no mode `turbo`", "baseline, reasoning-off, draft-<model"),
        (["--mode", "draft-gpt-9"], "no model `gpt-9`", "smollm2-135m-instruct-q4_1"),
        (["--mode", "reasoning-off"], "smollm2-135m-instruct-q4_1 does not reason", "baseline"),
    ],
)
def test_a_wrong_choice_is_answered_with_the_right_ones(
    project: Project,
    options: list[str],
    problem: str,
    mend: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(commands, "checkout", lambda: project)
    assert main(["bench", *options]) == 1
    said = capsys.readouterr().err
    error = said[said.index("error: ") :]
    assert problem in error.splitlines()[0]
    assert error.splitlines()[1].startswith("  mend: ")
    assert mend in error.splitlines()[1]
    assert len(error.splitlines()) == 2
    assert not project.dagster_home.exists()


@pytest.mark.parametrize(
    "options", [[], ["bench", "--profile", "slow"], ["bench", "--concurrency", "0"]]
)
def test_a_wrong_option_is_answered_with_the_usage(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(options)
    assert left.value.code == 2
    assert "usage: python -m bench_pipeline" in capsys.readouterr().err
