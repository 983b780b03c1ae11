import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.fetching import http as downloads
from bench_pipeline.paths import artefact_cache
from bench_pipeline.records.model import ModelFile
from tests.models.hub import Hub, running_hub

CONTENT = bytes(range(256)) * 20_000
"""5,120,000 bytes: some chunks of the copying loop."""

FILE = "/owner/repo/resolve/1234abc/weights/tiny.gguf"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(downloads, "RETRY_WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub() as hub:
        hub.files[FILE] = CONTENT
        monkeypatch.setenv("HF_ENDPOINT", hub.base)
        yield hub


def hub_part(file: str = "weights/tiny.gguf") -> dict[str, str]:
    return {"source": "hf:owner/repo", "revision": "1234abc", "file": file}


def model_of(content: bytes, *parts: dict[str, str], **changes: Any) -> ModelFile:
    """A catalogue entry whose size and sum are those of `content`."""
    entry = {
        "slug": "tiny",
        "family": "Tiny",
        "released": "2026-01",
        "variant": "5M",
        "quant": "F16",
        "creator": "tests",
        "licence": "Apache-2.0",
        "parts": parts or (hub_part(),),
        "file_name": "tiny.gguf",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
    }
    return ModelFile.model_validate(entry | changes)


def left_in(cache: Path) -> list[str]:
    """What a fetch left, the lock aside, sorted."""
    names = [path.name for path in cache.rglob("*") if path.is_file()]
    return sorted(name for name in names if not name.endswith(".lock"))


@pytest.fixture(scope="session")
def real_cache() -> Path:
    """The user's own cache: what is real and large is downloaded once per machine."""
    return artefact_cache()
