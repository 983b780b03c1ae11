"""Where a model lies, as the server's own log tells it, and whether that is where it should.

Read from what llama-server prints at `--verbosity 4` before it listens. Formats seen: b10068,
b10092, b10434 (time, level and component before each line) and b11434.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench_pipeline.engines.log_reading import scrub, without_prefix
from bench_pipeline.records.rig import Backend
from bench_pipeline.records.server import Buffer, DeviceMemory, MemoryProof

Holds = Literal["weights", "kv", "compute", "output"]
Verdict = tuple[Literal["fits", "spilled", "unverified"], str]

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
_LAYERS = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_LISTENS = re.compile(r"\blistening on\b")
_COMMIT = re.compile(r"\bbuild:? \d+ \([0-9a-z]+\) with ")
_SYSTEM = re.compile(r"\bsystem_info: (?P<info>.+)")
_DEVICE = re.compile(r"^\s*(?:common_param: )?\s*- \w+\s*: .+ \(\d+ MiB, \d+ MiB free\)")
_USING = re.compile(r"using device \S+")
_CONTEXT = re.compile(r"initializing,? (?:slots, )?n_slots = \d+")
_NUMBERS = {
    "layers": re.compile(r"print_info:\s+n_layer\s*=\s*(\d+)"),
    "context": re.compile(r"print_info:\s+n_ctx_train\s*=\s*(\d+)"),
    "vocabulary": re.compile(r"print_info:\s+n_vocab\s*=\s*(\d+)"),
    "experts": re.compile(r"print_info:\s+n_expert\s*=\s*(\d+)"),
    "thinking": re.compile(r"chat template, thinking = ([01])"),
    "width": re.compile(r"print_info:\s+n_embd\s*=\s*(\d+)"),
    # Gemma 3n and later keep an embedding for each layer, on the CPU by design
    "width_per_layer": re.compile(r"\.embedding_length_per_layer_input \w+\s*=\s*(\d+)"),
}
_PARAMETERS = re.compile(r"model params\s*=\s*([\d.]+)\s*([KMBT])")
_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_BITS = re.compile(r"file size\s*=.*\(([\d.]+) BPW\)")

_EMBEDDING_BITS = 16
"""Per weight, at most, unless the whole file has more: embeddings are quantized less than the
rest (q6_K, q8_0, f16 in a 4-bit file)."""
_ACCOUNTED = 0.9
"""Share of what the log says it allocated that must be found in use on the device. Drivers
round, and memory freed elsewhere meanwhile lowers the difference."""
_SWAP_NOISE_MIB = 64


@dataclass(frozen=True)
class Placement:
    """What the log says. None or empty: it did not say.

    parameters            as printed, to four digits
    embedding_limit_mib   the token embedding has at most this size
    thinks                whether the chat template opens with hidden reasoning, as switched
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
    thinks: bool | None = None
    embedding_limit_mib: float | None = None
    commit_line: str | None = None

    def mib(self, *holds: Holds, device: str | None = None, host: bool | None = None) -> float:
        """Sum of the buffers that hold one of `holds` (default: anything), by place."""
        return sum(
            buffer.mib
            for buffer in self.buffers
            if (not holds or buffer.holds in holds)
            and (device is None or device_of(buffer) == device)
            and (host is None or is_host(buffer) == host)
        )


def device_of(buffer: Buffer) -> str:
    """`CUDA0` of `CUDA0`, `MTL0` of `MTL0_Mapped`."""
    return buffer.device.split("_")[0]


def is_host(buffer: Buffer) -> bool:
    """Whether it lies in the machine's memory, for the CPU or pinned for a GPU's transfers."""
    name = buffer.device
    return name.startswith(("CPU", "AMX", "BLAS")) or name.endswith("_Host")


def _mapped(buffer: Buffer) -> bool:
    """Whether it is the model's file itself, mapped into memory."""
    return buffer.device.endswith("_Mapped")


