"""Every family that can be talked to: a line for each."""

from bench_pipeline.engines.dialects import dasllama, llama_server, mlx_lm, transformers, vllm
from bench_pipeline.engines.dialects.protocol import Dialect

FAMILIES: dict[str, Dialect] = {
    each.name: each
    for each in (
        llama_server.DIALECT,
        dasllama.DIALECT,
        mlx_lm.DIALECT,
        transformers.DIALECT,
        vllm.DIALECT,
    )
}
