"""Lemonade with a llama-server behind it, whose events it passes on as they are. Its own statistics
are of the last request alone, and not read."""

from typing import Any

from bench_pipeline.engines.dialects.llama_server import LlamaServerDialect
from bench_pipeline.engines.dialects.protocol import Ask, Keeper, Messages, Unlike


class LemonadeKeeper:
    def loaded(self, ask: Ask) -> dict[str, Any]:
        models = ask("GET", "/v1/health", None).get("all_models_loaded")
        if not isinstance(models, list):
            raise Unlike("`/v1/health` names no models")
        return {str(each.get("model_name")): bool(each.get("pinned")) for each in models}

    def load(self, ask: Ask, name: str, how: Any) -> None:
        """`how`: it is pinned."""
        ask("POST", "/v1/load", {"model_name": name, **({"pinned": True} if how else {})})

    def unload(self, ask: Ask, name: str) -> None:
        ask("POST", "/v1/unload", {"model_name": name})

    def weights(self, ask: Ask, name: str) -> str | None:
        return None


class LemonadeDialect(LlamaServerDialect):
    name = "lemonade"
    proves_slots = False
    keeper: Keeper | None = LemonadeKeeper()

    def count(self, ask: Ask, messages: Messages) -> int | None:
        return None


DIALECT = LemonadeDialect()
