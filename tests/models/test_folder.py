"""Models that are folders of safetensors: each file verified, and no other given to the engine."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.errors import ModelError, RecordError
from bench_pipeline.harness.carried.files import bring_in
from bench_pipeline.models.describing import describe
from bench_pipeline.models.fetch import fetch_model, is_on_disk
from bench_pipeline.progress import Silent
from bench_pipeline.records.model import ModelFile, sum_of_list
from bench_pipeline.records.yaml.files import parse_record
from tests.models.conftest import left_in, model_of

FILES = {
    "model.safetensors": bytes(range(256)) * 40,
    "config.json": b'{"model_type": "llama"}',
    "Tokenizer.json": b"{}",
}
FOLDER = "tiny-bf16.safetensors"


def written(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


def part(source: Path, name: str) -> dict[str, Any]:
    sha256, size = hashlib.sha256(FILES[name]).hexdigest(), len(FILES[name])
    return {"source": f"file:{source / name}", "size_bytes": size, "sha256": sha256}


def tiny(source: Path, **changes: Any) -> ModelFile:
    parts = [part(source, name) for name in FILES]
    sums = [(name, each["sha256"]) for name, each in zip(FILES, parts, strict=True)]
    known = {"file_name": FOLDER, "quant": "BF16", "sha256": sum_of_list(sums)}
    known |= {"size_bytes": sum(map(len, FILES.values())), "parts": parts}
    return model_of(b"", **known | changes)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return written(tmp_path / "source")


@pytest.fixture
def model(source: Path) -> ModelFile:
    return tiny(source)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_engine_is_given_a_folder_with_these_files_and_no_others(
    model: ModelFile, source: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert not is_on_disk(model, cache)
    folder = fetch_model(model, cache)
    assert (folder.name, read(folder)) == (FOLDER, FILES)
    assert is_on_disk(model, cache)
    for name in FILES:
        (source / name).unlink()
    assert fetch_model(model, cache) == folder  # nothing is asked for again


def test_what_somebody_left_in_the_folder_is_not_read(model: ModelFile, tmp_path: Path) -> None:
    folder = fetch_model(model, tmp_path / "cache")
    (folder / "generation_config.json").write_text('{"eos_token_id": 0}')
    (folder / "config.json").unlink()
    (folder / "config.json").write_text("{}")
    assert read(fetch_model(model, tmp_path / "cache")) == FILES


def test_a_file_that_changed_in_the_cache_is_fetched_again(
    model: ModelFile, tmp_path: Path
) -> None:
    folder = fetch_model(model, tmp_path / "cache")
    (folder / "config.json").write_text("{}" * 40)  # a link: the file itself
    assert read(fetch_model(model, tmp_path / "cache")) == FILES


def test_a_file_with_another_sum_is_named_and_there_is_no_folder(
    model: ModelFile, source: Path, tmp_path: Path
) -> None:
    (source / "Tokenizer.json").write_text("[]")
    with pytest.raises(ModelError, match=r"Tokenizer\.json from file:.* has sha256"):
        fetch_model(model, tmp_path / "cache")
    assert FOLDER not in {path.name for path in (tmp_path / "cache").rglob("*")}
    assert "Tokenizer.json" not in left_in(tmp_path / "cache")


def test_a_folder_that_was_carried_here_is_taken(
    model: ModelFile, source: Path, tmp_path: Path
) -> None:
    loose = written(tmp_path / "loose")
    for name in FILES:
        (source / name).unlink()
    bring_in(model, loose, tmp_path / "cache")
    assert read(fetch_model(model, tmp_path / "cache")) == FILES


def test_its_sum_is_what_sha256sum_says_of_the_list(source: Path, model: ModelFile) -> None:
    command = "LC_ALL=C sha256sum * | sha256sum"
    told = subprocess.run(command, shell=True, cwd=source, capture_output=True, text=True)
    assert told.stdout.split()[0] == model.sha256


def test_a_folder_describes_itself_as_the_catalogue_has_it(source: Path, model: ModelFile) -> None:
    (source / ".cache").mkdir()
    (source / ".gitattributes").write_text("")
    found = describe(f"file:{source}", Silent())
    assert (found.sha256, found.file_name) == (model.sha256, "source.safetensors")
    assert sorted(p.name for p in found.parts) == sorted(FILES)
    (source / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no \.safetensors"):
        describe(f"file:{source}", Silent())


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda parts: parts[1].pop("sha256"), "each part has its `sha256` and `size_bytes`"),
        (lambda parts: parts[1].pop("size_bytes"), "each part has its `sha256` and `size_bytes`"),
        (lambda parts: parts[1].update(sha256="0" * 64), "that of the list of all parts"),
        (lambda parts: parts.append(parts[1]), "two parts are called config.json"),
        (lambda parts: parts.pop(0), "no part is one"),
    ],
    ids=["no sum", "no size", "another sum", "twice", "no weights"],
)
def test_a_catalogue_entry_that_would_make_no_folder_is_refused(
    model: ModelFile, harm: Any, said: str
) -> None:
    entry = model.model_dump(mode="json", exclude={"slug"}, exclude_none=True)
    harm(entry["parts"])
    with pytest.raises(RecordError) as caught:
        parse_record(ModelFile, json.dumps(entry).encode(), Path("tiny.yaml"))
    assert said in caught.value.problem
