"""What is started by a rig file's command: what it is given, what it must prove, how it ends."""

import sys
from pathlib import Path

import pytest

from bench_pipeline.engines.dialects.families import FAMILIES
from bench_pipeline.engines.dialects.plain import PlainDialect
from bench_pipeline.engines.dialects.protocol import Ask, Proof
from bench_pipeline.engines.others.locating import installed, locate
from bench_pipeline.engines.others.server import OtherServer
from bench_pipeline.errors import EngineError
from bench_pipeline.records.rig import EngineSetup
from tests.engines.conftest import is_gone
from tests.waiting import wait_until

SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404)
        self.end_headers()
print(*sys.argv[1:], flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
WORDS = ["{port}", "{model}", "--room={context}x{slots}={total_context}", "{threads}", '{"a": 1}']


class Telling(PlainDialect):
    """Of a server that says what a test wants."""

    name = "telling"
    proof = Proof()

    def prove(self, ask: Ask) -> Proof:
        return self.proof


@pytest.fixture
def dialect(monkeypatch: pytest.MonkeyPatch) -> Telling:
    told = Telling()
    monkeypatch.setitem(FAMILIES, "telling", told)
    return told


def setup(script: str = SERVER, **changes: object) -> EngineSetup:
    command = [sys.executable, "-I", "-S", "-c", script, *WORDS]
    known = {"family": "telling", "version": "1.2", "command": command, "ready": "/ready"}
    return EngineSetup.model_validate(known | changes)


@pytest.fixture
def server(tmp_path: Path, dialect: Telling):
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF")

    def make(engine: EngineSetup) -> OtherServer:
        return OtherServer(
            installed(engine, tmp_path),
            model=model,
            threads=3,
            slots=4,
            context_tokens_per_slot=256,
            log_path=tmp_path / "server.log",
        )

    return make


def test_its_command_is_filled_in_and_it_ends_with_us(server, tmp_path: Path) -> None:
    with server(setup()) as running:
        port, model, room, *rest = running.log_lines()[0].split(" ", 3)
        assert (running.base_url.rsplit(":", 1)[1], model) == (port, str(tmp_path / "model.gguf"))
        assert (room, rest) == ("--room=256x4=1024", ['3 {"a": 1}'])
        assert "model.gguf" in running.public_argv
        assert running.alive() and running.slots is None
        pid = running.pid
    wait_until(lambda: is_gone(pid), "it to end")


def test_its_processes_may_share_more_memory_than_a_log_may_have(server) -> None:
    """vLLM's worker gets 240 MB of it, as a file in memory."""
    share = "import tempfile; shared = tempfile.TemporaryFile(); shared.truncate(240 * 2**20)\n"
    with server(setup(share + SERVER)) as running:
        assert running.alive()


@pytest.mark.parametrize(
    ("proof", "says"),
    [
        (Proof(version="1.3"), "it is version 1.3"),
        (Proof(model=""), "loaded no model"),
        (Proof(slots=2), "2 slots, 4 were asked for"),
        (Proof(context=128), "128 tokens of context for each stream, 256"),
    ],
)
def test_what_it_says_of_itself_must_be_as_asked(server, dialect, proof: Proof, says: str) -> None:
    dialect.proof = proof
    with pytest.raises(EngineError, match=says) as refused:
        server(setup()).__enter__()
    assert refused.value.kind == "refused"


def test_one_that_ends_is_told_with_its_last_words(server, tmp_path: Path) -> None:
    dying = "import sys; sys.exit(f'no such option in {sys.argv[2]}')"
    with pytest.raises(EngineError, match="ended with exit status 1 while it loaded") as ended:
        server(setup(dying)).__enter__()
    assert ended.value.kind == "load"
    assert list(ended.value.log_tail) == ["no such option in model.gguf"]


def test_a_program_that_is_not_there_or_a_family_that_nobody_knows_is_named(tmp_path: Path) -> None:
    absent = setup(command=["no-such-server", "{model}", "{port}"], family="mlx-lm")
    with pytest.raises(EngineError, match="no program no-such-server"):
        locate(absent, tmp_path)
    for family in ("unheard-of", "llama.cpp"):
        with pytest.raises(EngineError, match="no other family") as unknown:
            locate(setup(family=family), tmp_path)
        assert "dasllama" in unknown.value.mend


@pytest.mark.parametrize("lacking", ["{model}", "{port}"])
def test_a_command_that_would_serve_something_else_is_refused(lacking: str) -> None:
    with pytest.raises(ValueError, match="has no"):
        setup(command=["serve", *({"{model}", "{port}"} - {lacking})])