def read_placement(lines: Iterable[str]) -> Placement:
    """What the log says up to the moment at which the server listens."""
    buffers, proof = [], []
    numbers: dict[str, int] = {}
    layers: tuple[int, int] | None = None
    system_info = commit_line = parameters = bits = None
    for raw in lines:
        line = without_prefix(raw)
        if _LISTENS.search(line):
            break  # later lines are about requests
        proves = True
        if match := _BUFFER.search(line):
            buffers.append(
                Buffer(device=match["device"], holds=_HOLDS[match["what"]], mib=float(match["mib"]))
            )
        elif match := _LAYERS.search(line):
            # the first is the model's, a second would be a draft model's
            layers = layers or (int(match[1]), int(match[2]))
        elif match := _SYSTEM.search(line):
            system_info = match["info"].strip().rstrip("|").strip()
        elif _COMMIT.search(line):
            commit_line = line
        elif not (_USING.search(line) or _DEVICE.search(line) or _CONTEXT.search(line)):
            proves = False
            for name, pattern in _NUMBERS.items():
                if match := pattern.search(line):
                    numbers.setdefault(name, int(match[1]))
            if parameters is None and (match := _PARAMETERS.search(line)):
                parameters = round(float(match[1]) * _UNITS[match[2]])
            if bits is None and (match := _BITS.search(line)):
                bits = float(match[1])
        if proves:
            proof.append(scrub(line))
    return Placement(
        buffers=buffers,
        layers_offloaded=layers[0] if layers else None,
        layers_total=layers[1] if layers else None,
        system_info=system_info,
        proof=proof,
        parameters=parameters,
        layers=numbers.get("layers"),
        context_train_tokens=numbers.get("context"),
        experts=numbers.get("experts"),
        thinks=bool(numbers["thinking"]) if "thinking" in numbers else None,
        embedding_limit_mib=_embedding_limit_mib(numbers, bits),
        commit_line=commit_line,
    )


