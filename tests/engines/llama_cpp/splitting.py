"""A GGUF file in two shards, as upstream's `llama-gguf-split` makes them."""

import struct
from itertools import pairwise
from pathlib import Path

ALIGNMENT = 32
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY, _U16, _I32 = 8, 9, 2, 5


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


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)


def split_in_two(model: Path, folder: Path, stem: str) -> list[Path]:
    """Writes both shards of `model` and returns them, the first first."""
    reader = _Reader(model.read_bytes())
    reader.at = 4
    version, tensors, keys = reader.number("I"), reader.number("Q"), reader.number("Q")
    begun = reader.at
    for _ in range(keys):
        reader.string()
        reader.skip(reader.number("I"))
    metadata = reader.data[begun : reader.at]
    infos: list[tuple[bytes, int]] = []
    for _ in range(tensors):
        start = reader.at
        reader.string()
        dimensions = reader.number("I")
        reader.at += 8 * dimensions + 4
        infos.append((reader.data[start : reader.at], reader.number("Q")))
    content = reader.data[reader.at + -reader.at % ALIGNMENT :]
    offsets = [*sorted(offset for _, offset in infos), len(content)]
    ends = dict(pairwise(offsets))
    half = len(infos) // 2
    paths = []
    for number, part in enumerate((infos[:half], infos[half:])):
        own = keys if number == 0 else 0
        text = b"GGUF" + struct.pack("<IQQ", version, len(part), own + 3)
        text += metadata if number == 0 else b""
        for key, kind, form, value in (
            ("split.no", _U16, "H", number),
            ("split.count", _U16, "H", 2),
            ("split.tensors.count", _I32, "i", len(infos)),
        ):
            text += _text(key) + struct.pack(f"<I{form}", kind, value)
        data = b""
        for info, offset in part:
            text += info + struct.pack("<Q", len(data))
            data += _padded(content[offset : ends[offset]])
        paths.append(folder / f"{stem}-0000{number + 1}-of-00002.gguf")
        paths[-1].write_bytes(_padded(text) + data)
    return paths
