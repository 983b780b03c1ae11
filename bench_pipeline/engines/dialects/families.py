"""Every family that can be talked to: a line for each."""

from bench_pipeline.engines.dialects import (
    dasllama,
    llama_cpp_python,
    llama_server,
    mistral_rs,
    mlx_lm,
    sglang,
    transformers,
    vllm,
    xllamacpp,
)
from bench_pipeline.engines.dialects.protocol import Dialect
from bench_pipeline.records.run import Untold

FAMILIES: dict[str, Dialect] = {
    each.name: each
    for each in (
        llama_server.DIALECT,
        dasllama.DIALECT,
        llama_cpp_python.DIALECT,
        mistral_rs.DIALECT,
        mlx_lm.DIALECT,
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
