"""Ollama: OpenAI's protocol, without a fixed length, a clock or a switch for its prompt cache.
Its own prompt rate counts tokens that it did not compute, and is not repeated here.

A prompt longer than its context loses its beginning without a word: its usage tells.
"""

import re
from typing import Any

from bench_pipeline.engines.dialects.plain import PlainDialect
from bench_pipeline.engines.dialects.protocol import Ask, Keeper, Proof, Unlike

_FILE = re.compile(r"^FROM .*sha256[-:]([0-9a-f]{64})\s*$", re.MULTILINE)
_FOREVER = "2100"
"""It says of a model that stays loaded that it does for three centuries."""


class OllamaKeeper:
    def loaded(self, ask: Ask) -> dict[str, Any]:
        models = ask("GET", "/api/ps", None).get("models")
        if not isinstance(models, list):
            raise Unlike("`/api/ps` names no models")
        return {str(each.get("name")): str(each.get("expires_at")) > _FOREVER for each in models}

    def load(self, ask: Ask, name: str, how: Any) -> None:
        """`how`: it stays."""
        stays = {"keep_alive": -1} if how else {}
        ask("POST", "/api/generate", {"model": name, "stream": False, **stays})

    def unload(self, ask: Ask, name: str) -> None:
        ask("POST", "/api/generate", {"model": name, "stream": False, "keep_alive": 0})

    def weights(self, ask: Ask, name: str) -> str | None:
        found = _FILE.search(str(ask("POST", "/api/show", {"model": name}).get("modelfile")))
        return found[1] if found else None


class OllamaDialect(PlainDialect):
    name = "ollama"
    head_tokens = 16
    keeper: Keeper | None = OllamaKeeper()

    def prove(self, ask: Ask) -> Proof:
        version = ask("GET", "/api/version", None).get("version")
        if not isinstance(version, str):
            raise Unlike("`/api/version` names none")
        return Proof(version=version)


DIALECT = OllamaDialect()