def _embedding_limit_mib(numbers: dict[str, int], bits: float | None) -> float | None:
    if "vocabulary" not in numbers or "width" not in numbers:
        return None
    columns = numbers["width"] + numbers.get("width_per_layer", 0) * numbers.get("layers", 0)
    weights = numbers["vocabulary"] * columns
    return weights * max(bits or 0, _EMBEDDING_BITS) / 8 / 2**20


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
    """Whether the model lies wholly where the backend computes.

    loaded, peak    memory of every watched device, by the engine's name for it, and of `host`
    devices         those that the server was pinned to; empty: any of the backend
    swap_grown_mib  by how much swap grew while the model was loaded and measured

    On a GPU backend it `fits` if the log says all of these: every layer was offloaded; the
    device buffers hold the file but for the token embedding, which llama.cpp keeps on the
    host; host memory holds no more weights than that; no KV cache lies in host memory; and if the
    memory then in use on each device accounts for its buffers. A count of layers alone proves
    nothing: CPU builds print 31/31 too, and tensor overrides leave it as it is. Nor does the
    memory in use: a large KV cache hides missing weights. What the log contradicts, or a
    device does not account for, is `spilled`; what cannot be checked is `unverified`.

    On `cpu` it `fits` if only host buffers hold weights, they and the rest fit into the memory
    that was free before, and swap did not grow.
    """
    file_mib = model_bytes / 2**20
    verdict, reason = (
        _judge_cpu(placement, file_mib, loaded, swap_grown_mib)
        if backend == "cpu"
        else _judge_gpu(placement, file_mib, loaded, devices)
    )
    highest = {device.device: device for device in peak}
    return MemoryProof(
        verdict=verdict,
        reason=reason,
        layers_offloaded=placement.layers_offloaded,
        layers_total=placement.layers_total,
        buffers=placement.buffers,
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


def _judge_cpu(
    placement: Placement,
    file_mib: float,
    loaded: Sequence[DeviceMemory],
    swap_grown_mib: float | None,
) -> Verdict:
    if not placement.mib("weights"):
        return "unverified", "the server's log names no buffer that holds weights"
    if elsewhere := [b for b in placement.buffers if b.holds == "weights" and not is_host(b)]:
        where = ", ".join(dict.fromkeys(device_of(buffer) for buffer in elsewhere))
        return "spilled", f"backend cpu, but weights lie on {where}"
    host = next((device for device in loaded if device.device == "host"), None)
    if host is None:
        return "unverified", "the machine's memory was not read"
    # A mapped file is counted once: weights repacked for AMX or the like leave it unused.
    repacked = sum(b.mib for b in placement.buffers if b.holds == "weights" and not _mapped(b))
    needed = max(file_mib, repacked) + placement.mib("kv", "compute", "output")
    free_before = host.total_mib - host.used_before_mib
    if needed > free_before:
        return "spilled", (
            f"it needs {needed:,.0f} MiB, the machine had {free_before:,.0f} MiB free: parts of "
            "the file are read from disk again and again"
        )
    if swap_grown_mib is not None and swap_grown_mib > _SWAP_NOISE_MIB:
        return "spilled", f"swap grew by {swap_grown_mib:,.0f} MiB while the model was loaded"
    return "fits", (
        f"all weights in host memory; weights, KV cache and buffers of {needed:,.0f} MiB into "
        f"{free_before:,.0f} MiB that were free"
    )


def _judge_gpu(
    placement: Placement,
    file_mib: float,
    loaded: Sequence[DeviceMemory],
    devices: Sequence[str],
) -> Verdict:
    on_devices = [b for b in placement.buffers if not is_host(b)]
    holding = list(dict.fromkeys(device_of(b) for b in on_devices if b.holds == "weights"))
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
    if allowance is None:
        return "unverified", "the log does not tell how large the token embedding is"
    in_host = placement.mib("weights", host=True)
    in_devices = placement.mib("weights", host=False)
    missing = file_mib - in_devices
    unmapped = sum(
        b.mib for b in placement.buffers if b.holds == "weights" and is_host(b) and not _mapped(b)
    )
    shares = (
        f"{in_host:,.0f} MiB of weights in host memory and {in_devices:,.0f} of {file_mib:,.0f} MiB"
        f" on {', '.join(holding)}; the token embedding, which belongs to the host, has at most"
        f" {allowance:,.0f}"
    )
    if unmapped > allowance or missing > min(in_host, allowance) + 0.01 * file_mib:
        return "spilled", shares
    if in_host > allowance:
        # A mapped buffer spans all between its first and last weight, so it may be right; and
        # with a second copy of the embedding on the device a few layers could be missing there.
        return "unverified", shares
    if kv_in_host := placement.mib("kv", host=True):
        return "spilled", f"{kv_in_host:,.0f} MiB of KV cache in host memory"
    return _accounted_for(placement, holding, loaded)


def _accounted_for(
    placement: Placement, holding: Sequence[str], loaded: Sequence[DeviceMemory]
) -> Verdict:
    """Whether each device's memory in use is as much as the engine says it took there."""
    gpus = {device.device: device for device in loaded if device.device != "host"}
    if len(gpus) == len(holding) == 1 and holding[0] not in gpus:
        # one card by two names: NVML counts CUDA devices, a Vulkan engine its own
        gpus = {holding[0]: next(iter(gpus.values()))}
    accounts = []
    for name in holding:
        taken = placement.mib(device=name)
        if (gpu := gpus.get(name)) is None:
            return "unverified", (
                f"by its log all {placement.layers_total} layers and {taken:,.0f} MiB are on "
                f"{name}, but that device's memory could not be read"
            )
        used = gpu.used_loaded_mib - gpu.used_before_mib
        used = gpu.ours_loaded_mib if gpu.ours_loaded_mib is not None else used
        if used < _ACCOUNTED * taken:
            return "spilled", (
                f"the engine took {taken:,.0f} MiB on {name}, but only {used:,.0f} MiB are in use "
                "there: the driver put the rest elsewhere"
            )
        accounts.append(f"{name} uses {used:,.0f} MiB for buffers of {taken:,.0f}")
    layers = f"all {placement.layers_total} layers on {', '.join(holding)}"
    return "fits", f"{layers}; {'; '.join(accounts)}"
