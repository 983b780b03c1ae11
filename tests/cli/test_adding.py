"""`python -m bench_pipeline add-model`, of a hub that answers as the real one's API does, of the
disk and of an address; the model is a real one."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from bench_pipeline.cli import commands
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.models.gguf_header import read_header
from bench_pipeline.paths import Project
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.yaml.model_files import read_models
from tests.conftest import LAYERS
from tests.models.hub import Hub, running_hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "somebody/SmolLM2-135M-Instruct-GGUF"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHARDS = [f"big/Big-7B-Q8_0-{n:05}-of-00002.gguf" for n in (1, 2)]
SLUG = "smollm2-135m-instruct.q4_1"


@pytest.fixture
def content(small_model: tuple[ModelFile, Path]) -> bytes:
    """The beginning of a real model: header, vocabulary and a few weights."""
    with small_model[1].open("rb") as file:
        return file.read(3 * 2**20)


@pytest.fixture
def hub(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.base)
        stored = {FILE: content, SHARDS[0]: content[:500_000], SHARDS[1]: content[500_000:700_000]}
        siblings = [
            {
                "rfilename": name,
                "size": len(data),
                "lfs": {"sha256": sha256(data).hexdigest(), "size": len(data)},
            }
            for name, data in stored.items()
        ]
        page = {
            "sha": COMMIT,
            "createdAt": "2024-11-05T10:00:00.000Z",
            "cardData": {"license": "apache-2.0"},
            "siblings": [{"rfilename": "README.md", "size": 10}, *siblings],
        }
        hub.files[f"/api/models/{REPO}/revision/main?blobs=true"] = json.dumps(page).encode()
        for name, data in stored.items():
            hub.files[f"/{REPO}/resolve/{COMMIT}/{name}"] = data
        yield hub


@pytest.fixture
def add(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(commands, "checkout", lambda: project)

    def adding(*words: str) -> int:
        return commands.main(["add-model", *words])

    return adding


def test_a_model_of_the_hub_is_pinned_named_and_can_be_fetched(
    add, hub: Hub, content: bytes, project: Project, tmp_path: Path, capsys
) -> None:
    assert add(f"hf:{REPO}/{FILE}") == 0
    model = read_models(project.models)[SLUG]
    assert (model.family, model.variant, model.quant) == ("SmolLM2", "135M-Instruct", "Q4_1")
    assert (model.licence.lower(), model.creator) == ("apache-2.0", "somebody")
    assert model.released == "2024-11"
    assert model.parts[0].revision == COMMIT
    assert (model.size_bytes, model.sha256) == (len(content), sha256(content).hexdigest())
    said = capsys.readouterr()
    assert f"# By the file's own header: architecture llama, layers {LAYERS}" in said.out
    assert f"make bench MODEL={SLUG}" in said.out
    assert "`released` is the month in which" in said.err
    assert fetch_model(model, tmp_path / "cache").read_bytes() == content


def test_shards_are_found_and_stay_shards(add, hub: Hub, content: bytes, project: Project) -> None:
    assert add(f"hf:{REPO}/{SHARDS[0]}", "--family", "Big") == 0
    model = read_models(project.models)["big-7b-q8_0"]
    assert [part.file for part in model.parts] == SHARDS
    assert [part.size_bytes for part in model.parts] == [500_000, 200_000]
    assert model.sha256 == sha256(content[:700_000]).hexdigest()
    assert len(model.file_names) == 2


@pytest.mark.parametrize("kind", ["file", "url"])
def test_a_model_of_the_disk_or_an_address_is_hashed(
    add, kind: str, hub: Hub, content: bytes, project: Project, tmp_path: Path
) -> None:
    hub.files[f"/{FILE}"] = content
    (tmp_path / FILE).write_bytes(content)
    source = {"file": f"file:{tmp_path / FILE}", "url": f"url:{hub.base}/{FILE}"}[kind]
    assert add(source, "--released", "2024-11", "--creator", "me", "--licence", "MIT") == 0
    model = read_models(project.models)[SLUG]
    assert model.parts[0].source == source
    assert (model.size_bytes, model.sha256) == (len(content), sha256(content).hexdigest())


def test_what_cannot_be_is_one_clear_error(add, hub: Hub, project: Project, capsys) -> None:
    for source, problem, mend in (
        (f"hf:{REPO}/other.gguf", "has no file other.gguf", FILE),
        ("hf:nobody/nothing/x.gguf", "no such file on the server (404)", "correct owner, repo"),
        ("ollama:llama3", "no source that is known here", "hf:owner/repo/file.gguf"),
        ("file:/nowhere/x.gguf", "cannot be read", "correct the path"),
    ):
        assert add(source) == 1
        said = capsys.readouterr().err
        assert problem in said and mend in said and "Traceback" not in said
    hub.answers = [403]
    assert add(f"hf:{REPO}/{FILE}") == 1
    assert "HF_TOKEN" in capsys.readouterr().err
    assert add(f"hf:{REPO}/{FILE}") == 0
    assert add(f"hf:{REPO}/{FILE}") == 1
    assert "is there already" in capsys.readouterr().err


def test_a_header_is_read_as_far_as_it_goes(content: bytes) -> None:
    short = read_header(content[:5000])
    assert short["general.architecture"] == "llama"
    assert short["llama.block_count"] == LAYERS
    assert short.items() <= read_header(content).items()
    with pytest.raises(ValueError, match="does not begin"):
        read_header(b"PK\x03\x04" + bytes(100))
