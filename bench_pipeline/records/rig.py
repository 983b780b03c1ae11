"""A rig: one machine that benchmarks, declared in `content/rigs/<slug>.yaml`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple, Self, cast, get_args

from pydantic import AfterValidator, Field, model_validator

from bench_pipeline.records.base import (
    Count,
    Positive,
    PublicKey,
    Record,
    Sender,
    Slug,
    Streams,
)

Backend = Literal["cuda", "vulkan", "rocm", "metal", "cpu", "sycl", "openvino"]

PREFERRED: tuple[Backend, ...] = ("cuda", "rocm", "metal", "vulkan", "sycl", "openvino", "cpu")
"""What is measured rather: what a card's maker tuned for it, then what runs on every card."""


_TIME = r"([01]\d|2[0-3]):[0-5]\d"
Hours = Annotated[str, Field(pattern=rf"^{_TIME}-{_TIME}$")]

Reached = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9._-]*:"
        r"[A-Za-z0-9._/][A-Za-z0-9._/-]*$",
        max_length=300,
    ),
]
"""Nothing of it can be taken for an option, or for a word of a shell."""

NAMES_OF_BACKENDS = rf"^({'|'.join(get_args(Backend))})(-[a-z0-9]+)*$"


def _no_backend_in_its_suffix(name: str) -> str:
    """A rig's and a backend's name are joined by `-` in addresses, and must come apart again."""
    if taken := {*name.split("-")[1:]} & {*get_args(Backend)}:
        raise ValueError(f"what follows the backend may not be one: `{taken.pop()}`")
    return name


BackendName = Annotated[
    str,
    Field(pattern=NAMES_OF_BACKENDS, max_length=40),
    AfterValidator(_no_backend_in_its_suffix),
]
"""A backend, or one of several setups of it on a rig: `cuda`, `cuda-2x`, `cuda-moe`."""


def plain_backend(name: str) -> Backend:
    """`cuda` of `cuda-2x`."""
    return cast(Backend, name.partition("-")[0])


CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]


class Arrangement(Record):
    """How a model is laid out and computed beyond the engine's defaults. Each word becomes a switch
    of the server, and is looked for in its log; what is left out is left to the engine."""

    split_mode: Literal["none", "layer", "row", "tensor"] | None = None
    """`--split-mode`: how several GPUs share a model; `none` uses one. Newer builds know `tensor`
    and advise against `row`."""
    main_gpu: Count | None = None
    """`--main-gpu`: the one that `none` uses."""
    gpu_layers: Count | None = None
    """`--gpu-layers`; None: 999 (all) on a GPU backend, 0 on `cpu`. With fewer than the model has
    the others lie in the machine's memory, and are meant to."""
    experts_on_cpu: Streams | Literal["all"] | None = None
    """`--n-cpu-moe`, `--cpu-moe`: the experts of so many layers, counted from the first, lie in the
    machine's memory and are computed there."""
    tensors_on_cpu: (
        Annotated[
            list[Annotated[str, Field(pattern=r"^[^=,;\s]+$", max_length=200)]],
            Field(min_length=1),
        ]
        | None
    ) = None
    """`--override-tensor PATTERN=CPU`: tensors whose name matches one of these regular expressions
    lie in the machine's memory and are computed there."""
    cache_type_k: CacheType | None = None
    """`--cache-type-k`: how the KV cache stores keys."""
    cache_type_v: CacheType | None = None
    """`--cache-type-v`: how it stores values; one that is quantized needs flash attention."""
    flash_attention: Literal["on", "off"] | None = None
    """`--flash-attn`."""
    ubatch_tokens: Streams | None = None
    """`--ubatch-size`: how many tokens of a prompt are computed at once."""

    @property
    def meant_on_cpu(self) -> bool:
        """Whether it asks for weights in the machine's memory by name."""
        return self.experts_on_cpu is not None or bool(self.tensors_on_cpu)


