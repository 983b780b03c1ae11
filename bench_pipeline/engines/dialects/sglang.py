"""SGLang: as vLLM counts on its events, without a clock of its own.

How much of a prompt was cached it says only when started with `--enable-cache-report`, and then not
where it was nothing. It caches no prompt when started with `--disable-radix-cache`.
"""

from bench_pipeline.engines.dialects.protocol import Ask, Counters, Messages, Proof, Unlike
from bench_pipeline.engines.dialects.vllm import VllmDialect


class SglangDialect(VllmDialect):
    name = "sglang"
    counters_at = None

    def counters(self, text: str) -> Counters:
        raise Unlike("it adds up no times of decoding")

    def prove(self, ask: Ask) -> Proof:
        return Proof()

    def count(self, ask: Ask, messages: Messages) -> int | None:
        return None


DIALECT = SglangDialect()
