"""How long a context a model was trained for, and what it takes of memory, by the file's header."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_pipeline.models.gguf_header import HEAD_BYTES, read_header
from bench_pipeline.records.rig import CacheType

BYTES_OF: Mapping[CacheType, float] = {
    **{"f32": 4, "f16": 2, "bf16": 2, "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32},
    **{"q4_1": 20 / 32, "q4_0": 18 / 32, "iq4_nl": 18 / 32},
}
"""Of one number in the cache; blocks of 32 have a scale, and some an offset, besides."""
USUAL_TYPE: CacheType = "f16"
WHOLE_OF_WINDOWED = 1 / 6
"""Of layers, where the header names a sliding window, those that certainly keep the whole context:
no family has fewer, and which they are only the engine knows."""


@dataclass(frozen=True)
class Context:
    """
    trained_tokens    None: the header does not say
    key_numbers       that each token leaves in the caches of all layers; None: it cannot be told
    value_numbers     likewise
    windowed          some layers look back over a window only, and keep no more than that
    """

    trained_tokens: int | None = None
    key_numbers: int | None = None
    value_numbers: int | None = None
    windowed: bool = False

    def bytes_per_token(self, keys: CacheType | None, values: CacheType | None) -> float | None:
        """That the cache grows by at least; None: it cannot be told."""
        if self.key_numbers is None or self.value_numbers is None:
            return None
        whole = self.key_numbers * BYTES_OF[keys or USUAL_TYPE]
        whole += self.value_numbers * BYTES_OF[values or USUAL_TYPE]
        return whole * (WHOLE_OF_WINDOWED if self.windowed else 1)


def read_context(model: Path) -> Context:
    """By the header of the (first) file. All None where it cannot be read."""
    try:
        with model.open("rb") as file:
            return context_of(read_header(file.read(HEAD_BYTES)))
    except (OSError, ValueError):
        return Context()


def context_of(header: Mapping[str, Any]) -> Context:
    kind = header.get("general.architecture")

    def number(name: str) -> int | None:
        found = header.get(f"{kind}.{name}")
        return found if type(found) is int and found > 0 else None

    layers, heads = number("block_count"), number("attention.head_count")
    trained, wide = number("context_length"), number("embedding_length")
    kv_heads = header.get(f"{kind}.attention.head_count_kv", heads)
    if type(kv_heads) is int and layers:
        kv_heads = [kv_heads] * layers
    each = wide // heads if wide and heads else None
    keys = number("attention.key_length") or each
    values = number("attention.value_length") or each
    told = isinstance(kv_heads, Sequence) and all(type(count) is int for count in kv_heads)
    if not told or keys is None or values is None:
        return Context(trained)
    compressed = number("attention.kv_lora_rank") is not None  # values are read out of the keys
    return Context(
        trained_tokens=trained,
        key_numbers=sum(kv_heads) * keys,
        value_numbers=0 if compressed else sum(kv_heads) * values,
        windowed=number("attention.sliding_window") is not None,
    )
