"""Where a model lies, as the server's own log tells it.

Read from what llama-server prints at `--verbosity 4` before it listens. Formats seen: b10068,
b10092, b10434 (time, level and component before each line) and b11434.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bench_pipeline.engines.llama_cpp import embedding
from bench_pipeline.engines.llama_cpp.buffers import (
    Holds,
    device_of,
    is_host,
    read_buffer,
)
from bench_pipeline.engines.llama_cpp.log_reading import scrub, without_prefix
from bench_pipeline.records.server import Buffer

_LAYERS = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_LISTENS = re.compile(r"\blistening on\b")
_COMMIT = re.compile(r"\bbuild:? \d+ \([0-9a-z]+\) with ")
_SYSTEM = re.compile(r"\bsystem_info: (?P<info>.+)")
_DEVICE = re.compile(r"^\s*(?:common_param: )?\s*- \w+\s*: .+ \(\d+ MiB, \d+ MiB free\)")
_USING = re.compile(r"using device \S+")
_ADDRESS = re.compile(
    r"using device (?P<id>\w+) \(.*\) "
    r"\((?P<address>[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\)",
    re.IGNORECASE,
)
_UNUSED = re.compile(
    r"model has unused tensor (?P<name>\S+)(?: \(size = (?P<bytes>\d+) bytes\))? -- ignoring"
)
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
_CACHE_TYPES = re.compile(r"\bK \((\w+)\):\s*[\d.]+ MiB, V \((\w+)\):")
_FLASH = re.compile(
    r"\bflash_attn\s*=\s*(enabled|disabled)|Flash Attention was auto, set to (enabled|disabled)"
)
_UBATCH = re.compile(r"\bn_ubatch\s*=\s*(\d+)")
_FILE = re.compile(r"file size\s*=\s*([\d.]+) ([MG])iB \(([\d.]+) BPW\)")


@dataclass(frozen=True)
class Placement:
    """What the log says. None or empty: it did not say.

    buffers               the model's own; those of a draft model are in `draft`
    parameters            as printed, to four digits
    file_mib              all weights, as printed
    unused_mib            of them what the server ignores (a layer that only drafts); None: it
                          ignores some and does not say how large
    addresses             PCI address by device, where the engine tells it
    embedding_limit_mib   the token embedding has at most this size
    embedding_mib         sizes of it that a device may lack; None: the log does not tell
    vocab_type            `BPE`, `SPM`, ...
    cache_types           of the KV cache's keys and values
    flash_attention       `on`, `off`
    ubatch_tokens         how many of a prompt are computed at once
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
    cache_types: tuple[str, str] | None = None
    flash_attention: str | None = None
    ubatch_tokens: int | None = None
    thinks: bool | None = None
    file_mib: float | None = None
    unused_mib: float | None = 0.0
    addresses: dict[str, str] = field(default_factory=dict)
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
        self.unused_bytes: list[int | None] = []
        self.cache_types: tuple[str, str] | None = None
        self.flash_attention: str | None = None
        self.ubatch_tokens: int | None = None

    def read(self, line: str) -> bool:
        """Whether the line proves where the model lies."""
        if buffer := read_buffer(line, self.of):
            self.buffers.append(buffer)
        elif match := _LAYERS.search(line):
            self.layers = self.layers or (int(match[1]), int(match[2]))
        elif match := _UNUSED.search(line):
            self.unused_bytes.append(int(match["bytes"]) if match["bytes"] else None)
        elif self.cache_types is None and (match := _CACHE_TYPES.search(line)):
            self.cache_types = (match[1], match[2])
            return self.cache_types != ("f16", "f16")
        else:
            if match := _FLASH.search(line):
                self.flash_attention = "on" if "enabled" in match.groups() else "off"
            if self.ubatch_tokens is None and (match := _UBATCH.search(line)):
                self.ubatch_tokens = int(match[1])
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
            unused_mib=_mib_of(self.unused_bytes),
            embedding_limit_mib=limit,
            embedding_mib=sizes,
            cache_types=self.cache_types,
            flash_attention=self.flash_attention,
            ubatch_tokens=self.ubatch_tokens,
        )


def _mib_of(sizes_bytes: list[int | None]) -> float | None:
    known = [size for size in sizes_bytes if size is not None]
    return sum(known) / 2**20 if len(known) == len(sizes_bytes) else None


def read_placement(lines: Iterable[str]) -> Placement:
    """What the log says up to the moment at which the server listens."""
    models, proof = [_ModelLines("model")], []
    addresses: dict[str, str] = {}
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
        if match := _ADDRESS.search(line):
            addresses[match["id"]] = _as_linux_writes(match["address"])
        if proves:
            proof.append(scrub(line))
    return replace(
        models[0].placement(),
        system_info=system_info,
        proof=proof,
        addresses=addresses,
        thinks=thinks,
        commit_line=commit_line,
        drafts=drafts,
        draft=models[1].placement() if len(models) > 1 else None,
    )


def _as_linux_writes(address: str) -> str:
    """The domain in four digits."""
    domain, _, rest = address.lower().partition(":")
    return f"{domain[-4:]}:{rest}"
