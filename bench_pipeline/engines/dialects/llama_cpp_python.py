"""llama-cpp-python's server: no `usage` in a stream, which leaves its tokens without a count: every
cell fails as miscounted. A second request cuts the first off unless it is started with
`--interrupt_requests False`, and its prompt cache cannot be switched off."""

from bench_pipeline.engines.dialects.plain import PlainDialect


class LlamaCppPythonDialect(PlainDialect):
    name = "llama-cpp-python"
    head_tokens = 16


DIALECT = LlamaCppPythonDialect()
