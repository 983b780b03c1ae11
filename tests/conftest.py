"""What every test may use: a project of its own, the real engine, a real small model.

The engine and the model come through our own channels into the user's artefact cache, so
that a second test run, and a benchmark, find them there.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from bench_pipeline.harness.rig_lock import LOCK_VARIABLE
from bench_pipeline.paths import Project, artefact_cache, checkout
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.yaml.files import read_engines, read_models

SMALL_MODEL = "smollm2-135m-instruct-q4_1"


def pytest_configure(config: pytest.Config) -> None:
    """A rig's lock for this process and all that it starts: the machine's own belongs to real
    benchmarks, and tests in other processes have theirs."""
    folder = tempfile.mkdtemp(prefix="bench_pipeline-lock-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ[LOCK_VARIABLE] = str(Path(folder) / "rig.lock")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A checkout's content, without any run."""
    project = Project(tmp_path / "checkout")
    ignored = shutil.ignore_patterns("runs")
    shutil.copytree(checkout().content, project.content, ignore=ignored)
    project.runs.mkdir(parents=True)
    return project


@pytest.fixture(scope="session")
def test_rig() -> Rig:
    """This machine, as a rig that no file declares."""
    return Rig(slug="test-rig", title="The machine under test", backends={"cpu": BackendSetup()})


@pytest.fixture(scope="session")
def engine(test_rig: Rig):
    """The newest build that this machine's CPU can run."""
    from bench_pipeline.engines.builds.catalogue import choose
    from bench_pipeline.engines.builds.host import this_host
    from bench_pipeline.engines.builds.install import install

    choice = choose(read_engines(checkout().engines), test_rig, "cpu", None, this_host())
    return install(choice, artefact_cache())


@pytest.fixture(scope="session")
def small_model() -> tuple[ModelFile, Path]:
    """SmolLM2-135M, 98 MB, and where it lies."""
    from bench_pipeline.models.fetch import fetch_model

    model = read_models(checkout().models)[SMALL_MODEL]
    return model, fetch_model(model, artefact_cache())
