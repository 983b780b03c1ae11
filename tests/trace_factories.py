"""Conversations of measured runs: a script of four turns, each sent with all before it."""

import numpy as np

from bench_pipeline.records.cell import Failure
from bench_pipeline.records.workload import ScriptedTurn, Trace, TurnRequest
from tests.factories import request

PROMPTS = (400, 650, 1200, 1300)
"""Tokens that each turn sends."""
OUTPUT_TOKENS = 32
SCRIPT_SHA256 = "5" * 64


def trace(
    *,
    repetitions: int = 5,
    decode_tok_s: float = 100.0,
    prefill_tok_s: float = 700.0,
    short: int = 0,
    told: bool = True,
    server: int = 0,
    failure: Failure | None = None,
) -> Trace:
    """`short`: tokens of each later turn that the server computed again though it had them;
    not `told`: it does not say what it had."""
    random = np.random.default_rng(7)
    shared = (0, *PROMPTS[:-1])
    requests, sent_at_ms = [], 0.0
    for wave in range(repetitions):
        for turn, prompt_tokens in enumerate(PROMPTS):
            cached = max(0, shared[turn] - short)
            made = request(
                random,
                prompt_tokens=prompt_tokens,
                output_tokens=OUTPUT_TOKENS,
                cached_tokens=cached,
                decode_tok_s=decode_tok_s,
                prefill_tok_s=prefill_tok_s,
                wave=wave,
                stream=0,
                sent_at_ms=sent_at_ms,
            )
            sent_at_ms += made.end_to_end_ms + 1
            known = {} if told else {"cached_tokens": None}
            requests.append(TurnRequest(**vars(made) | known, turn=turn))
    return Trace(
        conversation="repair",
        title="Mending a broken import",
        script_sha256=SCRIPT_SHA256,
        server=server,
        status="failed" if failure else "ok",
        failure=failure,
        stop_reason="failed" if failure else "repetitions",
        window_ms=sent_at_ms,
        turns=[
            ScriptedTurn(
                turn=turn,
                came="results" if turn in (1, 2) else "user",
                prompt_tokens=prompt_tokens,
                shared_tokens=shared[turn],
                output_tokens_budget=OUTPUT_TOKENS,
            )
            for turn, prompt_tokens in enumerate(PROMPTS)
        ],
        requests=requests,
    )
