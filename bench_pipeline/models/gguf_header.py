"""What a GGUF file says of itself, read from its beginning."""

import mmap
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

HEAD_BYTES = 2**20
"""Enough for what is asked here: the vocabulary, which takes megabytes, comes after it."""

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_NUMBERS |= {12: "d"}
_STRING, _ARRAY = 8, 9
_MOST_LAYERS = 1024
"""A list of numbers that has no more may be one for each layer."""

QUANTS = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K"},
    **{11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S"},
    **{17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS"},
    **{23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S"},
    **{29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0"},
    **{38: "MXFP4"},
}
"""`general.file_type`, as llama.cpp numbers it."""


class _End(Exception):
    """The part that was read ends here."""


class _Bytes:
    def __init__(self, content: bytes | mmap.mmap) -> None:
        self._content, self._at = content, 0

    @property
    def at(self) -> int:
        return self._at

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._content):
            raise _End
        self._at += size
        return self._content[self._at - size : self._at]

    def number(self, kind: str) -> Any:
        return struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))[0]

    def text(self) -> str:
        return self.take(self.number("Q")).decode("utf-8", errors="replace")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            inner, count = self.number("I"), self.number("Q")
            if inner in _NUMBERS:
                kept = self.take(count * struct.calcsize(f"<{_NUMBERS[inner]}"))
                if count <= _MOST_LAYERS:
                    return list(struct.unpack(f"<{count}{_NUMBERS[inner]}", kept))
            else:
                for _ in range(count):
                    self.value(inner)
            return None  # nobody asks for any
        if kind not in _NUMBERS:
            raise ValueError(f"a value of kind {kind}, which no GGUF has")
        return self.number(_NUMBERS[kind])


def read_header(head: bytes) -> Mapping[str, Any]:
    """Keys and values that lie whole in `head`, the beginning of a GGUF file; long lists and those
    of text are left out. ValueError if it is none."""
    data = _Bytes(head)
    if head[:4] != b"GGUF":
        raise ValueError("it does not begin as a GGUF file does")
    found: dict[str, Any] = {}
    try:
        data.take(4)
        version = data.number("I")
        if version not in (2, 3):
            raise ValueError(f"it is of version {version} of that format, not 2 or 3")
        data.number("Q")  # tensors
        for _ in range(data.number("Q")):
            key = data.text()
            value = data.value(data.number("I"))
            if value is not None:
                found[key] = value
    except _End:
        pass
    return found


_ALIGNMENT = 32
"""Where the file names none."""

_TYPES = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1"},
    **{10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS"},
    **{17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S"},
    **{23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M"},
    **{30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4"},
}
"""Of a tensor, as ggml numbers them (`enum ggml_type`)."""


@dataclass(frozen=True)
class Tensor:
    type: str
    """As ggml names it: `Q4_K`; `type 99` where no name is known."""
    weights: int
    size_bytes: int
    """Padding included."""


def read_tensors(files: Iterable[Path]) -> dict[str, Tensor]:
    """Each tensor of a model by its name; `files`: all its shards. ValueError if one is no whole
    GGUF file."""
    found: dict[str, Tensor] = {}
    for path in files:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found |= _tensors(data)
    return found


def _tensors(content: mmap.mmap) -> dict[str, Tensor]:
    data, alignment = _Bytes(content), _ALIGNMENT
    try:
        if data.take(4) != b"GGUF" or data.number("I") not in (2, 3):
            raise ValueError("it does not begin as a GGUF file of version 2 or 3 does")
        tensors, keys = data.number("Q"), data.number("Q")
        for _ in range(keys):
            key = data.text()
            value = data.value(data.number("I"))
            alignment = int(value) if key == "general.alignment" else alignment
        listed: list[tuple[int, str, str, int]] = []
        for _ in range(tensors):
            name = data.text()
            weights = prod(data.number("Q") for _ in range(data.number("I")))
            kind = data.number("I")
            held = _TYPES.get(kind, f"type {kind}")
            listed.append((data.number("Q"), name, held, weights))
    except _End:
        raise ValueError("it ends in the midst of its header") from None
    begin = data.at + -data.at % alignment
    listed.sort()
    ends = [*(offset for offset, *_ in listed), len(content) - begin]
    return {
        name: Tensor(kind, weights, end - start)
        for (_, name, kind, weights), (start, end) in zip(listed, pairwise(ends), strict=True)
    }
