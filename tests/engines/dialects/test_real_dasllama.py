"""A real engine of another family, by the shared reading: counts, clocks and ends of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from bench_pipeline.engines.dialects.dasllama import DIALECT
from bench_pipeline.engines.others.found import FoundServer
from bench_pipeline.engines.others.locating import installed
from bench_pipeline.errors import EngineError
from bench_pipeline.harness.client.counts import miscount
from bench_pipeline.harness.client.prompts import FittedPrompt, PromptFitter, nonces
from bench_pipeline.harness.client.streaming import Stream
from bench_pipeline.harness.client.verdict import judge
from bench_pipeline.harness.client.waves import run_wave
from bench_pipeline.records.rig import EngineSetup
from tests.engines.llama_cpp.requantizing import as_q8_0
from tests.engines.others.installing import DASLLAMA, environment, served
from tests.once import once

TOKENS = 24
PROMPT_TOKENS = 40
NONCES = nonces(seed=1)


@pytest.fixture(scope="module")
def command(small_model, tmp_path_factory) -> list[str]:
    """With four slots. It knows no Q4_1."""
    name = "q8_0.gguf"
    model = once(tmp_path_factory, "q8_0", lambda to: as_q8_0(small_model[1], to / name)) / name
    binary = str(environment(DASLLAMA) / "dasllama-server")
    found = [binary, "--model", str(model), "--port", "{port}"]
    return [*found, "--gpu", "off", "--streams", "4", "--threads", "1", "--ctx", "512", "--flat"]


@pytest.fixture(scope="module")
def base_url(command: list[str], tmp_path_factory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("log") / "server.log"
    with served(command, log, {"DASLLAMA_IMAGE_SAVE": "0"}) as url:  # no second copy of the model
        yield url


@pytest.fixture(scope="module")
def prompt(base_url: str) -> FittedPrompt:
    with closing(PromptFitter(base_url, DIALECT)) as fitter:
        return fitter.fit_text("", "Say something about rivers, and then about the sea. " * 2, 40)


def ask(base_url: str, prompt: FittedPrompt, streams: int) -> list[Stream]:
    prompts = [prompt.with_nonce(next(NONCES)) for _ in range(streams)]
    return asyncio.run(run_wave(base_url, prompts, TOKENS, dialect=DIALECT))


@pytest.mark.parametrize("slots", [4, 5])
def test_one_that_was_running_says_what_it_has_and_goes_on(
    base_url: str, small_model, tmp_path, slots: int
) -> None:
    model = small_model[0]
    told = {"base_url": base_url, "models": {model.slug: "any"}}
    setup = EngineSetup(family="dasllama", version="0.6.6", **told)
    wanted = {"slots": slots, "context_tokens_per_slot": 256}
    server = FoundServer(
        installed(setup, tmp_path), model=model, log_path=tmp_path / "log", **wanted
    )
    if slots > 4:
        with pytest.raises(EngineError, match="4 slots, 5 were asked for"):
            server.__enter__()
        return
    with server as found:
        assert found.slots == 4 and found.watched_pid
    assert server.alive()


def test_a_prompt_is_fitted_though_nobody_counts_it(prompt: FittedPrompt) -> None:
    assert prompt.tokens == PROMPT_TOKENS


@pytest.mark.parametrize("streams", [1, 4])
def test_every_count_has_a_second_witness_and_every_request_two_clocks(
    base_url: str, prompt: FittedPrompt, streams: int
) -> None:
    """How near the clocks are is for a quiet machine: docs/engines.md has it."""
    waves = [ask(base_url, prompt, streams) for _ in range(3)]
    for stream in (stream for wave in waves for stream in wave):
        assert miscount(stream, TOKENS, PROMPT_TOKENS, DIALECT) is None
        assert stream.cached_tokens == 0
        assert stream.server_prompt_ms and stream.server_decode_ms
        # a client that the machine starves reads a whole reply at once
        assert stream.sent_at < stream.first_at <= stream.last_at <= stream.ended_at
        assert stream.server_token_ms is None and stream.event_counts == []
    verdict = judge(waves, TOKENS, DIALECT, PROMPT_TOKENS)
    assert verdict.clocks == "two"
    # a busy machine may starve the client: then it says so
    assert verdict.failure is None or verdict.failure.kind == "unclocked"
