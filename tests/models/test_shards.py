"""Models that are published in shards: kept as shards, checked one by one and together."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.errors import ModelError, RecordError
from bench_pipeline.models.fetch import fetch_model, is_on_disk
from bench_pipeline.records.model import ModelFile, shard_names
from bench_pipeline.records.yaml.files import parse_record
from tests.models.conftest import CONTENT, hub_part, left_in, model_of
from tests.models.hub import Hub

CUTS = (0, 1_900_000, 3_000_000, len(CONTENT))
PIECES = [CONTENT[a:b] for a, b in pairwise(CUTS)]
NAMES = [f"giant-Q4-0000{n}-of-00003.gguf" for n in (1, 2, 3)]


def published(hub: Hub, names: list[str] = NAMES) -> None:
    for name, piece in zip(names, PIECES, strict=True):
        hub.files[f"/owner/repo/resolve/1234abc/Q4/{name}"] = piece


def sums(piece: bytes) -> dict[str, Any]:
    return {"size_bytes": len(piece), "sha256": hashlib.sha256(piece).hexdigest()}


def giant(*, each: bool = True, **changes: Any) -> ModelFile:
    """A model in three shards; `each`: with size and sum of every one."""
    parts = [
        hub_part(f"Q4/{name}") | (sums(piece) if each else {})
        for name, piece in zip(NAMES, PIECES, strict=True)
    ]
    return model_of(CONTENT, **{"parts": parts, "file_name": NAMES[0]} | changes)


@pytest.mark.parametrize("each", [True, False])
def test_shards_lie_side_by_side_and_the_engine_is_given_the_first(
    hub: Hub, tmp_path: Path, each: bool
) -> None:
    published(hub)
    model = giant(each=each)
    assert not is_on_disk(model, tmp_path)
    path = fetch_model(model, tmp_path)
    assert path.name == NAMES[0]
    assert [(path.parent / name).read_bytes() for name in NAMES] == PIECES
    assert left_in(tmp_path) == sorted([*NAMES, *(f"{name}.verified" for name in NAMES)])
    assert is_on_disk(model, tmp_path)
    asked = len(hub.seen)
    assert fetch_model(model, tmp_path) == path
    assert len(hub.seen) == asked


def test_a_cut_in_a_later_shard_is_taken_up_there(hub: Hub, tmp_path: Path) -> None:
    published(hub)
    hub.cuts = [len(PIECES[0]), len(PIECES[1]), 1_200_000, 0, 0, 0, 0]
    with pytest.raises(ModelError, match="stopped at 1,200,000 bytes"):
        fetch_model(giant(), tmp_path)
    assert not (tmp_path / "models" / "tiny" / NAMES[0]).exists()
    hub.seen.clear()
    path = fetch_model(giant(), tmp_path)
    assert [path_asked[-22:] for path_asked, _ in hub.seen] == [NAMES[2][-22:]]
    assert hub.asked_ranges == ["bytes=1200000-"]
    assert [(path.parent / name).read_bytes() for name in NAMES] == PIECES


def test_a_damaged_shard_is_named_and_it_alone_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    published(hub)
    right = PIECES[1]
    hub.files[f"/owner/repo/resolve/1234abc/Q4/{NAMES[1]}"] = b"X" + right[1:]
    with pytest.raises(ModelError, match=f"{NAMES[1]} from hf:owner/repo has sha256"):
        fetch_model(giant(), tmp_path)
    hub.files[f"/owner/repo/resolve/1234abc/Q4/{NAMES[1]}"] = right
    hub.seen.clear()
    fetch_model(giant(), tmp_path)
    assert [asked.rsplit("/", 1)[1] for asked, _ in hub.seen] == NAMES[1:]


def test_a_shard_of_another_size_is_refused_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    published(hub)
    hub.files[f"/owner/repo/resolve/1234abc/Q4/{NAMES[0]}"] = PIECES[0][:-1]
    with pytest.raises(ModelError, match=r"has 1,899,999 bytes, the catalogue says 1,900,000"):
        fetch_model(giant(), tmp_path)


def test_shards_that_are_right_alone_but_not_together_are_refused(hub: Hub, tmp_path: Path) -> None:
    published(hub)
    with pytest.raises(ModelError, match="0" * 64):
        fetch_model(giant(sha256="0" * 64), tmp_path)
    assert left_in(tmp_path) == []


def test_a_shard_that_changed_or_went_missing_in_the_cache_is_noticed(
    hub: Hub, tmp_path: Path
) -> None:
    published(hub)
    path = fetch_model(giant(), tmp_path)
    for harm in (
        lambda: (path.parent / NAMES[2]).write_bytes(b"X" + PIECES[2][1:]),
        lambda: (path.parent / NAMES[1]).unlink(),
    ):
        harm()
        assert fetch_model(giant(), tmp_path) == path
        assert [(path.parent / name).read_bytes() for name in NAMES] == PIECES


def test_shards_put_there_by_hand_are_hashed_once_and_kept(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    for name, piece in zip(NAMES, PIECES, strict=True):
        (folder / name).write_bytes(piece)
    fetch_model(giant(), tmp_path)
    assert hub.seen == []


def test_the_names_of_shards_are_told_from_the_first() -> None:
    first, second = "m-00001-of-00002.gguf", "m-00002-of-00002.gguf"
    assert shard_names(first) == [first, second]
    for name in ("m.gguf", "m-1-of-2.gguf", "m-00001-of-00000.gguf", "m-00001-of-00002.gguf.part0"):
        assert shard_names(name) == [name]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"file_name": NAMES[1]}, "a later shard; giant-Q4-00001-of-00003.gguf is first"),
        ({"file_name": "giant-Q4-00001-of-00004.gguf"}, "tells of 4 shards, `parts` has 3"),
        ({"file_name": "giant.gguf"}, "is a shard, which must not be joined"),
        (
            {"parts": [hub_part(f"Q4/{NAMES[n]}") for n in (0, 2, 1)]},
            "part 2 is giant-Q4-00003-of-00003.gguf: out of order",
        ),
        ({"size_bytes": 7}, "that of all parts together 5,120,000"),
    ],
)
def test_a_catalogue_entry_that_would_make_no_model_is_refused(changes, said: str) -> None:
    entry = giant().model_dump(mode="json", exclude={"slug"}) | changes

    with pytest.raises(RecordError) as caught:
        parse_record(ModelFile, json.dumps(entry).encode(), Path("tiny.yaml"))
    assert said in caught.value.problem


def test_names_where_shards_come_from_may_be_others(hub: Hub, tmp_path: Path) -> None:
    for number, piece in enumerate(PIECES):
        hub.files[f"/blob/{number}"] = piece
    parts = [{"source": f"url:{hub.base}/blob/{number}"} for number in range(3)]
    path = fetch_model(giant(parts=parts), tmp_path)
    assert [(path.parent / name).read_bytes() for name in NAMES] == PIECES
