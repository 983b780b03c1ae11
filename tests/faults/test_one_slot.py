"""Four clients on a server with one slot: what other pages print as concurrency."""

import asyncio

from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.harness.client.prompts import FittedPrompt, nonces
from bench_pipeline.harness.client.waves import as_requests, as_wave, run_wave
from bench_pipeline.measures import formulas
from bench_pipeline.records.rig import BackendSetup


def test_what_the_later_streams_wait_for_is_the_queue(engine, small_model, tmp_path):
    """Each waits for whole replies before its own, by the server's clock: not for the prompt."""
    fresh = nonces(seed=1)
    prompts = [FittedPrompt("", "Say something.").with_nonce(next(fresh)) for _ in range(4)]
    server = LlamaServer(
        engine,
        model=small_model[1],
        backend="cpu",
        setup=BackendSetup(),
        threads=1,
        slots=1,
        context_tokens_per_slot=512,
        log_path=tmp_path / "server.log",
    )
    with server:
        streams = asyncio.run(run_wave(server.base_url, prompts, 48))
    first, *later = sorted(as_requests(streams, 0, streams[0].sent_at), key=lambda r: r.ttft_ms)
    for request in later:
        # from one zero: a busy machine lets a later stream connect a little later
        assert request.sent_at_ms + formulas.queue_ms(request) > first.server_decode_ms
        first_token_ms = request.sent_at_ms + request.ttft_ms
        assert first_token_ms > first.server_prompt_ms + first.server_decode_ms
    # They never decode together: there is no aggregate to print.
    assert formulas.aggregate_tok_s(as_wave(streams, 0)) is None
