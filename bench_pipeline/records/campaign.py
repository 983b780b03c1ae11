"""A campaign: a declared matrix of runs to make, in `content/campaigns/<name>.yaml`."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bench_pipeline.records.base import Record, Slug, Streams

Profile = Literal["quick", "full"]
Mode = Annotated[str, Field(pattern=r"^(baseline|reasoning-off|draft-[a-z0-9][a-z0-9._-]{0,73})$")]
"""How a model is run beyond the engine's defaults: the modes that the harness can make.
`draft-<model>`: that model of the catalogue drafts for it (speculative decoding)."""

Part = Literal["usual", "deep", "conversations"]
"""What of a run is measured. `usual`: the workloads, drift and, where all workloads are wanted, the
curve of the profile and the bare engine; `deep`: a curve to the context that the model was trained
for; `conversations`: the scripts of content/conversations, turn by turn."""
Depth = Annotated[int, Field(ge=16, le=2_000_000)]


ModelPattern = Annotated[str, Field(pattern=r"^[a-z0-9*?][a-z0-9.*?@_-]{0,99}$")]
"""A slug of the catalogue, a pattern of slugs, `qwen3-*`, or quants of a head, `gemma-3-270m@*`."""
Pattern = Annotated[str, Field(min_length=1, max_length=200)]


class Exclude(Record):
    """Runs of the matrix that are not wanted: those that match a pattern of every key given."""

    places: list[Pattern] = []
    """`*/cpu`."""
    models: list[Pattern] = []
    """`qwen3-30b-*`."""
    builds: list[Pattern] = []
    """`b10068`."""
    modes: list[Pattern] = []
    """`draft-*`."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.places or self.models or self.builds or self.modes):
            raise ValueError("it would exclude everything: name places, models, builds or modes")
        return self


def _is_a_budget(amount: float) -> float:
    if amount <= 0:
        raise ValueError("with a budget of 0 nothing is ever measured: leave it out, or name more")
    return amount


Budget = Annotated[float, AfterValidator(_is_a_budget), Field(le=1e6)]


def _each_once(caps: list[float]) -> list[float]:
    if len(set(caps)) < len(caps):
        raise ValueError("a cap is named twice")
    return caps


Watts = Annotated[float, Field(gt=0, le=100_000)]
"""A power cap of one card."""
Caps = Annotated[list[Watts], Field(min_length=1, max_length=20), AfterValidator(_each_once)]


DiskPolicy = Literal["keep", "drop-after", "least-recently-used"]


class Campaign(Record):
    """What to measure next, where and why."""

    slug: Slug
    """The file's stem; leave it out."""
    title: Annotated[str, Field(min_length=1, max_length=300)]
    """Shown with what is coming."""
    why: str
    """What a visitor will learn from it; shown with what is coming."""
    places: list[str] = Field(min_length=1)
    """Partition keys or patterns: `gaming-desktop/cuda`, `*/cpu`."""
    models: list[ModelPattern] = Field(min_length=1)
    """Slugs of the catalogue or patterns of them, in the order in which they are measured."""
    builds: list[str] | None = None
    """None: the build that each rig and backend wants anyway."""
    in_turns: bool = False
    """Measure the builds in turns, there and back, in one session for each model and mode, by the
    cells of `sentinel` in content/engines.yaml: so two builds are judged against each other."""
    modes: list[Mode] = ["baseline"]
    """How each model is run; `baseline` is the engine as it comes."""
    workloads: Annotated[list[Slug], Field(min_length=1)] | None = None
    """Of content/workloads, only these, without a curve or the bare engine. None: all. A run of
    some does not stand for one of all."""
    concurrencies: list[Streams] | Literal["knee"] | None = None
    """Streams at once; each gets cells of its own. `knee`: 1, 4, 8, 16, ... until all streams
    together hardly gain any more. None: `knee` in profile `full`, 1 and 4 in `quick`."""
    power_caps_w: Caps | None = None
    """Each run is made under each of these caps, set for every card of the place and put back after
    it; places that compute on the CPU have none. None: under the cap that is found."""
    exclude: list[Exclude] = []
    """What of the matrix is not wanted."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Campaigns with a higher one are measured first; of equal ones in order of their names."""
    budget_hours: Budget | None = None
    """On each rig: runs that by estimate would take the campaign beyond it, with what its made runs
    took, wait until it is raised. None: as long as it takes."""
    disk_policy: DiskPolicy = "keep"
    """What becomes of its models' files on a rig. `keep`: they stay. `drop-after`: each goes once
    no run that is wanted there lacks it. `least-recently-used`: where one has no room, those go
    that were not used for longest. Never one in use, nor one that its source does not offer."""
    disk_gb: Budget | None = None
    """On each rig: room for its models' files, in 10^9 bytes; where they are dropped after, for the
    largest. Models that would need more wait until it is raised. None: as much as it takes."""
    profile: Profile = "full"
    """`full`: what the page ranks; `quick`: provisional."""
    parts: list[Part] = Field(default=["usual"], min_length=1)
    """What of each run is measured. One without `usual` measures no workload. Without `usual` and
    `modes`, models that reason run in mode `reasoning-off`."""
    depths: list[Depth] | None = None
    """Of part `deep`: lengths of the prompt, in tokens. None: all that the model was trained for,
    memory holds and the profile's time allows."""

    @property
    def has_budget(self) -> bool:
        return self.budget_hours is not None or self.disk_gb is not None

    @model_validator(mode="after")
    def _turns_need_builds(self) -> Self:
        if self.in_turns and len(set(self.builds or [])) < 2:
            raise ValueError("`in_turns` needs at least two `builds`")
        for key in ("concurrencies", "workloads"):
            if self.in_turns and getattr(self, key) is not None:
                raise ValueError(f"`in_turns` measures the sentinel's cells: leave out `{key}`")
        if self.in_turns and self.parts != ["usual"]:
            raise ValueError("`in_turns` measures the sentinel's cells: leave out `parts`")
        if self.depths is not None and "deep" not in self.parts:
            raise ValueError("`depths` are of part `deep`: name it in `parts`")
        return self
