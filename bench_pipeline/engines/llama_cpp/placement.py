"""Whether a model lies where the backend computes: what the log says against what is in use."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from bench_pipeline.engines.llama_cpp.asked import Elsewhere, as_held, elsewhere
from bench_pipeline.engines.llama_cpp.buffers import (
    device_of,
    is_host,
    is_mapped,
    is_undivided,
    spread,
)
from bench_pipeline.engines.llama_cpp.log_reading import without_addresses
from bench_pipeline.engines.llama_cpp.placement_log import Placement as Placement
from bench_pipeline.engines.llama_cpp.placement_log import read_placement as read_placement
from bench_pipeline.records.rig import Arrangement, Backend
from bench_pipeline.records.server import DeviceMemory, MemoryProof

Verdict = tuple[Literal["fits", "placed", "spilled", "unverified"], str]

_METADATA = 0.01
"""Share of a file's size that is not weights."""
_PADDING = 0.002
"""Share of the weights by which the buffers that hold them may differ."""
ACCOUNTED = 0.9
"""Share of what the log says it allocated that must be found in use on the device. Drivers
round, and memory freed elsewhere meanwhile lowers the difference."""
SWAP_NOISE_MIB = 64
RESIDENT = 0.99
"""Share of the weights that a server must have in memory to have them all there."""


def judge_memory(
    placement: Placement,
    *,
    backend: Backend,
    model_bytes: int,
    loaded: Sequence[DeviceMemory],
    peak: Sequence[DeviceMemory] = (),
    devices: Sequence[str] = (),
    meant: Arrangement | None = None,
    tensors: Mapping[str, int] = {},
    swap_grown_mib: float | None = None,
) -> MemoryProof:
    """Whether the model, and the draft model if there is one, lie wholly where the backend
    computes.

    loaded, peak    memory of every watched device, by the engine's name for it, and of `host`
    devices         those that the server was pinned to; empty: any of the backend
    meant           what the rig's file asks to lie elsewhere
    tensors         bytes of each tensor of the model's file, by name: only `meant` needs it
    swap_grown_mib  by how much swap grew while the model was loaded and measured

    On a GPU backend a model `fits` if the log says all of these: every layer was offloaded; the
    device buffers hold the file but for the token embedding, which llama.cpp keeps on the
    host; host memory holds no more weights than that; no KV cache lies in host memory; and the
    memory then in use on each device accounts for its buffers. A count of layers alone proves
    nothing: CPU builds print 31/31 too, and tensor overrides leave it as it is. Nor does the
    memory in use: a large KV cache hides missing weights. What the log contradicts, or a
    device does not account for, is `spilled`; what cannot be checked is `unverified`.

    What the rig's file asks to lie in the machine's memory is no spill if the log says that just
    that does, and the rest is as above: it is `placed`.

    On `cpu` it `fits` if only host buffers hold weights, they and the rest fit into the memory
    that was free before, and swap did not grow.
    """
    devices = [without_addresses(device) for device in devices]
    parts = [_part(placement, model_bytes / 2**20, "", devices)]
    if draft := placement.draft:
        parts.append(_part(draft, draft.file_mib, "the draft model: ", devices))
    there = elsewhere(placement, meant, tensors)
    verdict, reason = (
        _judge_cpu(parts, loaded, swap_grown_mib)
        if backend == "cpu"
        else _judge_gpu(parts, loaded, devices, any(map(is_undivided, placement.buffers)), there)
    )
    if verdict == "placed" and (grown := _swap_grown(swap_grown_mib)):
        verdict, reason = "spilled", grown
    highest = {device.device: device for device in peak}
    return MemoryProof(
        verdict=verdict,
        reason=reason,
        layers_offloaded=placement.layers_offloaded,
        layers_total=placement.layers_total,
        buffers=[*placement.buffers, *(draft.buffers if draft else ())],
        unused_mib=round(placement.unused_mib, 2) if placement.unused_mib else None,
        devices=[
            now.model_copy(
                update={
                    "used_peak_mib": highest[now.device].used_peak_mib,
                    "ours_peak_mib": highest[now.device].ours_peak_mib,
                }
            )
            if now.device in highest
            else now
            for now in loaded
        ],
    )


_Part = tuple[Placement, float | None, str]
"""A model, the size in MiB of what of its file the server needs (None: not known), and how a
reason names it."""


