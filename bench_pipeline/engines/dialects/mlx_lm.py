"""mlx-lm's server: HTTP/1.0, which ends with the connection, and comments while the prompt is
processed. It caches no prompt when started with `--prompt-cache-size 0`."""

from bench_pipeline.engines.dialects.plain import PlainDialect


class MlxLmDialect(PlainDialect):
    name = "mlx-lm"
    tells_cached = True
    formats = frozenset({"safetensors"})


DIALECT = MlxLmDialect()
