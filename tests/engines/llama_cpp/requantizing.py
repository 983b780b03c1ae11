"""A GGUF file whose weights are Q8_0 throughout: for engines that know no Q4_1."""

import struct
from pathlib import Path

import numpy as np

from tests.engines.llama_cpp.gguf_file import Tensor, read_gguf, write_gguf

_Q4_1, _Q8_0 = 3, 8
_BLOCK = 32
"""Weights that share a scale, in both."""


def as_q8_0(model: Path, target: Path) -> None:
    """Writes `model` with each Q4_1 tensor as Q8_0; the others stay as they are."""
    whole = read_gguf(model)
    target.parent.mkdir(parents=True, exist_ok=True)
    tensors = [_requantized(tensor) for tensor in whole.tensors]
    write_gguf(target, whole.version, whole.keys, whole.metadata, tensors)


def _requantized(tensor: Tensor) -> Tensor:
    rest, kind = tensor.info[:-4], struct.unpack("<I", tensor.info[-4:])[0]
    if kind != _Q4_1:
        return tensor
    form = np.dtype([("scale", "<f2"), ("least", "<f2"), ("nibbles", "u1", (_BLOCK // 2,))])
    count = len(tensor.content) // form.itemsize  # what follows is padding
    blocks = np.frombuffer(tensor.content, form, count)
    nibbles = np.hstack([blocks["nibbles"] & 15, blocks["nibbles"] >> 4]).astype(np.float32)
    weights = nibbles * blocks["scale"][:, None] + blocks["least"][:, None].astype(np.float32)
    scale = np.abs(weights).max(axis=1) / 127
    whole = np.rint(weights / np.where(scale, scale, 1)[:, None])
    out = np.empty(count, np.dtype([("scale", "<f2"), ("weights", "i1", (_BLOCK,))]))
    out["scale"], out["weights"] = scale, whole
    return Tensor(tensor.name, rest + struct.pack("<I", _Q8_0), out.tobytes())