def _part(placement: Placement, file_mib: float | None, name: str, devices: Sequence[str]) -> _Part:
    """With a buffer for each device, and without the weights that the server ignores."""
    unused = placement.unused_mib
    needed = None if file_mib is None or unused is None else file_mib - unused
    printed = placement.file_mib
    kept = None if printed is None or unused is None else printed - unused
    return (
        replace(placement, buffers=spread(placement.buffers, devices), file_mib=kept),
        needed,
        name,
    )


def _judge_cpu(
    parts: Sequence[_Part], loaded: Sequence[DeviceMemory], swap_grown_mib: float | None
) -> Verdict:
    needed = weights = 0.0
    for part, file_mib, name in parts:
        if not part.mib("weights"):
            return "unverified", f"{name}the server's log names no buffer that holds weights"
        if elsewhere := [b for b in part.buffers if b.holds == "weights" and not is_host(b)]:
            where = ", ".join(dict.fromkeys(device_of(buffer) for buffer in elsewhere))
            return "spilled", f"{name}backend cpu, but weights lie on {where}"
        # A mapped file is counted once: weights repacked for AMX or the like leave it unused.
        repacked = sum(b.mib for b in part.buffers if b.holds == "weights" and not is_mapped(b))
        weights += max(part.mib("weights") if file_mib is None else file_mib, repacked)
        needed += part.mib("kv", "compute", "output")
    needed += weights
    host = next((device for device in loaded if device.device == "host"), None)
    if host is None:
        return "unverified", "the machine's memory was not read"
    free_before = host.total_mib - host.used_before_mib
    if grown := _swap_grown(swap_grown_mib):
        return "spilled", grown
    if needed > free_before:
        lacked = f"it needs {needed:,.0f} MiB, the machine had {free_before:,.0f} MiB free"
        held = host.ours_loaded_mib
        if held is None or held < RESIDENT * weights:
            return "spilled", f"{lacked}: parts of the file are read from disk again and again"
        # A file system's cache that counts as used (ZFS) shrank for it.
        return "fits", (
            f"{lacked}, and yet {held:,.0f} MiB of the server are in memory, all weights among "
            "them, and swap did not grow: a cache that counts as used made room"
        )
    return "fits", (
        f"all weights in host memory; weights, KV cache and buffers of {needed:,.0f} MiB into "
        f"{free_before:,.0f} MiB that were free"
    )


def _swap_grown(mib: float | None) -> str:
    grown = mib is not None and mib > SWAP_NOISE_MIB
    return f"swap grew by {mib:,.0f} MiB while the model was loaded" if grown else ""


def _judge_gpu(
    parts: Sequence[_Part],
    loaded: Sequence[DeviceMemory],
    devices: Sequence[str],
    together: bool,
    there: Elsewhere | None,
) -> Verdict:
    doubts: list[Verdict] = []
    for number, (part, file_mib, name) in enumerate(parts):
        if doubt := _misplaced(part, file_mib, devices, None if number else there):
            doubts.append((doubt[0], f"{name}{doubt[1]}"))
    doubts.sort(key=lambda doubt: doubt[0] != "spilled")  # a certain one before an open one
    if doubts:
        return doubts[0]
    verdict, reason = _accounted_for([part for part, _, _ in parts], loaded, together, there)
    if verdict == "fits" and there:
        verdict = "placed"
    if verdict in ("fits", "placed") and (unused := parts[0][0].unused_mib):
        reason += f"; {unused:,.0f} MiB of the file are for drafting, and ignored"
    return verdict, reason


def _holding(placement: Placement) -> list[str]:
    """Devices with weights on them."""
    weights = [b for b in placement.buffers if b.holds == "weights" and not is_host(b)]
    return list(dict.fromkeys(device_of(buffer) for buffer in weights))


