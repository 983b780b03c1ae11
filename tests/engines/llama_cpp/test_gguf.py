"""A model in shards, opened by the real engine."""

import hashlib

import httpx

from bench_pipeline.engines.llama_cpp.gguf import size_on_disk
from bench_pipeline.models.fetch import fetch_model
from tests.engines.llama_cpp.splitting import split_in_two
from tests.waiting import PATIENCE_S


def said(base_url: str) -> str:
    asked = {"prompt": "Rivers are", "n_predict": 8, "temperature": 0}
    return httpx.post(f"{base_url}/completion", json=asked, timeout=PATIENCE_S).json()["content"]


def test_the_engine_opens_shards_by_the_first_as_they_were_fetched(start, small_model, tmp_path):
    model, whole = small_model
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shards = split_in_two(whole, elsewhere, "small")
    joined = b"".join(shard.read_bytes() for shard in shards)
    entry = model.model_dump(mode="json") | {
        "parts": [{"source": f"file:{shard}"} for shard in shards],
        "file_name": shards[0].name,
        "sha256": hashlib.sha256(joined).hexdigest(),
        "size_bytes": len(joined),
    }
    path = fetch_model(type(model).model_validate(entry), tmp_path / "cache")
    with start(model=path) as server:
        answer = said(server.base_url)
    with start(model=whole) as server:
        assert said(server.base_url) == answer
    assert size_on_disk(path) == len(joined)


def test_what_is_not_there_has_no_size(tmp_path):
    assert size_on_disk(tmp_path / "m-00001-of-00002.gguf") == 0
