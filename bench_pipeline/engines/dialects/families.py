"""Every family that can be talked to: a line for each."""

from typing import Any

from bench_pipeline.engines.dialects import (
    dasllama,
    lemonade,
    llama_cpp_python,
    llama_server,
    lm_studio,
    mistral_rs,
    mlx_lm,
    ollama,
    sglang,
    transformers,
    vllm,
    xllamacpp,
)
from bench_pipeline.engines.dialects.protocol import Dialect, Messages
from bench_pipeline.records.run import Untold

FAMILIES: dict[str, Dialect] = {
    each.name: each
    for each in (
        llama_server.DIALECT,
        dasllama.DIALECT,
        lemonade.DIALECT,
        llama_cpp_python.DIALECT,
        lm_studio.DIALECT,
        mistral_rs.DIALECT,
        mlx_lm.DIALECT,
        ollama.DIALECT,
        sglang.DIALECT,
        transformers.DIALECT,
        vllm.DIALECT,
        xllamacpp.DIALECT,
    )
}


def untold(dialect: Dialect) -> list[Untold]:
    """What a run of the family may lack."""
    can: dict[Untold, bool] = {
        "cached_tokens": dialect.tells_cached,
        "fixed_length": dialect.fixed_length,
        "gaps": dialect.counts_events,
        "own_clock": dialect.own_clock,
    }
    return [name for name, there in can.items() if not there]


class Named:
    """A dialect whose server holds several models and must be told which one is meant."""

    def __init__(self, dialect: Dialect, model: str) -> None:
        self._dialect, self._model = dialect, model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)

    def body(self, messages: Messages, tokens: int, *, cached: bool) -> dict[str, Any]:
        return {**self._dialect.body(messages, tokens, cached=cached), "model": self._model}
