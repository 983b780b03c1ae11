"""A plan: runs to make on one rig, with all that a machine needs to know which sees no checkout.

Written by `python -m bench_pipeline plan --write`, worked off by `bench-rig`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bench_pipeline.records.base import MOST_ITEMS, Name, Record, Sha256, Slug, Streams, UtcTime
from bench_pipeline.records.campaign import Depth, DiskPolicy, Mode, Part, Profile, Watts
from bench_pipeline.records.engines import Build, EngineCatalogue
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import BackendName, Rig
from bench_pipeline.records.workload import Conversation, Workload

PLAN_VERSION = 1


class PlannedRun(Record):
    """One run, or one of each build of a session."""

    backend: BackendName
    """One that the rig declares."""
    build: Annotated[Build, Field(min_length=1, max_length=80)]
    """The engine's, through whichever channel of `engines` has it."""
    model: Slug
    """One of `models`."""
    model_sha256: Sha256
    """Of the file that is meant, as `models` has it."""
    mode: Mode = "baseline"
    """How the model is run."""
    profile: Profile = "quick"
    """How much is repeated."""
    concurrencies: list[Streams] | Literal["knee"] = Field(default=[1, 4], min_length=1)
    """Streams at once, or `knee`, as in a campaign."""
    workloads: list[Slug] = Field(default=[], max_length=MOST_ITEMS)
    """Of the plan's workloads only these; empty: all."""
    beside: list[Build] = Field(default=[], max_length=MOST_ITEMS)
    """Builds that are measured in turns with `build`."""
    power_cap_w: Watts | None = None
    """Set for each card while it is measured. None: as it is found."""
    disk_policy: DiskPolicy = "keep"
    """What becomes of the model's file, as in a campaign."""
    parts: list[Part] | None = Field(default=None, min_length=1)
    """What is measured, as in a campaign. None: the usual."""
    depths: list[Depth] | None = Field(default=None, max_length=MOST_ITEMS)
    """Of part `deep`. None: as far as it goes."""
    campaign: Slug | None = None
    """The first that wants it."""


class Plan(Record):
    """What to measure on one machine, with everything that it has to know for that."""

    plan_version: Literal[1]
    """Version of this format."""
    made_at: UtcTime
    """When it was written."""
    made_with: Name
    """Version of this package that wrote it."""
    rig: Rig | None = None
    """The machine, as its rig file declares it."""
    new_rig: str | None = Field(default=None, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=70)
    """In place of `rig`: the name of a machine that no file declares yet. It writes its rig file
    where it leaves its runs."""
    runs: list[PlannedRun] = Field(min_length=1, max_length=MOST_ITEMS)
    """In the order in which they are made."""
    models: list[ModelFile] = Field(min_length=1, max_length=MOST_ITEMS)
    """Those that the runs need, drafting ones too."""
    workloads: list[Workload] = Field(min_length=1, max_length=MOST_ITEMS)
    """What each run measures."""
    conversations: list[Conversation] | None = Field(default=None, max_length=MOST_ITEMS)
    """What runs of part `conversations` measure."""
    engines: EngineCatalogue
    """Where the builds are to be had."""

    @model_validator(mode="after")
    def _is_of_one_machine(self) -> Self:
        if (self.rig is None) == (self.new_rig is None):
            raise ValueError("a plan is of one machine: `rig`, or the name of a `new_rig`")
        return self

    @model_validator(mode="after")
    def _has_what_its_runs_need(self) -> Self:
        models = {model.slug: model for model in self.models}
        for run in self.runs:
            if self.rig is not None and run.backend not in self.rig.backends:
                raise ValueError(f"the rig declares no backend `{run.backend}`")
            if run.model not in models or models[run.model].sha256 != run.model_sha256:
                raise ValueError(f"`models` has no {run.model} with the sum that a run names")
            if run.mode.startswith("draft-") and run.mode.removeprefix("draft-") not in models:
                raise ValueError(f"`models` lacks the one that drafts in mode {run.mode}")
            if "conversations" in (run.parts or ()) and not self.conversations:
                raise ValueError("part `conversations` needs some `conversations`")
            if run.beside and self.engines.sentinel is None:
                raise ValueError("builds measured in turns need the `sentinel` of `engines`")
        return self

    @property
    def slug(self) -> str:
        """Of the rig."""
        return self.rig.slug if self.rig else str(self.new_rig)
