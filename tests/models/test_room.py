"""Which models' files may go from a rig's disk, and which never."""

import os
from pathlib import Path

import pytest

from bench_pipeline.errors import ModelError
from bench_pipeline.harness.disk import after_making
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.models import room
from bench_pipeline.models.fetch import fetch_model, is_on_disk, model_path
from bench_pipeline.models.room import in_use, make_room, remove
from bench_pipeline.paths import Project
from bench_pipeline.progress import Silent
from bench_pipeline.records.model import ModelFile
from tests.models.conftest import CONTENT, FILE, model_of
from tests.models.hub import Hub


class Told(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def there(hub: Hub, cache: Path, slug: str = "tiny", used_at: float = 0) -> ModelFile:
    model = model_of(CONTENT, slug=slug)
    with in_use([model], cache):
        fetch_model(model, cache)
    os.utime(cache / "models" / f"{slug}.in-use", (used_at, used_at))
    return model


def test_what_can_be_had_again_goes_and_comes_again(hub: Hub, tmp_path: Path):
    model = there(hub, tmp_path)
    assert remove(model, tmp_path) == len(CONTENT)
    assert not is_on_disk(model, tmp_path)
    assert fetch_model(model, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("gone", ["file", "other size", "whole hub"])
def test_what_its_source_does_not_offer_stays(hub: Hub, tmp_path: Path, monkeypatch, gone: str):
    model = there(hub, tmp_path)
    if gone == "file":
        del hub.files[FILE]
    elif gone == "other size":
        hub.files[FILE] = CONTENT[1:]
    else:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="tiny stays on this disk: it cannot be had again"):
        remove(model, tmp_path)
    assert is_on_disk(model, tmp_path)


def test_what_is_in_use_stays(hub: Hub, tmp_path: Path):
    model = there(hub, tmp_path)
    with in_use([model], tmp_path), pytest.raises(ModelError, match="it is in use"):
        remove(model, tmp_path)
    assert remove(model, tmp_path)


def test_what_is_not_the_catalogue_s_file_stays(hub: Hub, tmp_path: Path):
    model = there(hub, tmp_path)
    model_path(model, tmp_path).write_bytes(CONTENT[::-1])
    with pytest.raises(ModelError, match="not proven to be what the catalogue says"):
        remove(model, tmp_path)


def test_a_file_of_this_machine_goes_only_while_the_original_is_there(tmp_path: Path):
    original, cache = tmp_path / "original.gguf", tmp_path / "cache"
    original.write_bytes(CONTENT)
    model = model_of(CONTENT, {"source": f"file:{original}"})
    fetch_model(model, cache)
    original.rename(tmp_path / "elsewhere.gguf")
    with pytest.raises(ModelError, match="cannot be had again"):
        remove(model, cache)
    (tmp_path / "elsewhere.gguf").rename(original)
    assert remove(model, cache)


def test_room_is_made_by_what_was_used_longest_ago_and_by_no_more(
    hub: Hub, tmp_path: Path, monkeypatch
):
    old, older, new = (
        there(hub, tmp_path, slug, used_at)
        for slug, used_at in (("old", 200), ("older", 100), ("new", 300))
    )
    wanted, told = model_of(CONTENT, slug="wanted"), Told()
    sizes = {slug: len(CONTENT) for slug in ("old", "older", "new")}

    def free(cache: Path) -> int:
        gone = sum(not (cache / "models" / slug / "tiny.gguf").exists() for slug in sizes)
        return len(CONTENT) * gone - 1000 + spare

    monkeypatch.setattr(room, "_free", free)
    spare = 0
    make_room(wanted, tmp_path, [old, older, new, wanted], told)
    assert [is_on_disk(model, tmp_path) for model in (older, old, new)] == [False, False, True]
    assert told.lines[0] == "Removed older, the least recently used, for wanted"
    spare = -10 * len(CONTENT)  # all of them would not be enough
    make_room(wanted, tmp_path, [old, older, new], told)
    assert is_on_disk(new, tmp_path)


def test_a_model_is_dropped_once_nothing_that_is_left_lacks_it(
    hub: Hub, tmp_path: Path, monkeypatch
):
    model, cache, told = there(hub, tmp_path), tmp_path, Told()
    monkeypatch.setattr("bench_pipeline.harness.disk.known_model", lambda *_: model)
    item = PlanItem("rig", "cpu", "b1", "tiny", model.sha256, disk_policy="drop-after")
    kept = PlanItem("rig", "cpu", "b1", "tiny", model.sha256)
    drafted = PlanItem("rig", "cpu", "b2", "other", model.sha256, mode="draft-tiny")
    project = Project(tmp_path)
    for done, left in ((item, [item]), (item, [drafted]), (kept, [])):
        after_making(done, left, project, cache, told)
        assert is_on_disk(model, cache)
    after_making(item, [], project, cache, told)
    assert not is_on_disk(model, cache)
    assert told.lines == ["Dropped tiny: nothing lacks it, 0.0 GB are free again"]
