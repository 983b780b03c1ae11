"""Where things lie. The only place that knows the layout of a project on disk."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Project:
    """A checkout (or, in a test, a folder that looks like one)."""

    root: Path

    @property
    def content(self) -> Path:
        return self.root / "content"

    @property
    def rigs(self) -> Path:
        return self.content / "rigs"

    @property
    def models(self) -> Path:
        return self.content / "models"

    @property
    def workloads(self) -> Path:
        return self.content / "workloads"

    @property
    def conversations(self) -> Path:
        return self.content / "conversations"

    @property
    def campaigns(self) -> Path:
        return self.content / "campaigns"

    @property
    def engines(self) -> Path:
        return self.content / "engines.yaml"

    @property
    def site_facts(self) -> Path:
        return self.content / "site.yaml"

    @property
    def runs(self) -> Path:
        return self.content / "benchmarks" / "runs"

    @property
    def method_by_hand(self) -> Path:
        return self.root / "docs" / "method.md"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse" / "measurements.duckdb"

    @property
    def site(self) -> Path:
        return self.root / "site_out"

    @property
    def dagster_home(self) -> Path:
        return self.root / ".dagster_home"

    @property
    def farm(self) -> Path:
        """Instances, passwords and databases of `make farm-control` and `make farm-rig`."""
        return self.root / ".farm"


def checkout() -> Project:
    """The checkout this code runs from: never the current directory."""
    return Project(Path(__file__).resolve().parent.parent)


def artefact_cache() -> Path:
    """Engines and models, shared by every checkout of this user.

    `BENCH_PIPELINE_CACHE` moves it, e.g. to the disk that has room for 70 GB models.
    """
    if chosen := os.environ.get("BENCH_PIPELINE_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bench_pipeline"
