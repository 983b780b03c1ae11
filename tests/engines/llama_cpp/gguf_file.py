"""A GGUF file taken apart, to be put together otherwise."""

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ALIGNMENT = 32
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(form)
        return int(value)

    def string(self) -> bytes:
        length = self.number("Q")
        self.at += length
        return self.data[self.at - length : self.at]

    def skip(self, kind: int) -> None:
        if kind == _STRING:
            self.string()
        elif kind == _ARRAY:
            inner, count = self.number("I"), self.number("Q")
            for _ in range(count):
                self.skip(inner)
        else:
            self.at += _SIZES[kind]


@dataclass(frozen=True)
class Tensor:
    name: bytes
    info: bytes
    """Its entry, up to where it says where the content lies."""
    content: bytes


@dataclass(frozen=True)
class Gguf:
    version: int
    keys: int
    metadata: bytes
    values_at: dict[bytes, int]
    """Where in `metadata` the value of each key begins."""
    tensors: list[Tensor]


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)


def read_gguf(path: Path) -> Gguf:
    reader = _Reader(path.read_bytes())
    reader.at = 4
    version, tensors, keys = reader.number("I"), reader.number("Q"), reader.number("Q")
    begun, values_at = reader.at, {}
    for _ in range(keys):
        key, kind = reader.string(), reader.number("I")
        values_at[key] = reader.at - begun
        reader.skip(kind)
    metadata = reader.data[begun : reader.at]
    infos: list[tuple[bytes, bytes, int]] = []
    for _ in range(tensors):
        start, name = reader.at, reader.string()
        dimensions = reader.number("I")
        reader.at += 8 * dimensions + 4
        infos.append((name, reader.data[start : reader.at], reader.number("Q")))
    content = reader.data[reader.at + -reader.at % ALIGNMENT :]
    ends = dict(pairwise([*sorted(offset for *_, offset in infos), len(content)]))
    return Gguf(
        version,
        keys,
        metadata,
        values_at,
        [Tensor(name, info, content[offset : ends[offset]]) for name, info, offset in infos],
    )


def write_gguf(path: Path, version: int, keys: int, metadata: bytes, tensors: list[Tensor]) -> None:
    text, data = metadata, bytearray()
    for tensor in tensors:
        text += tensor.info + struct.pack("<Q", len(data))
        data += padded(tensor.content)
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), keys)
    path.write_bytes(padded(head + text) + data)
