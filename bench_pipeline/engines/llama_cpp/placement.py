"""Where a model lies, as the server's own log tells it, and whether that is where it should.

Read from what llama-server prints at `--verbosity 4` before it listens. Formats seen: b10068,
b10092, b10434 (time, level and component before each line) and b11434.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bench_pipeline.engines.llama_cpp import embedding
from bench_pipeline.engines.llama_cpp.buffers import (
    Holds,
    device_of,
    is_host,
    is_mapped,
    read_buffer,
)
from bench_pipeline.engines.llama_cpp.log_reading import scrub, without_prefix
from bench_pipeline.records.rig import Backend
from bench_pipeline.records.server import Buffer, DeviceMemory, MemoryProof

Verdict = tuple[Literal["fits", "spilled", "unverified"], str]

_LAYERS = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_LISTENS = re.compile(r"\blistening on\b")
_COMMIT = re.compile(r"\bbuild:? \d+ \([0-9a-z]+\) with ")
_SYSTEM = re.compile(r"\bsystem_info: (?P<info>.+)")
_DEVICE = re.compile(r"^\s*(?:common_param: )?\s*- \w+\s*: .+ \(\d+ MiB, \d+ MiB free\)")
_USING = re.compile(r"using device \S+")
_CONTEXT = re.compile(r"initializing,? (?:slots, )?n_slots = \d+")
_DRAFT = re.compile(r"loading draft model '(?P<path>.+)'")
_DRAFTS = re.compile(r"\bspeculative decoding context initialized\b")
_NO_DRAFT = re.compile(
    r"vocabs are not compatible|failed to initialize speculative|draft model vocab"
)
_THINKING = re.compile(r"chat template, thinking = ([01])")
_TYPE = re.compile(r"llama_model_loader: - type\s+(\w+):\s+\d+ tensors")
_VOCABULARY = re.compile(r"print_info:\s+vocab type\s*=\s*(\S+)")
_NUMBERS = {
    "layers": re.compile(r"print_info:\s+n_layer\s*=\s*(\d+)"),
    "context": re.compile(r"print_info:\s+n_ctx_train\s*=\s*(\d+)"),
    "vocabulary": re.compile(r"print_info:\s+n_vocab\s*=\s*(\d+)"),
    "experts": re.compile(r"print_info:\s+n_expert\s*=\s*(\d+)"),
    "width": re.compile(r"print_info:\s+n_embd\s*=\s*(\d+)"),
    # Gemma 3n and later keep an embedding for each layer, on the CPU by design
    "width_per_layer": re.compile(r"\.embedding_length_per_layer_input \w+\s*=\s*(\d+)"),
}
_PARAMETERS = re.compile(r"model params\s*=\s*([\d.]+)\s*([KMBT])")
_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_FILE = re.compile(r"file size\s*=\s*([\d.]+) ([MG])iB \(([\d.]+) BPW\)")

_METADATA = 0.01
"""Share of a file's size that is not weights."""
_PADDING = 0.002
"""Share of the weights by which the buffers that hold them may differ."""
ACCOUNTED = 0.9
"""Share of what the log says it allocated that must be found in use on the device. Drivers
round, and memory freed elsewhere meanwhile lowers the difference."""
SWAP_NOISE_MIB = 64


@dataclass(frozen=True)
class Placement:
    """What the log says. None or empty: it did not say.

    buffers               the model's own; those of a draft model are in `draft`
    parameters            as printed, to four digits
    file_mib              all weights, as printed
    embedding_limit_mib   the token embedding has at most this size
    embedding_mib         sizes of it that a device may lack; None: the log does not tell
    vocab_type            `BPE`, `SPM`, ...
    thinks                whether the chat template opens with hidden reasoning, as switched
    drafts                whether speculative decoding was set up; False also where it failed
    draft                 the draft model's own figures, if one was loaded
    proof                 the lines that all of it rests on, free of times and private paths
    """

    buffers: list[Buffer] = field(default_factory=list)
    layers_offloaded: int | None = None
    layers_total: int | None = None
    system_info: str | None = None
    proof: list[str] = field(default_factory=list)
    parameters: int | None = None
    layers: int | None = None
    context_train_tokens: int | None = None
    experts: int | None = None
    vocab_type: str | None = None
    vocab_tokens: int | None = None
    thinks: bool | None = None
    file_mib: float | None = None
    embedding_limit_mib: float | None = None
    embedding_mib: list[float] | None = None
    commit_line: str | None = None
    drafts: bool = False
    draft: "Placement | None" = None

    def mib(self, *holds: Holds, device: str | None = None, host: bool | None = None) -> float:
        """Sum of the buffers that hold one of `holds` (default: anything), by place."""
        return sum(
            buffer.mib
            for buffer in self.buffers
            if (not holds or buffer.holds in holds)
            and (device is None or device_of(buffer) == device)
            and (host is None or is_host(buffer) == host)
        )


