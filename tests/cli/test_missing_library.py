"""`python -m bench_pipeline bench` with a build that this system has not all libraries for."""

from pathlib import Path

import pytest
import yaml

from bench_pipeline.cli import commands
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.paths import Project
from tests.defs.assets.conftest import HERE, be_here
from tests.engines.relinked import copy_of, link_anew, path_build


@pytest.fixture
def lacking(
    project: Project, tmp_path: Path, engine: InstalledEngine, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A checkout whose rig has a build of its own that lacks a library, and an empty cache."""
    monkeypatch.setattr(commands, "checkout", lambda: project)
    monkeypatch.setenv("DAGSTER_HOME", "")  # put back afterwards, whatever is set meanwhile
    # before it is named: a machine without an id of its own is known by one that is kept there
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path / "cache"))
    be_here(project)  # in this process Dagster knows the rigs that it began with
    binary = copy_of(engine, tmp_path / "build")
    link_anew(binary.parent / "libggml-base.so.0", "libgomp.so.1", "libgomp.so.9")
    catalogue = yaml.safe_load(project.engines.read_text())
    catalogue["paths"] = [path_build(binary, HERE).model_dump(mode="json")]
    project.engines.write_text(yaml.safe_dump(catalogue))
    return project


def test_it_is_told_before_a_model_is_fetched_or_a_page_built(
    lacking: Project, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(["bench"]) == 1
    stdout, stderr = capfd.readouterr()
    *_, problem, mend = stderr.splitlines()
    assert problem == "error: path mine: it lacks a library: libgomp.so.9"
    assert mend.startswith("  mend: install what holds libgomp.so.9")
    assert "Traceback" not in stderr
    assert "measured" not in stdout, "nor that all is measured"
    assert not (tmp_path / "cache" / "models").exists()
    assert not lacking.site.exists()
