"""A GGUF file with fewer layers: the same tokenizer, template and way through the engine, and a
fraction of the work."""

import re
import struct
from pathlib import Path

from tests.engines.llama_cpp.gguf_file import read_gguf, write_gguf

_LAYER = re.compile(rb"blk\.(\d+)\.")


def first_layers(model: Path, target: Path, layers: int) -> None:
    """Writes `model` without what comes after its first `layers`."""
    whole = read_gguf(model)
    metadata = bytearray(whole.metadata)
    struct.pack_into("<I", metadata, whole.values_at[b"llama.block_count"], layers)
    kept = [
        tensor
        for tensor in whole.tensors
        if (layer := _LAYER.match(tensor.name)) is None or int(layer[1]) < layers
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    write_gguf(target, whole.version, whole.keys, bytes(metadata), kept)