class _ModelLines:
    """What the log says of one model: the first is the model itself, the next its draft."""

    def __init__(self, of: Literal["model", "draft"]) -> None:
        self.of: Literal["model", "draft"] = of
        self.buffers: list[Buffer] = []
        self.layers: tuple[int, int] | None = None
        self.numbers: dict[str, int] = {}
        self.parameters: int | None = None
        self.vocab_type: str | None = None
        self.types: list[str] = []
        self.file_mib: float | None = None
        self.bits: float | None = None

    def read(self, line: str) -> bool:
        """Whether the line proves where the model lies."""
        if buffer := read_buffer(line, self.of):
            self.buffers.append(buffer)
        elif match := _LAYERS.search(line):
            self.layers = self.layers or (int(match[1]), int(match[2]))
        else:
            for name, pattern in _NUMBERS.items():
                if match := pattern.search(line):
                    self.numbers.setdefault(name, int(match[1]))
            if self.parameters is None and (match := _PARAMETERS.search(line)):
                self.parameters = round(float(match[1]) * _UNITS[match[2]])
            if self.file_mib is None and (match := _FILE.search(line)):
                self.file_mib = float(match[1]) * (1024 if match[2] == "G" else 1)
                self.bits = float(match[3])
            if match := _TYPE.search(line):
                self.types.append(match[1])
            if self.vocab_type is None and (match := _VOCABULARY.search(line)):
                self.vocab_type = match[1]
            return False
        return True

    def placement(self) -> Placement:
        numbers = self.numbers
        limit = sizes = None
        if "vocabulary" in numbers and "width" in numbers:
            token = numbers["vocabulary"] * numbers["width"]
            columns = numbers.get("width_per_layer", 0) * numbers.get("layers", 0)
            per_layer = numbers["vocabulary"] * columns
            limit = embedding.largest_mib(token + per_layer, self.bits)
            sizes = embedding.possible_mib(token, per_layer, self.types)
        return Placement(
            buffers=self.buffers,
            layers_offloaded=self.layers[0] if self.layers else None,
            layers_total=self.layers[1] if self.layers else None,
            parameters=self.parameters,
            layers=numbers.get("layers"),
            context_train_tokens=numbers.get("context"),
            experts=numbers.get("experts"),
            vocab_type=self.vocab_type,
            vocab_tokens=numbers.get("vocabulary"),
            file_mib=self.file_mib,
            embedding_limit_mib=limit,
            embedding_mib=sizes,
        )


def read_placement(lines: Iterable[str]) -> Placement:
    """What the log says up to the moment at which the server listens."""
    models, proof = [_ModelLines("model")], []
    system_info = commit_line = thinks = None
    drafts = False
    for raw in lines:
        line = without_prefix(raw)
        if _LISTENS.search(line):
            break  # later lines are about requests
        proves = True
        if match := _DRAFT.search(line):
            models.append(_ModelLines("draft"))
            line = f"loading draft model '{Path(match['path']).name}'"
        elif match := _SYSTEM.search(line):
            system_info = match["info"].strip().rstrip("|").strip()
        elif _COMMIT.search(line):
            commit_line = line
        elif match := _THINKING.search(line):
            thinks = match[1] == "1"
        elif _DRAFTS.search(line):
            drafts = True
        elif not any(p.search(line) for p in (_USING, _DEVICE, _CONTEXT, _NO_DRAFT)):
            proves = models[-1].read(line)
        if proves:
            proof.append(scrub(line))
    return replace(
        models[0].placement(),
        system_info=system_info,
        proof=proof,
        thinks=thinks,
        commit_line=commit_line,
        drafts=drafts,
        draft=models[1].placement() if len(models) > 1 else None,
    )