_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class EngineSetup(Record):
    """An engine of another family than llama.cpp's, and how it is started on this rig, or where it
    is running already.

    Asked for as a build, by family and version: `BUILD=dasllama-0.6.6`.
    """

    family: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")
    """How it talks: one of those in docs/engines.md."""
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,39}$")
    """Of what the command starts, by your word where the engine does not tell."""
    command: list[str] = Field(default=[], max_length=200)
    """Program and arguments; none of one that is running already. `{model}` is replaced by the file
    or folder, `{port}` by a free port of 127.0.0.1, `{slots}` by the streams at once, `{context}`
    by the tokens of context of each, `{total_context}` by those of all, `{threads}` by the threads
    of this backend."""
    env: dict[str, str] = {}
    """Its environment variables, beyond those of the shell that change no speed."""
    ready: str = Field(default="/v1/models", pattern=r"^/[A-Za-z0-9._/-]*$")
    """A path that answers 200 once it is ready."""

    base_url: str | None = Field(
        default=None, pattern=r"^http://([A-Za-z0-9.-]+|\[[0-9a-f:]+\]):[0-9]{1,5}$"
    )
    """Where it is running already, `http://127.0.0.1:11434`; it is left as it was found."""
    elsewhere: bool = False
    """Of an engine that is running: it may be on another machine than this; its runs say so."""
    models: dict[Slug, str] = {}
    """Of an engine that is running: what it calls each of the catalogue's models."""

    @property
    def build(self) -> str:
        return f"{self.family}-{self.version}"

    @model_validator(mode="after")
    def _is_started_or_found(self) -> Self:
        if bool(self.command) == (self.base_url is not None):
            raise ValueError("an engine has a `command`, or a `base_url` where it is running")
        if self.base_url is None:
            if self.models or self.elsewhere:
                raise ValueError("`models` and `elsewhere` are of an engine that is running")
            return self
        if not self.models:
            raise ValueError("`models` says what a running engine calls the catalogue's models")
        host = self.base_url.removeprefix("http://").rpartition(":")[0]
        if host not in _LOOPBACK and not self.elsewhere:
            raise ValueError(f"{host} is another machine: say `elsewhere: true`, and its runs do")
        return self

    @model_validator(mode="after")
    def _starts_what_is_measured(self) -> Self:
        if not self.command:
            return self
        for needed in ("{model}", "{port}"):
            if not any(needed in word for word in self.command):
                raise ValueError(f"the `command` has no {needed}")
        return self


class BackendSetup(Arrangement):
    """How the engine is started for one backend on one rig."""

    channel: Literal["wheel", "github-release", "path"] | None = None
    """Where the build comes from; None: the first channel in engines.yaml that has one."""
    build: str | None = None
    """The wanted build, e.g. `b10434`; None: the newest that this rig's CPU can run."""
    device: str | None = None
    """`--device`: the engine's own name of the device(s), e.g. `Vulkan0`: excludes an iGPU."""
    split_mode: Literal["none", "layer", "row", "tensor"] | None = None
    """`--split-mode`: how several GPUs share a model; `none` uses one. Newer builds know `tensor`
    and advise against `row`."""
    main_gpu: Count | None = None
    """`--main-gpu`: the one that `none` uses."""
    gpu_layers: Count | None = None
    """`--gpu-layers`; None: 999 (all) on a GPU backend, 0 on `cpu`."""
    threads: Streams | None = None
    """`--threads`; None: physical cores less one for client and telemetry, at least 1."""
    args: list[str] = []
    """More arguments for llama-server, as typed."""
    env: dict[str, str] = {}
    """Environment variables for the engine."""
    engines: list[EngineSetup] = []
    """Engines of other families that are on this rig; measured where one is asked for as a
    build."""

    @model_validator(mode="after")
    def _engines_have_names_of_their_own(self) -> Self:
        builds = [engine.build for engine in self.engines]
        if twice := next((build for build in builds if builds.count(build) > 1), None):
            raise ValueError(f"two `engines` are {twice}")
        return self

    @property
    def arrangement(self) -> Arrangement | None:
        """None where it asks for nothing."""
        asked = {name: getattr(self, name) for name in Arrangement.model_fields}
        found = Arrangement.model_construct(**asked)
        return None if found == Arrangement() else found

    @model_validator(mode="after")
    def _says_a_thing_once(self) -> Self:
        for word, options in OPTIONS.items():
            if getattr(self, word) and (twice := [o for o in options if o in self.args]):
                raise ValueError(f"`{word}` and `{twice[0]}` among `args` say the same: keep one")
        return self

    @model_validator(mode="after")
    def _names_each_device_once(self) -> Self:
        devices = self.device.split(",") if self.device else []
        if len(set(devices)) < len(devices):
            raise ValueError(f"`device` names one twice: {self.device}")
        if devices and self.main_gpu is not None and self.main_gpu >= len(devices):
            raise ValueError(
                f"`main_gpu` counts from 0 among `device`, which has {len(devices)}: there is no "
                f"number {self.main_gpu}"
            )
        return self


OPTIONS: Mapping[str, tuple[str, ...]] = {
    "experts_on_cpu": ("--n-cpu-moe", "-ncmoe", "--cpu-moe", "-cmoe"),
    "tensors_on_cpu": ("--override-tensor", "-ot"),
    "cache_type_k": ("--cache-type-k", "-ctk"),
    "cache_type_v": ("--cache-type-v", "-ctv"),
    "flash_attention": ("--flash-attn", "-fa"),
    "ubatch_tokens": ("--ubatch-size", "-ub"),
    "gpu_layers": ("--gpu-layers", "--n-gpu-layers", "-ngl"),
    "split_mode": ("--split-mode", "-sm"),
    "main_gpu": ("--main-gpu", "-mg"),
}
"""The server's own spellings of each word of an arrangement."""


