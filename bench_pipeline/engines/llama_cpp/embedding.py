"""How large a model's token embedding can be: what llama.cpp keeps in host memory by design.

Everything else belongs on the device. So weights that a device lacks must be the embedding, or
they were left behind.
"""

from collections.abc import Iterable
from itertools import product

_WIDEST_BITS = 16
"""Per weight, at most, unless the whole file has more: embeddings are quantized less than the
rest (q6_K, q8_0, f16 in a 4-bit file)."""

_BITS = {
    "f32": 32.0,
    "f16": 16.0,
    "bf16": 16.0,
    "q4_0": 4.5,
    "q4_1": 5.0,
    "q5_0": 5.5,
    "q5_1": 6.0,
    "q8_0": 8.5,
    "q2_K": 2.625,
    "q3_K": 3.4375,
    "q4_K": 4.5,
    "q5_K": 5.5,
    "q6_K": 6.5625,
    "iq1_s": 1.5625,
    "iq1_m": 1.75,
    "iq2_xxs": 2.0625,
    "iq2_xs": 2.3125,
    "iq2_s": 2.5625,
    "iq3_xxs": 3.0625,
    "iq3_s": 3.4375,
    "iq4_nl": 4.5,
    "iq4_xs": 4.25,
    "tq1_0": 1.6875,
    "tq2_0": 2.0625,
    "mxfp4": 4.25,
    "nvfp4": 4.5,
    "q1_0": 1.125,
    "q2_0": 2.25,
}
"""Per weight, scales included: block size and type size of ggml (`GGML_QUANT_SIZES` in gguf-py)."""

_INDICES = {"i8", "i16", "i32", "i64"}
"""Types of tables of numbers, which no embedding has."""


def largest_mib(weights: int, bits: float | None) -> float:
    """`weights` of embedding in a file of `bits` per weight on average, MiB."""
    return weights * max(bits or 0, _WIDEST_BITS) / 8 / 2**20


def possible_mib(token: int, per_layer: int, types: Iterable[str]) -> list[float] | None:
    """Every size that can be missing from a device whose model is whole, MiB.

    token, per_layer    weights of the token embedding, and of those that some models (Gemma 3n)
                        keep for each layer
    types               of the file's tensors, as its loader prints them

    Either embedding may be of any of the types, or lie on the device too (0: a model whose
    output layer is its embedding has a copy there). None: the types are not known.
    """
    types = [name for name in types if name not in _INDICES]
    if not types or any(name not in _BITS for name in types):
        return None
    bits = [0.0, *(_BITS[name] for name in types)]
    return sorted({(token * a + per_layer * b) / 8 / 2**20 for a, b in product(bits, bits)})