def judge_memory(
    placement: Placement,
    *,
    backend: Backend,
    model_bytes: int,
    loaded: Sequence[DeviceMemory],
    peak: Sequence[DeviceMemory] = (),
    devices: Sequence[str] = (),
    swap_grown_mib: float | None = None,
) -> MemoryProof:
    """Whether the model, and the draft model if there is one, lie wholly where the backend
    computes.

    loaded, peak    memory of every watched device, by the engine's name for it, and of `host`
    devices         those that the server was pinned to; empty: any of the backend
    swap_grown_mib  by how much swap grew while the model was loaded and measured

    On a GPU backend a model `fits` if the log says all of these: every layer was offloaded; the
    device buffers hold the file but for the token embedding, which llama.cpp keeps on the
    host; host memory holds no more weights than that; no KV cache lies in host memory; and the
    memory then in use on each device accounts for its buffers. A count of layers alone proves
    nothing: CPU builds print 31/31 too, and tensor overrides leave it as it is. Nor does the
    memory in use: a large KV cache hides missing weights. What the log contradicts, or a
    device does not account for, is `spilled`; what cannot be checked is `unverified`.

    On `cpu` it `fits` if only host buffers hold weights, they and the rest fit into the memory
    that was free before, and swap did not grow.
    """
    parts: list[_Part] = [(placement, model_bytes / 2**20, "")]
    if draft := placement.draft:
        parts.append((draft, draft.file_mib, "the draft model: "))
    verdict, reason = (
        _judge_cpu(parts, loaded, swap_grown_mib)
        if backend == "cpu"
        else _judge_gpu(parts, loaded, devices)
    )
    highest = {device.device: device for device in peak}
    return MemoryProof(
        verdict=verdict,
        reason=reason,
        layers_offloaded=placement.layers_offloaded,
        layers_total=placement.layers_total,
        buffers=[buffer for part, _, _ in parts for buffer in part.buffers],
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
"""A model, the size of its file in MiB, and how a reason names it."""


def _judge_cpu(
    parts: Sequence[_Part], loaded: Sequence[DeviceMemory], swap_grown_mib: float | None
) -> Verdict:
    needed = 0.0
    for part, file_mib, name in parts:
        if not part.mib("weights"):
            return "unverified", f"{name}the server's log names no buffer that holds weights"
        if elsewhere := [b for b in part.buffers if b.holds == "weights" and not is_host(b)]:
            where = ", ".join(dict.fromkeys(device_of(buffer) for buffer in elsewhere))
            return "spilled", f"{name}backend cpu, but weights lie on {where}"
        # A mapped file is counted once: weights repacked for AMX or the like leave it unused.
        repacked = sum(b.mib for b in part.buffers if b.holds == "weights" and not is_mapped(b))
        needed += max(file_mib or 0, repacked) + part.mib("kv", "compute", "output")
    host = next((device for device in loaded if device.device == "host"), None)
    if host is None:
        return "unverified", "the machine's memory was not read"
    free_before = host.total_mib - host.used_before_mib
    if needed > free_before:
        return "spilled", (
            f"it needs {needed:,.0f} MiB, the machine had {free_before:,.0f} MiB free: parts of "
            "the file are read from disk again and again"
        )
    if swap_grown_mib is not None and swap_grown_mib > SWAP_NOISE_MIB:
        return "spilled", f"swap grew by {swap_grown_mib:,.0f} MiB while the model was loaded"
    return "fits", (
        f"all weights in host memory; weights, KV cache and buffers of {needed:,.0f} MiB into "
        f"{free_before:,.0f} MiB that were free"
    )


def _judge_gpu(
    parts: Sequence[_Part], loaded: Sequence[DeviceMemory], devices: Sequence[str]
) -> Verdict:
    doubts: list[Verdict] = []
    for part, file_mib, name in parts:
        if doubt := _misplaced(part, file_mib, devices):
            doubts.append((doubt[0], f"{name}{doubt[1]}"))
    doubts.sort(key=lambda doubt: doubt[0] != "spilled")  # a certain one before an open one
    return doubts[0] if doubts else _accounted_for([part for part, _, _ in parts], loaded)


def _holding(placement: Placement) -> list[str]:
    """Devices with weights on them."""
    weights = [b for b in placement.buffers if b.holds == "weights" and not is_host(b)]
    return list(dict.fromkeys(device_of(buffer) for buffer in weights))


def _misplaced(
    placement: Placement, file_mib: float | None, devices: Sequence[str]
) -> Verdict | None:
    """What the log has against a model's lying on its devices; None: nothing."""
    holding = _holding(placement)
    offloaded, total = placement.layers_offloaded, placement.layers_total
    if not placement.mib("weights") or offloaded is None or total is None:
        return "unverified", "the server's log names neither layers nor buffers of weights"
    if not holding:
        return "spilled", "no device holds weights: all of them lie in host memory"
    if offloaded < total:
        return "spilled", f"only {offloaded} of {total} layers on {', '.join(holding)}"
    if strangers := [name for name in holding if devices and name not in devices]:
        return "spilled", f"weights on {', '.join(strangers)}, pinned to {', '.join(devices)}"

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


def _accounted_for(models: Sequence[Placement], loaded: Sequence[DeviceMemory]) -> Verdict:
    """Whether each device's memory in use is as much as the engine says it took there."""
    holding = list(dict.fromkeys(name for model in models for name in _holding(model)))
    total = sum(model.layers_total or 0 for model in models)
    gpus = {device.device: device for device in loaded if device.device != "host"}
    if len(gpus) == len(holding) == 1 and holding[0] not in gpus:
        # one card by two names: NVML counts CUDA devices, a Vulkan engine its own
        gpus = {holding[0]: next(iter(gpus.values()))}
    accounts = []
    for name in holding:
        taken = sum(model.mib(device=name) for model in models)
        if (gpu := gpus.get(name)) is None:
            return "unverified", (
                f"by its log all {total} layers and {taken:,.0f} MiB are on "
                f"{name}, but that device's memory could not be read"
            )
        used = gpu.used_loaded_mib - gpu.used_before_mib
        used = gpu.ours_loaded_mib if gpu.ours_loaded_mib is not None else used
        if used < ACCOUNTED * taken:
            return "spilled", (
                f"the engine took {taken:,.0f} MiB on {name}, but only {used:,.0f} MiB are in use "
                "there: the driver put the rest elsewhere"
            )
        accounts.append(f"{name} uses {used:,.0f} MiB for buffers of {taken:,.0f}")
    layers = f"all {total} layers on {', '.join(holding)}"
    return "fits", f"{layers}; {'; '.join(accounts)}"
