"""SGLang: as vLLM counts on its events, without a clock of its own.

How much of a prompt was cached it says only when started with `--enable-cache-report`, and then not
where it was nothing. It caches no prompt when started with `--disable-radix-cache`.
"""

from bench_pipeline.engines.dialects.vllm import UsageOnEvents


class SglangDialect(UsageOnEvents):
    name = "sglang"


DIALECT = SglangDialect()
