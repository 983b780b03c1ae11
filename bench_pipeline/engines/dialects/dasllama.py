"""dasllama: times of each request beside its `usage`, no count on the events between.

The role comes at once, long before the first token; a token without text has no event. It has no
way to write on past an end of text, which it computes, times and does not count. It caches no
prompt when started with `--flat`.
"""

from typing import Any

from bench_pipeline.engines.dialects import fields
from bench_pipeline.engines.dialects.plain import PlainDialect
from bench_pipeline.engines.dialects.protocol import Clock, Seen


class DasllamaDialect(PlainDialect):
    name = "dasllama"
    own_clock = True
    tells_cached = True

    def see(self, event: dict[str, Any]) -> Seen:
        seen = fields.seen(event)
        if (timings := fields.account(event, "timings")) is None:
            return seen
        fields.check(timings, (), ("ttft_ms", "gen_ms"))
        return seen._replace(clock=Clock(timings.get("ttft_ms"), timings.get("gen_ms")))


DIALECT = DasllamaDialect()
