"""What several files here begin with."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.records.model import ModelFile
from tests.cli import benching
from tests.once import once


@pytest.fixture(scope="session")
def benched(
    tmp_path_factory: pytest.TempPathFactory,
    engine: InstalledEngine,
    small_model: tuple[ModelFile, Path],
) -> SimpleNamespace:
    """`benching.benched` with the small model: `clone` is its checkout, and `said` what is told of
    it. To be read and not changed."""
    folder = once(tmp_path_factory, "benched", lambda to: benching.benched(to, small_model[0]))
    said = json.loads((folder / "said.json").read_text())
    return SimpleNamespace(clone=folder / "clone", said=said)
