"""A buffer as the engine's log names it: what it holds, and where it lies."""

import re
from typing import Literal

from bench_pipeline.records.server import Buffer

Holds = Literal["weights", "kv", "compute", "output"]

_HOLDS: dict[str, Holds] = {
    "model": "weights",
    "KV": "kv",
    "RS": "kv",  # the state of recurrent layers: what a KV cache is to attention
    "compute": "compute",
    "output": "output",
}
_BUFFER = re.compile(
    r":\s+(?P<device>\S+)\s+(?P<what>model|KV|RS|compute|output)\s+buffer size\s*=\s*"
    r"(?P<mib>[\d.]+) MiB"
)


def read_buffer(line: str, of: Literal["model", "draft"]) -> Buffer | None:
    """The buffer that `line` of the log tells of, if it tells of one."""
    if (match := _BUFFER.search(line)) is None:
        return None
    holds, mib = _HOLDS[match["what"]], float(match["mib"])
    return Buffer(device=match["device"], holds=holds, mib=mib, of=of)


def device_of(buffer: Buffer) -> str:
    """`CUDA0` of `CUDA0`, `MTL0` of `MTL0_Mapped`."""
    return buffer.device.split("_")[0]


def is_host(buffer: Buffer) -> bool:
    """Whether it lies in the machine's memory, for the CPU or pinned for a GPU's transfers."""
    name = buffer.device
    return name.startswith(("CPU", "AMX", "BLAS")) or name.endswith("_Host")


def is_mapped(buffer: Buffer) -> bool:
    """Whether it is the model's file itself, mapped into memory."""
    return buffer.device.endswith("_Mapped")
