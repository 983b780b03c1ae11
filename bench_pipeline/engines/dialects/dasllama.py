"""dasllama: times of each request beside its `usage`, no count on the events between.

The role comes at once, long before the first token; a token without text has no event. It has no
way to write on past an end of text, which it computes, times and does not count. It caches no
prompt when started with `--flat`.
"""

from typing import Any

from bench_pipeline.engines.dialects import fields
from bench_pipeline.engines.dialects.plain import PlainDialect
from bench_pipeline.engines.dialects.protocol import Ask, Clock, Proof, Seen, Unlike


class DasllamaDialect(PlainDialect):
    name = "dasllama"
    own_clock = True
    tells_cached = True
    proves_slots = True

    def see(self, event: dict[str, Any]) -> Seen:
        seen = fields.seen(event)
        if (timings := fields.account(event, "timings")) is None:
            return seen
        fields.check(timings, (), ("ttft_ms", "gen_ms"))
        return seen._replace(clock=Clock(timings.get("ttft_ms"), timings.get("gen_ms")))

    def prove(self, ask: Ask) -> Proof:
        """Without a model it is ready too, to be set up: then its name is not the file's."""
        told = ask("GET", "/v1/stats", None)
        fields.check(told, ("max_streams", "ctx"))
        model = told.get("active_model")
        if not isinstance(model, str):
            raise Unlike("`/v1/stats` name no model")
        return Proof(model=model, slots=told.get("max_streams"), context=told.get("ctx"))


DIALECT = DasllamaDialect()
