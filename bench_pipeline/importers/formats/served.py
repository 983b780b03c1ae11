"""Which other program wrote a JSON object, and what of it is taken."""

from collections.abc import Callable
from typing import Any

from bench_pipeline.importers.formats import (
    batched,
    guidellm,
    llama_benchy,
    localscore,
    ollama,
    vllm_serve,
)
from bench_pipeline.importers.rows import Foreign, Found, Passed

_READERS: tuple[Callable[[dict[str, Any], str, str], Foreign | None], ...] = (
    batched.read,
    llama_benchy.read,
    guidellm.read,
    vllm_serve.read,
    localscore.read,
    ollama.read,
)


def read(value: dict[str, Any], place: str, file: str) -> Found | None:
    """None: of none of them."""
    for reader in _READERS:
        foreign = reader(value, place, file)
        if foreign is None:
            continue
        if foreign.figures:
            return Found(foreign=[foreign])
        return Found(passed=[Passed(place, f"of {foreign.program}, without a figure")])
    return None
