"""A server that was running before: asked by its own names, and left as it was found."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bench_pipeline.engines.dialects.families import FAMILIES, Named
from bench_pipeline.engines.dialects.lemonade import DIALECT as LEMONADE
from bench_pipeline.engines.dialects.ollama import DIALECT as OLLAMA
from bench_pipeline.engines.dialects.protocol import Unlike
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.engines.others.found import FoundServer
from bench_pipeline.engines.others.locating import installed
from bench_pipeline.errors import EngineError
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import EngineSetup
from tests.stand_ins import answering

SHA256 = "ab" * 32
MODEL = ModelFile.model_construct(slug="tiny-q8_0", file_name="tiny.gguf", sha256=SHA256)
NOW_AND_THEN, FOR_EVER = "2026-11-27T12:05:00Z", "2318-03-01T00:00:00Z"


def server_of(engine: InstalledEngine, tmp_path: Path) -> FoundServer:
    log = tmp_path / "log"
    return FoundServer(engine, model=MODEL, slots=4, context_tokens_per_slot=256, log_path=log)


class Ollama:
    """What it answers, by its documentation, and what it has loaded."""

    def __init__(self, loaded: dict[str, str], sha256: str = SHA256, version: str = "0.34") -> None:
        self.loaded, self.sha256, self.version = dict(loaded), sha256, version

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json() if request.can_read_body else {}
        told: Any = {}
        if request.path == "/api/version":
            told = {"version": self.version}
        elif request.path == "/api/ps":
            told = {"models": [{"name": n, "expires_at": e} for n, e in self.loaded.items()]}
        elif request.path == "/api/show":
            told = {
                "modelfile": f"# Modelfile\nFROM /home/o/blobs/sha256-{self.sha256}\nPARAMETER x"
            }
        elif request.path == "/api/generate" and asked.get("keep_alive") == 0:
            self.loaded.pop(asked["model"])
            told = {"done_reason": "unload"}
        elif request.path == "/api/generate":
            stays = asked.get("keep_alive") == -1
            self.loaded[asked["model"]] = FOR_EVER if stays else NOW_AND_THEN
            told = {"done_reason": "load"}
        return web.json_response(told)

    @contextmanager
    def found(self, tmp_path: Path, version: str = "0.34") -> Iterator[FoundServer]:
        with answering("*", "/{path:.*}", self.answer) as base_url:
            setup = EngineSetup(
                family="ollama",
                version=version,
                base_url=base_url,
                models={"tiny-q8_0": "tiny:8"},
                ready="/v1/models",
            )
            engine = installed(setup, tmp_path)
            yield server_of(engine, tmp_path)


def test_what_it_had_loaded_it_has_again_and_ours_is_gone(tmp_path: Path) -> None:
    before = {"theirs:1": NOW_AND_THEN, "pinned:1": FOR_EVER}
    ollama = Ollama(before)
    with ollama.found(tmp_path) as server:
        with server as running:
            assert running.alive() and running.log_lines() == []
            ollama.loaded = {"tiny:8": NOW_AND_THEN}  # it had room for one
        assert ollama.loaded == before


def test_a_model_of_ours_that_was_there_before_stays(tmp_path: Path) -> None:
    ollama = Ollama({"tiny:8": FOR_EVER})
    with ollama.found(tmp_path) as server, server:
        pass
    assert ollama.loaded == {"tiny:8": FOR_EVER}


@pytest.mark.parametrize(
    ("ollama", "says"),
    [(Ollama({}, version="0.30"), "version 0.30"), (Ollama({}, sha256="cd" * 32), "another file")],
    ids=["version", "weights"],
)
def test_another_version_or_other_weights_are_refused(
    tmp_path: Path, ollama: Ollama, says: str
) -> None:
    with ollama.found(tmp_path) as server, pytest.raises(EngineError, match=says) as refused:
        server.__enter__()
    assert refused.value.kind == "refused"


def test_its_process_is_watched_and_its_address_told(tmp_path: Path) -> None:
    with Ollama({}).found(tmp_path) as server:
        assert server.watched_pid == os.getpid()  # which serves the stand-in
        assert server.public_argv[:2] == ["found", "--at"]
        assert server.public_argv[2].startswith("127.0.0.1:") and "tiny:8" in server.public_argv


def test_nobody_there_is_told(tmp_path: Path) -> None:
    setup = EngineSetup(
        family="ollama", version="1", base_url="http://127.0.0.1:9", models={"tiny-q8_0": "x"}
    )
    server = server_of(installed(setup, tmp_path), tmp_path)
    with pytest.raises(EngineError, match="nobody answers"):
        server.__enter__()


def test_a_server_of_several_models_is_told_which() -> None:
    named: Any = Named(OLLAMA, "tiny:8")
    body = named.body([], 8, cached=False)
    assert (body["model"], body["stream"], named.head_tokens) == ("tiny:8", True, 16)


def test_lemonade_pins_again_what_was_pinned() -> None:
    asked: list[Any] = []

    def ask(method: str, path: str, body: Any) -> dict[str, Any]:
        asked.append((path, body))
        return {"all_models_loaded": [{"model_name": "a", "pinned": True}, {"model_name": "b"}]}

    assert LEMONADE.keeper is not None
    assert LEMONADE.keeper.loaded(ask) == {"a": True, "b": False}
    LEMONADE.keeper.load(ask, "a", True)
    LEMONADE.keeper.load(ask, "b", False)
    assert asked[1:] == [
        ("/v1/load", {"model_name": "a", "pinned": True}),
        ("/v1/load", {"model_name": "b"}),
    ]
    with pytest.raises(Unlike):
        LEMONADE.keeper.loaded(lambda *_: {})


FOUND = {"family": "ollama", "version": "1", "models": {"m": "m"}}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"base_url": "http://10.0.0.7:11434"}, "another machine"),
        ({"base_url": "http://localhost.evil.example:80"}, "another machine"),
        ({"base_url": "http://127.0.0.1:1", "models": {}}, "`models` says"),
        (
            {"base_url": "http://127.0.0.1:1", "command": ["x", "{model}", "{port}"]},
            "`command`, or",
        ),
        ({}, "`command`, or"),
        ({"command": ["x", "{model}", "{port}"]}, "are of an engine that is running"),
    ],
    ids=str,
)
def test_a_rig_file_says_where_it_is_and_what_it_calls_our_models(
    changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        EngineSetup.model_validate(FOUND | changes)


def test_another_machine_is_taken_where_the_rig_file_says_so(tmp_path: Path) -> None:
    there = {"base_url": "http://10.0.0.7:11434", "elsewhere": True, "models": {"tiny-q8_0": "m"}}
    engine = installed(EngineSetup.model_validate(FOUND | there), tmp_path)
    server = server_of(engine, tmp_path)
    assert server.watched_pid is None and "10.0.0.7" not in " ".join(server.public_argv)
    assert engine.channel == "found" and FAMILIES[engine.name] is OLLAMA