def _misplaced(
    placement: Placement, file_mib: float | None, devices: Sequence[str], there: Elsewhere | None
) -> Verdict | None:
    """What the log has against a model's lying on its devices, but for what is meant to lie
    `there`; None: nothing."""
    holding = _holding(placement)
    offloaded, total = placement.layers_offloaded, placement.layers_total
    if not placement.mib("weights") or offloaded is None or total is None:
        return "unverified", "the server's log names neither layers nor buffers of weights"
    if there and there.problem:
        return "spilled", there.problem
    if not holding and not (there and there.layers and offloaded == 0):
        return "spilled", "no device holds weights: all of them lie in host memory"
    if offloaded < total and not (there and there.layers):
        return "spilled", f"only {offloaded} of {total} layers on {', '.join(holding)}"
    if strangers := [name for name in holding if devices and name not in devices]:
        return "spilled", f"weights on {', '.join(strangers)}, pinned to {', '.join(devices)}"

    if there:
        held, told = as_held(there, placement.mib("weights", host=False))
        if not held:
            return "unverified" if held is None else "spilled", told
        return None if there.layers else _cache_in_host(placement)

    allowance = placement.embedding_limit_mib
    if allowance is None or file_mib is None:
        return "unverified", "the log does not tell how large its token embedding and file are"
    in_host = placement.mib("weights", host=True)
    in_devices = placement.mib("weights", host=False)
    missing = file_mib - in_devices
    unmapped = sum(
        b.mib for b in placement.buffers if b.holds == "weights" and is_host(b) and not is_mapped(b)
    )
    shares = (
        f"{in_host:,.0f} MiB of weights in host memory and {in_devices:,.0f} of {file_mib:,.0f} MiB"
        f" on {', '.join(holding)}; the token embedding, which belongs to the host, has at most"
        f" {allowance:,.0f}"
    )
    if unmapped > allowance or missing > min(in_host, allowance) + _METADATA * file_mib:
        return "spilled", shares
    if (left := _left_behind(placement, in_devices)) is not None:
        return "spilled", (
            f"{left:,.0f} MiB of weights are not on {', '.join(holding)}, and no token embedding of"
            " the file's types is of that size"
        )
    if in_host > allowance:
        # A mapped buffer spans all between its first and last weight, so it may be right; and
        # with a second copy of the embedding on the device a few layers could be missing there.
        return "unverified", shares
    return _cache_in_host(placement)


def _cache_in_host(placement: Placement) -> Verdict | None:
    if kv_in_host := placement.mib("kv", host=True):
        return "spilled", f"{kv_in_host:,.0f} MiB of KV cache in host memory"
    return None


def _left_behind(placement: Placement, in_devices_mib: float) -> float | None:
    """MiB of weights that the devices lack and that cannot be the embedding.

    All layers may count as offloaded and their tensors lie on the host all the same.
    """
    if placement.file_mib is None or placement.embedding_mib is None:
        return None
    missing = placement.file_mib - in_devices_mib
    rounding = 5.2 if placement.file_mib >= 1024 else 0.1  # it is printed as 4.21 GiB, 92.10 MiB
    noise = rounding + _PADDING * placement.file_mib
    known = any(abs(missing - size) <= noise for size in (0.0, *placement.embedding_mib))
    return None if missing < 0 or known else missing


def _accounted_for(
    models: Sequence[Placement],
    loaded: Sequence[DeviceMemory],
    together: bool,
    there: Elsewhere | None,
) -> Verdict:
    """Whether each device's memory in use is as much as the engine says it took there; all of them
    `together` where it does not say what it took on each."""
    holding = list(dict.fromkeys(name for model in models for name in _holding(model)))
    total = sum(model.layers_total or 0 for model in models)
    gpus = {device.device: device for device in loaded if device.device != "host"}
    if len(gpus) == len(holding) == 1 and holding[0] not in gpus:
        # one card by two names: NVML counts CUDA devices, a Vulkan engine its own
        gpus = {holding[0]: next(iter(gpus.values()))}
    taken = {name: sum(model.mib(device=name) for model in models) for name in holding}
    if unread := [name for name in holding if name not in gpus]:
        return "unverified", (
            f"by its log {there.what if there else f'all {total} layers'} and "
            f"{taken[unread[0]]:,.0f} MiB are on {unread[0]}, "
            "but that device's memory could not be read"
        )
    used = {name: _used_mib(gpus[name]) for name in holding}
    if together:
        taken = {" and ".join(holding): sum(taken.values())}
        used = {" and ".join(holding): sum(used.values())}
    for name, mib in taken.items():
        if used[name] < ACCOUNTED * mib:
            return "spilled", (
                f"the engine took {mib:,.0f} MiB on {name}, but only {used[name]:,.0f} MiB are in "
                "use there: the driver put the rest elsewhere"
            )
    accounts = [
        f"{name} uses {used[name]:,.0f} MiB for buffers of {mib:,.0f}"
        for name, mib in taken.items()
    ]
    head = there.what if there else f"all {total} layers on {', '.join(holding)}"
    return "fits", "; ".join([head, *accounts])


def _used_mib(device: DeviceMemory) -> float:
    """By the server, or by all since it started where only that is known."""
    if device.ours_loaded_mib is not None:
        return device.ours_loaded_mib
    return device.used_loaded_mib - device.used_before_mib
