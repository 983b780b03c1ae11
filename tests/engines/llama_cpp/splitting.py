"""A GGUF file in two shards, as upstream's `llama-gguf-split` makes them."""

import struct
from pathlib import Path

from tests.engines.llama_cpp.gguf_file import read_gguf, write_gguf

_U16, _I32 = 2, 5


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def split_in_two(model: Path, folder: Path, stem: str) -> list[Path]:
    """Writes both shards of `model` and returns them, the first first."""
    whole = read_gguf(model)
    half = len(whole.tensors) // 2
    paths = []
    for number, part in enumerate((whole.tensors[:half], whole.tensors[half:])):
        metadata = whole.metadata if number == 0 else b""
        for key, kind, form, value in (
            ("split.no", _U16, "H", number),
            ("split.count", _U16, "H", 2),
            ("split.tensors.count", _I32, "i", len(whole.tensors)),
        ):
            metadata += _text(key) + struct.pack(f"<I{form}", kind, value)
        keys = 3 + (whole.keys if number == 0 else 0)
        paths.append(folder / f"{stem}-0000{number + 1}-of-00002.gguf")
        write_gguf(paths[-1], whole.version, keys, metadata, part)
    return paths
