"""What a GGUF file says of itself, read from its beginning."""

import mmap
import struct
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

HEAD_BYTES = 2**20
"""Enough for what is asked here: the vocabulary, which takes megabytes, comes after it."""

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_NUMBERS |= {12: "d"}
_STRING, _ARRAY = 8, 9

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
                self.take(count * struct.calcsize(f"<{_NUMBERS[inner]}"))
            else:
                for _ in range(count):
                    self.value(inner)
            return None  # nobody asks for any
        if kind not in _NUMBERS:
            raise ValueError(f"a value of kind {kind}, which no GGUF has")
        return self.number(_NUMBERS[kind])


def read_header(head: bytes) -> Mapping[str, Any]:
    """Keys and values that lie whole in `head`, the beginning of a GGUF file; lists are left out.
    ValueError if it is none."""
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


def tensor_sizes(files: Iterable[Path]) -> dict[str, int]:
    """Bytes of each tensor of a model by its name, padding included; `files`: all its shards.
    ValueError if one is no whole GGUF file."""
    found: dict[str, int] = {}
    for path in files:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found |= _tensors(data)
    return found


def _tensors(content: mmap.mmap) -> dict[str, int]:
    data, alignment = _Bytes(content), _ALIGNMENT
    try:
        if data.take(4) != b"GGUF" or data.number("I") not in (2, 3):
            raise ValueError("it does not begin as a GGUF file of version 2 or 3 does")
        tensors, keys = data.number("Q"), data.number("Q")
        for _ in range(keys):
            key = data.text()
            value = data.value(data.number("I"))
            alignment = int(value) if key == "general.alignment" else alignment
        offsets: dict[str, int] = {}
        for _ in range(tensors):
            name = data.text()
            data.take(8 * data.number("I") + 4)  # dimensions and type
            offsets[name] = data.number("Q")
    except _End:
        raise ValueError("it ends in the midst of its header") from None
    begin = data.at + -data.at % alignment
    ordered = sorted(offsets, key=offsets.__getitem__)
    ends = [*(offsets[name] for name in ordered), len(content) - begin]
    sizes = [end - start for start, end in pairwise(ends)]
    return dict(zip(ordered, sizes, strict=True))
