"""Quants of one model under one head: what they are called, and what cannot stand there."""

import shutil
from pathlib import Path

import pytest
import yaml

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import checkout
from bench_pipeline.records.yaml.model_files import Models, models_of, read_catalogue, read_model

ONE, TWO, THREE = ("a1" * 32, "b2" * 32, "c3" * 32)
HEAD = f"""\
family: Gemma-3
released: 2025-03
variant: 270m
creator: ggml-org
licence: Gemma
files:
  - quant: Q8_0
    parts: [{{source: hf:ggml-org/gemma, revision: abc, file: q8.gguf}}]
    file_name: gemma-3-270m-Q8_0.gguf
    sha256: {ONE}
    size_bytes: 300
  - quant: Q4_0
    parts: [{{source: hf:ggml-org/gemma, revision: abc, file: q4.gguf}}]
    file_name: gemma-3-270m-Q4_0.gguf
    sha256: {TWO}
    size_bytes: 150
  - slug: gemma-3-270m-q4_0-unsloth
    quant: Q4_0
    creator: unsloth
    parts: [{{source: hf:unsloth/gemma, revision: abc, file: q4.gguf}}]
    file_name: gemma-3-270m-Q4_0.gguf
    sha256: {THREE}
    size_bytes: 151
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(checkout().models, tmp_path / "models")
    (tmp_path / "models/gemma-3-270m.yaml").write_text(HEAD)
    return tmp_path / "models"


def refused(text: str, name: str = "models/gemma-3-270m.yaml") -> str:
    with pytest.raises(RecordError) as caught:
        models_of(text.encode(), Path(name))
    return str(caught.value)


def test_each_file_is_a_model_with_what_the_head_says(folder: Path):
    found = models_of(HEAD.encode(), folder / "gemma-3-270m.yaml")
    assert [(model.slug, model.creator, model.family) for model in found] == [
        ("gemma-3-270m-q8_0", "ggml-org", "Gemma-3"),
        ("gemma-3-270m-q4_0", "ggml-org", "Gemma-3"),
        ("gemma-3-270m-q4_0-unsloth", "unsloth", "Gemma-3"),
    ]


def test_they_stand_in_the_catalogue_beside_models_in_files_of_their_own(folder: Path):
    found, broken = read_catalogue(folder)
    assert broken == []
    declared = [yaml.safe_load(file.read_text()) for file in folder.glob("*.yaml")]
    assert len(found) == sum(len(each.get("files", "1")) for each in declared)
    (unsloth,) = read_model(folder, "gemma-3-270m-q4_0-unsloth") or []
    assert unsloth == found["gemma-3-270m-q4_0-unsloth"]
    assert read_model(folder, "gemma-3-270m-q2_k") is None
    named = {slug for slug, model in found.items() if model.is_named("gemma-3-270m@*")}
    assert named == {f"gemma-3-270m-{end}" for end in ("q4_0", "q4_0-unsloth", "q4_k_m", "q8_0")}
    named = {slug for slug, model in found.items() if model.is_named("*@Q4_0")}
    assert {"gemma-3-270m-q4_0", "gemma-3-270m-q4_0-unsloth"} == named


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (f"    sha256: {ONE}\n", "", "the key `files.0.sha256` is missing"),
        ("    file_name: gemma-3-270m-Q8_0.gguf\n", "", "the key `files.0.file_name` is missing"),
        (HEAD[HEAD.index("files:") :], "files: []\n", "at least 1 item"),
        (TWO, ONE, "stands here twice"),
        ("  - slug: gemma-3-270m-q4_0-unsloth\n    quant", "  - quant", "stands here twice"),
        ("slug: gemma-3-270m-q4_0-unsloth", "slug: unsloth", "`slug` begins with `gemma-3-270m-q4"),
        ("creator: ggml-org\n", "", "files.0.creator: Input should be a valid string"),
        ("Q8_0.gguf", "Q8_0-00002-of-00003.gguf", "that of a later shard"),
    ],
    ids=[
        *("no sum", "no file", "no quant", "one file twice", "one name twice"),
        *("a name of its own", "no maker", "a later shard"),
    ],
)
def test_what_cannot_stand_under_a_head_is_refused(old: str, new: str, told: str):
    assert old in HEAD
    assert told in refused(HEAD.replace(old, new, 1))


def test_a_file_has_one_head(folder: Path):
    other = HEAD.replace("270m", "270m-it")
    (folder / "gemma-3-270m-it.yaml").write_text(other)
    found, (clash,) = read_catalogue(folder)
    assert "declares a file that `gemma-3-270m-it-q8_0` is already: gemma-3-270m-q8_0" in str(clash)
    assert clash.where == folder / "gemma-3-270m.yaml"
    assert "gemma-3-270m-q4_0" not in found, "nothing of it is taken"
    own = folder / "qwen3-0.6b-q8_0.yaml"
    models = Models()
    models.add(own.read_bytes(), own)
    (sum_,) = (line[8:] for line in own.read_text().splitlines() if line.startswith("sha256: "))
    with pytest.raises(RecordError, match=r"`qwen3-0\.6b-q8_0` is already"):
        models.add(HEAD.replace(ONE, sum_).encode(), folder / "gemma-3-270m.yaml")
