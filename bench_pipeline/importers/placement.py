"""Where a model lay by the settings of an imported test: nobody looked."""

import re
from collections.abc import Mapping

from bench_pipeline.records.rig import Backend
from bench_pipeline.records.server import MemoryProof

_ALL_LAYERS = 99
"""What people write for "all of them"; also what llama-bench itself took, until `-1`."""


def placement_of(settings: Mapping[str, str], backend: Backend) -> MemoryProof | None:
    """`spilled` where part of the model was left in the host's memory on purpose, `unverified`
    where some layers may have been; None where nothing says so."""
    if backend == "cpu":
        return None
    left = []
    moved = settings.get("n_cpu_moe", "0")
    if moved not in ("", "0"):
        left.append(f"the experts of {moved} layers (-ncmoe {moved})")
    overrides = settings.get("tensor_buft_overrides", "none")
    if re.search(r"=\s*CPU", overrides):
        left.append(f"tensors that -ot names ({overrides})")
    if settings.get("no_kv_offload") == "1":
        left.append("the KV cache (-nkvo)")
    if left:
        return MemoryProof(
            verdict="spilled",
            reason=f"By its settings, {' and '.join(left)} lay in the host's memory.",
        )
    if (margin := settings.get("fit_target", "0")) not in ("", "0"):
        return MemoryProof(
            verdict="unverified",
            reason=f"The engine chose what to leave in the host's memory, so that {margin} MiB of "
            "the GPU's stay free (-fitt); how much it was, its file does not say.",
        )
    layers = settings.get("n_gpu_layers", "")
    if layers.isdecimal() and 0 < int(layers) < _ALL_LAYERS:
        return MemoryProof(
            verdict="unverified",
            reason=f"{layers} layers were asked onto the GPU (-ngl); how many the model has, its "
            "file does not say.",
        )
    return None