class Rig(Record):
    """One machine. What it is made of is never typed here: each run reads it from the machine."""

    slug: Slug
    """The file's stem."""
    title: str = Field(min_length=1, max_length=120)
    """Its name on the page."""
    kind: Literal["desktop", "server", "laptop", "mini-pc", "virtual-machine", "other"] = "other"
    """What sort of machine it is."""
    machine_id: str | None = Field(default=None, pattern=r"^[0-9a-f]{16}$")
    """Salted hash of the machine's identity; tells whether this machine is this rig."""
    machine_id_as_user: str | None = Field(default=None, pattern=r"^[0-9a-f]{16}$")
    """The same without what only root can read; where there is such."""
    machine_marks: list[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]] = []
    """Salted hashes of parts that no other machine has: by one of them it is told from a clone."""
    notes: str = Field(default="", max_length=20_000)
    """What can't be measured: chassis, risers, purpose. Paragraphs divided by a blank line."""
    price: Positive | None = None
    """What it cost as it stands, for speed by money."""
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    """Of `price`, by ISO 4217."""
    owner: Sender | None = None
    """Whose machine it is, where not the site's owner's; its runs say so in `submitted_by`."""
    public_key: PublicKey | None = None
    """With which its runs are signed; then one without that signature counts as a stranger's."""
    quiet_hours: list[Hours] = []
    """`20:00-05:00`, in UTC: between these times of day Dagster's queue begins no run here, on this
    machine (`make ui`) or on a farm; `make bench` does."""
    power_cap_command: list[str] | None = Field(default=None, min_length=1, max_length=50)
    """Sets the power cap of one card where the user who measures may not: `[sudo, -n, nvidia-smi,
    -i, "{card}", -pl, "{w}"]`. `{w}` is replaced by watts, `{uw}` by microwatts, `{card}` by the
    PCI address, `{file}` by amdgpu's `power1_cap`. None: the driver is asked itself."""
    ssh: Reached | None = None
    """`me@my-rig:bench`: how another machine reaches this one by ssh, and the folder there with the
    light install, in which its runs are made. The host may be a name of `~/.ssh/config`."""
    backends: dict[BackendName, BackendSetup] = Field(min_length=1)
    """How the engine computes here, and how it is started for each. Several setups of one backend
    have names that begin with it: `cuda`, `cuda-2x`, `vulkan-igpu`; each is measured, shown and
    ranked by itself."""

    @model_validator(mode="after")
    def _cap_command_names_its_watts(self) -> Self:
        words = self.power_cap_command
        if words is not None and not any("{w}" in word or "{uw}" in word for word in words):
            raise ValueError("`power_cap_command` has neither {w} nor {uw}: what would it set?")
        return self

    @model_validator(mode="after")
    def _price_names_its_currency(self) -> Self:
        if (self.price is None) != (self.currency is None):
            raise ValueError("`price` and `currency` stand together: `price: 600`, `currency: EUR`")
        return self

    @model_validator(mode="after")
    def _path_channel_is_local(self) -> Self:
        for backend, setup in self.backends.items():
            if setup.channel == "path" and setup.build is None:
                raise ValueError(f"backend {backend}: channel `path` needs `build`")
        return self

    def is_quiet(self, at: datetime) -> bool:
        """Whether `at`, with its zone, lies in the quiet hours. Those that begin and end at the
        same time are the whole day."""
        time = f"{at.astimezone(UTC):%H:%M}"
        for begin, end in (hours.split("-") for hours in self.quiet_hours):
            if begin <= time < end or (end <= begin and (time >= begin or time < end)):
                return True
        return False

    @model_validator(mode="after")
    def _setups_differ(self) -> Self:
        """By more than their build, which every row shows anyway."""
        seen: dict[tuple[Backend, str], str] = {}
        for name, setup in self.backends.items():
            how = plain_backend(name), setup.model_dump_json(exclude={"channel", "build"})
            if (other := seen.setdefault(how, name)) != name:
                raise ValueError(
                    f"`{name}` is set up as `{other}` is, and would be measured twice: give it a "
                    "`device` or another word of its own, or remove it"
                )
            if plain_backend(name) == "cpu" and setup.meant_on_cpu:
                raise ValueError(f"backend {name}: everything lies on the CPU there already")
        return self

    @property
    def best_first(self) -> list[BackendName]:
        """Its backends, rather measured ones first; of one the plain name first."""
        return sorted(self.backends, key=lambda n: (PREFERRED.index(plain_backend(n)), "-" in n))

    @property
    def partition_keys(self) -> list[str]:
        return [RigBackend(self.slug, backend).key for backend in self.backends]


class RigBackend(NamedTuple):
    """The Dagster partition `rig/backend`."""

    rig: str
    backend: BackendName

    @property
    def key(self) -> str:
        return f"{self.rig}/{self.backend}"

    @classmethod
    def parse(cls, key: str) -> "RigBackend":
        rig, backend = key.split("/")
        return cls(rig, backend)
