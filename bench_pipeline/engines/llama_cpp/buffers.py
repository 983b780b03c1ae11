"""A buffer as the engine's log names it: what it holds, and where it lies."""

import re
from collections.abc import Sequence
from typing import Literal

from bench_pipeline.engines.llama_cpp.log_reading import without_addresses
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
_META = re.compile(r"Meta\((?P<names>[^()]*)\)")
_SPLIT = re.compile(r"(?P<kind>[A-Za-z]+)_Split$")


def read_buffer(line: str, of: Literal["model", "draft"]) -> Buffer | None:
    """The buffer that `line` of the log tells of, if it tells of one."""
    if (match := _BUFFER.search(line)) is None:
        return None
    holds, mib = _HOLDS[match["what"]], float(match["mib"])
    return Buffer(device=without_addresses(match["device"]), holds=holds, mib=mib, of=of)


def device_of(buffer: Buffer) -> str:
    """`CUDA0` of `CUDA0`, `MTL0` of `MTL0_Mapped`."""
    return buffer.device.split("_")[0]


def spread(buffers: Sequence[Buffer], devices: Sequence[str]) -> list[Buffer]:
    """`buffers`, with one for each device where the log names several at once.

    `--split-mode tensor` has one buffer over all, `Meta(CUDA0,CUDA1)` or `Meta()`, whose size is
    each device's share. Row split of older builds has `CUDA_Split`, whose size is that of all
    shares together; they are told apart by nothing, and taken for equal.
    """
    found: list[Buffer] = []
    for buffer in buffers:
        mib, names = buffer.mib, [buffer.device]
        if meta := _META.match(buffer.device):
            names = [name for name in meta["names"].split(",") if name] or list(devices) or names
        elif split := _SPLIT.match(buffer.device):
            of_kind = [name for name in devices if name.rstrip("0123456789") == split["kind"]]
            names = of_kind or names
            mib /= len(names)
        found += [buffer.model_copy(update={"device": name, "mib": mib}) for name in names]
    return found


def is_undivided(buffer: Buffer) -> bool:
    """Whether the log gives its size over several devices, and not each one's share."""
    return _SPLIT.match(buffer.device) is not None


def is_host(buffer: Buffer) -> bool:
    """Whether it lies in the machine's memory, for the CPU or pinned for a GPU's transfers."""
    name = buffer.device
    return name.startswith(("CPU", "AMX", "BLAS")) or name.endswith("_Host")


def is_mapped(buffer: Buffer) -> bool:
    """Whether it is the model's file itself, mapped into memory."""
    return buffer.device.endswith("_Mapped")
