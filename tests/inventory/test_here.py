"""Who measures as a rig is that rig: by `python -m bench_pipeline.harness` as by Dagster."""

import pytest

from bench_pipeline.harness import __main__ as harness
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import read_rigs


@pytest.fixture(autouse=True)
def _this_checkout(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "checkout", lambda: project)


def test_another_machine_s_rig_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--rig", "gaming-desktop", "--backend", "cuda"]
    assert harness.main([*asked, "--model", "smollm2-135m-instruct-q4_1"]) == 1
    said = capsys.readouterr().err
    assert "not `gaming-desktop`" in said
    assert "mend: do it on `gaming-desktop`" in said


def test_a_machine_without_dagster_declares_itself_once(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    harness.main(["--declare"])
    first = capsys.readouterr().out
    harness.main(["--declare"])
    again = capsys.readouterr().out
    assert again.splitlines()[-1] == first.splitlines()[-1]
    slug = again.split("--rig ")[1].split()[0]
    assert slug in read_rigs(project.rigs)


def test_what_is_needed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        harness.main(["--rig", "x"])
    assert "needed: --backend, --model; or --declare" in capsys.readouterr().err
