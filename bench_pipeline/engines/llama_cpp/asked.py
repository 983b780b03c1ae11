"""What a rig's file asks of how a model is laid out and computed, against what the server's log
says: only what was asked for may differ from all layers on the device, and it must be as asked.

The log names no tensor that was told to lie elsewhere, but how much each device holds. So what
must lie where is summed up from the file's own list of tensors.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench_pipeline.engines.llama_cpp.placement_log import Placement, read_placement
from bench_pipeline.errors import EngineError
from bench_pipeline.records.rig import Arrangement

_BLOCK = re.compile(r"^blk\.(\d+)\.")
_EXPERTS = re.compile(r"\.ffn_(up|down|gate|gate_up)_(ch|)exps")
"""As llama.cpp's own `--cpu-moe` has it."""
_INPUT = re.compile(r"^(token_embd|per_layer_token_embd|position_embd|token_types)\b")
"""What every layout leaves to the CPU; without an `output` the token embedding is on the device as
well, where the last layer is."""
WITHIN = 0.01
"""Share of the weights that are meant to lie on the devices by which it may be another: padding."""
_TAIL_LINES = 15
_MIB = 2**20


@dataclass(frozen=True)
class Elsewhere:
    """Weights that are meant to lie in the machine's memory though the backend is a GPU's.

    what         in words, with how much it is
    problem      why it cannot be as asked; empty if it can
    layers       whether whole layers are: their KV cache lies there too
    device_mib   how much must lie on the devices; None: the file's tensors are not known
    """

    what: str
    problem: str = ""
    layers: bool = False
    device_mib: float | None = None


def elsewhere(
    placement: Placement, meant: Arrangement | None, tensors: Mapping[str, int]
) -> Elsewhere | None:
    """None where everything is meant to lie on the devices. `tensors`: bytes of each in the file.
    What the rig file's `args` move is not asked for in words, and is a spill."""
    if meant is None:
        return None
    total, offloaded = placement.layers_total or 0, placement.layers_offloaded
    partial = meant.gpu_layers is not None and meant.gpu_layers < total
    if not partial and not meant.meant_on_cpu:
        return None
    moved, problem = _moved(meant, tensors) if meant.meant_on_cpu and tensors else (set(), "")
    if partial and offloaded != meant.gpu_layers:
        problem = f"{offloaded} of {total} layers on the device, {meant.gpu_layers} were asked for"
    told = [f"{offloaded} of {total} layers on the device"] if partial else []
    if moved:
        mib = sum(tensors[name] for name in moved) / _MIB
        told.append(f"{len(moved)} tensors of {mib:,.0f} MiB in host memory")
    first = max(0, total - (meant.gpu_layers or 0)) if partial else 0
    held = _held(tensors, first, total, moved) / _MIB if tensors else None
    return Elsewhere(f"{', '.join(told)}, as asked", problem, partial, held)


def _held(tensors: Mapping[str, int], first: int, total: int, moved: set[str]) -> int:
    """Bytes on the devices with the layers from number `first` of `total` (the last is the output
    layer), but for those that were `moved`."""
    found = 0
    for name, size in tensors.items():
        block = _BLOCK.match(name)
        layer = int(block[1]) if block else total - 1
        if name not in moved and first <= layer < total and not _INPUT.match(name):
            found += size
    tied = "output.weight" not in tensors and first < total
    return found + (tensors.get("token_embd.weight", 0) if tied else 0)


def _moved(meant: Arrangement, tensors: Mapping[str, int]) -> tuple[set[str], str]:
    """Names of the tensors that are meant to lie in the machine's memory, and what is wrong with
    asking so."""
    moved: set[str] = set()
    for pattern in meant.tensors_on_cpu or ():
        found = {name for name in tensors if re.search(pattern, name)}
        if not found:
            return moved, f"no tensor of the file matches `{pattern}` of `tensors_on_cpu`"
        moved |= found
    if meant.experts_on_cpu is not None:
        experts = {name for name in tensors if _EXPERTS.search(name)}
        if not experts:
            return moved, "the model has no experts that could lie in host memory"
        if meant.experts_on_cpu != "all":
            count = meant.experts_on_cpu
            experts = {n for n in experts if (at := _BLOCK.match(n)) and int(at[1]) < count}
        moved |= experts
    return moved, ""


def as_held(there: Elsewhere, in_devices_mib: float) -> tuple[bool | None, str]:
    """Whether the devices hold what they were asked to; None: the file's tensors are not known."""
    if there.device_mib is None:
        return None, "the file does not tell which of its tensors are of what size"
    told = f"{in_devices_mib:,.0f} MiB of weights on the device, {there.device_mib:,.0f} were asked"
    noise = max(1.0, WITHIN * there.device_mib)
    return abs(in_devices_mib - there.device_mib) <= noise, f"{told} for"


def check_as_asked(meant: Arrangement, log_lines: Sequence[str]) -> None:
    """Once the server answers. EngineError (`refused`) if its log says that it computes otherwise
    than the rig's file asks, or does not tell."""
    placement = read_placement(log_lines)
    for word, asked, found in _said(meant, placement):
        if found != asked:
            said = "does not tell" if found is None else f"says {found}"
            raise EngineError(
                f"the rig file asks for {word} {asked}, the server's log {said}",
                mend=f"correct `{word}` in the rig's file, or choose another build",
                where=word,
                kind="refused",
                log_tail=tuple(placement.proof[-_TAIL_LINES:]),
            )


def _said(meant: Arrangement, placement: Placement) -> Iterator[tuple[str, str, str | None]]:
    """Word, what was asked and what the log says of it."""
    keys, values = placement.cache_types or (None, None)
    if meant.cache_type_k:
        yield "cache_type_k", meant.cache_type_k, keys
    if meant.cache_type_v:
        yield "cache_type_v", meant.cache_type_v, values
    if meant.flash_attention:
        found = placement.flash_attention
        yield "flash_attention", meant.flash_attention, found
    if meant.ubatch_tokens:
        batch = placement.ubatch_tokens
        yield "ubatch_tokens", str(meant.ubatch_tokens), None if batch is None else str(batch)
