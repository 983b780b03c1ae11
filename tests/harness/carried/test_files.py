"""A model that was carried beside the plan is used as if it had been fetched."""

from hashlib import sha256
from pathlib import Path

import pytest

from bench_pipeline.errors import BenchError
from bench_pipeline.harness.carried.files import bring_in
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.records.model import ModelFile, ModelPart

CONTENT = b"GGUF and what follows" * 100


@pytest.fixture
def model() -> ModelFile:
    return ModelFile(
        slug="tiny",
        family="Tiny",
        released="2026-01",
        variant="1k",
        quant="Q8_0",
        creator="nobody",
        licence="Apache-2.0",
        parts=[ModelPart(source="file:/nowhere/tiny.gguf")],
        file_name="tiny.gguf",
        sha256=sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
    )


def test_it_is_found_where_it_lies_loose(model: ModelFile, tmp_path: Path):
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    bring_in(model, tmp_path, tmp_path / "cache")
    assert fetch_model(model, tmp_path / "cache").read_bytes() == CONTENT
    (tmp_path / "tiny.gguf").write_bytes(b"x")  # what is there already stays
    bring_in(model, tmp_path, tmp_path / "cache")


def test_a_damaged_one_is_not_used(model: ModelFile, tmp_path: Path):
    (tmp_path / "tiny.gguf").write_bytes(CONTENT.replace(b"GGUF", b"gguf"))
    bring_in(model, tmp_path, tmp_path / "cache")
    with pytest.raises(BenchError, match="cannot be read"):
        fetch_model(model, tmp_path / "cache")
    assert (tmp_path / "tiny.gguf").exists()


def test_nothing_is_carried_and_nothing_happens(model: ModelFile, tmp_path: Path):
    bring_in(model, tmp_path, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []
