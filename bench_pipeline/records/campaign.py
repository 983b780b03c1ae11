"""A campaign: a declared matrix of runs to make, in `content/campaigns/<name>.yaml`."""

from typing import Literal

from pydantic import Field

from bench_pipeline.records.base import Record, Slug

Profile = Literal["quick", "full"]
Mode = Literal["baseline"]
"""How a model is run beyond the engine's defaults: the modes that the harness can make."""


class Campaign(Record):
    """What to measure next, where and why."""

    slug: Slug
    """The file's stem; leave it out."""
    title: str
    """Shown with what is coming."""
    why: str
    """What a visitor will learn from it; shown with what is coming."""
    places: list[str] = Field(min_length=1)
    """Partition keys or patterns: `gaming-desktop/cuda`, `*/cpu`."""
    models: list[Slug] = Field(min_length=1)
    """Slugs of the catalogue, in the order in which they are measured."""
    builds: list[str] | None = None
    """None: the build that each rig and backend wants anyway."""
    modes: list[Mode] = ["baseline"]
    """How each model is run; `baseline` is the engine as it comes."""
    concurrencies: list[int] = [1, 4]
    """Streams at once; each gets cells of its own."""
    profile: Profile = "full"
    """`full`: what the page ranks; `quick`: provisional."""
