"""A campaign: a declared matrix of runs to make, in `content/campaigns/<name>.yaml`."""

from typing import Literal

from pydantic import Field

from bench_pipeline.records.base import Record, Slug

Profile = Literal["quick", "full"]


class Campaign(Record):
    slug: Slug
    title: str
    why: str
    """What a visitor will learn from it; shown with what is coming."""
    places: list[str] = Field(min_length=1)
    """Partition keys or patterns: `gaming-desktop/cuda`, `*/cpu`."""
    models: list[Slug] = Field(min_length=1)
    builds: list[str] | None = None
    """None: the build that each rig and backend wants anyway."""
    modes: list[Slug] = ["baseline"]
    concurrencies: list[int] = [1, 4]
    profile: Profile = "full"
