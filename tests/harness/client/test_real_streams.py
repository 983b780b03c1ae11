"""Streams of the real server: every token counted, of the right kind, nothing from a cache."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.harness.client.counts import miscount
from bench_pipeline.harness.client.prompts import FittedPrompt, nonces
from bench_pipeline.harness.client.streaming import Messages, Stream
from bench_pipeline.harness.client.waves import as_requests, run_wave
from bench_pipeline.records.cell import Request
from bench_pipeline.records.rig import BackendSetup

PROMPT = FittedPrompt("", "Say something about rivers, and then about the sea.")
NONCES = nonces(seed=1)

Serve = Callable[..., LlamaServer]


@pytest.fixture(scope="module")
def serve(engine, small_model, tmp_path_factory) -> Iterator[Serve]:
    """Starts a server with these slots and further arguments; the same one again if it runs."""
    running: dict[tuple, LlamaServer] = {}
    with ExitStack() as stack:

        def serve(slots: int, *extra_args: str, model: Path = small_model[1]) -> LlamaServer:
            key = (slots, *extra_args)
            if key not in running:
                server = LlamaServer(
                    engine,
                    model=model,
                    backend="cpu",
                    setup=BackendSetup(),
                    threads=1,
                    slots=slots,
                    context_tokens_per_slot=512,
                    log_path=tmp_path_factory.mktemp("log") / "server.log",
                    extra_args=extra_args,
                )
                running[key] = stack.enter_context(server)
            return running[key]

        yield serve


def ask(
    server: LlamaServer, output_tokens: int, streams: int = 1, prompts: Sequence[Messages] = ()
) -> list[Stream]:
    prompts = prompts or [PROMPT.with_nonce(next(NONCES)) for _ in range(streams)]
    return asyncio.run(run_wave(server.base_url, prompts, output_tokens))


def request_of(stream: Stream) -> Request:
    (request,) = as_requests([stream], 0, stream.sent_at)
    return request


@pytest.mark.parametrize("streams", [1, 4])
def test_no_stream_breaks_and_every_count_is_equal(serve: Serve, streams: int):
    """The server closes each connection that it promises to keep: thirty and more in a row."""
    server = serve(4)
    replies = [stream for _ in range(32 // streams) for stream in ask(server, 4, streams)]
    assert len(replies) == 32
    for stream in replies:
        assert miscount(stream, 4) is None
        request = request_of(stream)
        assert request.received_tokens == request.output_tokens == 4
        assert request.cached_tokens == 0
        assert request.reasoning_tokens == 0
        assert (request.draft_tokens, request.draft_accepted) == (None, None)
        assert request.server_itl_p99_ms > 0


def test_the_same_prompt_again_on_the_same_server_is_cold_again(serve: Serve):
    prompts = [PROMPT.with_nonce("12345678")]
    first, again = (ask(serve(4), 8, prompts=prompts)[0] for _ in range(2))
    assert (first.cached_tokens, again.cached_tokens) == (0, 0)
    assert first.prompt_tokens == again.prompt_tokens > 20


@pytest.fixture
def thinking(serve: Serve, whole_model) -> LlamaServer:
    """With words, as what follows the closing tag decides which event the tag comes in."""
    template = str(Path(__file__).with_name("think.jinja"))
    args = ("--jinja", "--chat-template-file", template, "--reasoning-budget", "8")
    return serve(1, *args, model=whole_model[1])


def tokens_of(server: LlamaServer, text: str) -> int:
    answer = httpx.post(f"{server.base_url}/tokenize", json={"content": text}, trust_env=False)
    return len(answer.raise_for_status().json()["tokens"])


def test_hidden_tokens_are_the_reasoning_and_the_tag_that_ends_it(thinking: LlamaServer):
    (stream,) = ask(thinking, 20)
    request = request_of(stream)
    assert miscount(stream, 20) is None
    assert request.reasoning_tokens == 8 + tokens_of(thinking, "</think>")
    assert request.received_tokens == request.output_tokens  # the first, without text, as well
    assert request.ttft_ms < request.first_visible_ms < request.end_to_end_ms


@pytest.mark.parametrize("output_tokens", [5, 9, 11])
def test_a_budget_that_ends_within_the_reasoning_leaves_nothing_visible(
    thinking: LlamaServer, output_tokens: int
):
    """Also where it ends within the closing tag, of which the server then sends no part."""
    (stream,) = ask(thinking, output_tokens)
    request = request_of(stream)
    assert miscount(stream, output_tokens) is None
    assert request.reasoning_tokens == request.received_tokens == output_tokens
    assert request.first_visible_ms is None


def test_drafted_and_accepted_tokens_are_counted(serve: Serve, small_model):
    """The model drafts for itself, so that nearly every proposal is accepted."""
    server = serve(1, "--model-draft", str(small_model[1]), "--spec-type", "draft-simple")
    (stream,) = ask(server, 32)
    request = request_of(stream)
    assert miscount(stream, 32) is None
    assert request.received_tokens == 32
    assert 0 < request.draft_accepted <= request.draft_tokens < 32
