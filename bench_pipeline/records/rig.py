"""A rig: one machine that benchmarks, declared in `content/rigs/<slug>.yaml`."""

from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

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


class BackendSetup(Record):
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
    """`20:00-05:00`, in UTC: a farm begins no run here between these times of day."""
    backends: dict[Backend, BackendSetup] = Field(min_length=1)
    """How the engine computes here, and how it is started for each."""

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

    @property
    def partition_keys(self) -> list[str]:
        return [RigBackend(self.slug, backend).key for backend in self.backends]


class RigBackend(NamedTuple):
    """The Dagster partition `rig/backend`."""

    rig: str
    backend: Backend

    @property
    def key(self) -> str:
        return f"{self.rig}/{self.backend}"

    @classmethod
    def parse(cls, key: str) -> "RigBackend":
        rig, backend = key.split("/")
        return cls(rig, backend)  # type: ignore[arg-type]
