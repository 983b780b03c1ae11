"""xllamacpp: llama-server in a Python process, which talks as llama-server does."""

from bench_pipeline.engines.dialects import fields
from bench_pipeline.engines.dialects.llama_server import LlamaServerDialect
from bench_pipeline.engines.dialects.protocol import Ask, Proof


class XllamacppDialect(LlamaServerDialect):
    name = "xllamacpp"

    def prove(self, ask: Ask) -> Proof:
        """Its build says nothing: `b0-unknown`."""
        told = ask("GET", "/props", None)
        settings = fields.account(told, "default_generation_settings") or {}
        fields.check(told, ("total_slots",))
        fields.check(settings, ("n_ctx",))
        model = told.get("model_path")
        name = model.rsplit("/", 1)[-1] if isinstance(model, str) else None
        return Proof(model=name, slots=told.get("total_slots"), context=settings.get("n_ctx"))


DIALECT = XllamacppDialect()
