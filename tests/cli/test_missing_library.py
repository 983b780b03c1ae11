"""`python -m bench_pipeline bench` with a build that this system has not all libraries for."""

from pathlib import Path

import pytest
import yaml

from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.inventory.declare import declare_this_machine
from bench_pipeline.paths import Project
from tests.checkouts import as_on_a_new_machine, copy_checkout, run_in
from tests.engines.relinked import copy_of, link_anew, path_build


@pytest.fixture
def clone(tmp_path: Path, engine: InstalledEngine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose rig has a build of its own that lacks a library, and an empty cache."""
    # before it is declared: a machine without an id of its own is known by one that is kept there
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path / "cache"))
    copy = as_on_a_new_machine(copy_checkout(tmp_path / "clone"))
    project = Project(copy)
    rig, _ = declare_this_machine(project)
    binary = copy_of(engine, tmp_path / "build")
    link_anew(binary.parent / "libggml-base.so.0", "libgomp.so.1", "libgomp.so.9")
    catalogue = yaml.safe_load(project.engines.read_text())
    catalogue["paths"] = [path_build(binary, rig.slug).model_dump(mode="json")]
    project.engines.write_text(yaml.safe_dump(catalogue))
    return copy


def test_it_is_told_before_a_model_is_fetched_or_a_page_built(clone: Path, tmp_path: Path) -> None:
    done = run_in(clone, "python", "-m", "bench_pipeline", "bench")
    assert done.returncode == 1
    *_, problem, mend = done.stderr.splitlines()
    assert problem == "error: path mine: it lacks a library: libgomp.so.9"
    assert mend.startswith("  mend: install what holds libgomp.so.9")
    assert "Traceback" not in done.stderr
    assert "measured" not in done.stdout, "nor that all is measured"
    assert not (tmp_path / "cache" / "models").exists()
    assert not (clone / "site_out").exists()
