"""What upstream's releases are once it has told of them, and that it told of none.

Apart from the asking, which needs an HTTP library: whoever only reads what was told does without.
"""

import os
from datetime import datetime

from pydantic import BaseModel, Field

from bench_pipeline.errors import EngineError
from bench_pipeline.records.base import Record
from bench_pipeline.records.engines import Build, ReleaseChannel

RELEASES_API = "BENCH_PIPELINE_RELEASES_API"
"""Environment variable: base address of the releases API, instead of the catalogue's."""

TIMEOUT_S = 10.0
"""For the connection, for the first byte, and for all the rest: who looks often asks again soon."""
PATIENT_S = 60.0
"""The same for who cannot go on without an answer."""


class Newest(Record):
    """Upstream's newest release, as it last answered."""

    address: str
    """Asked there; another one's ETag means nothing."""
    build: Build = Field(pattern=r"^b[0-9]{1,9}$")
    """Its tag."""
    archives: list[str]
    """Names of the archives that lie ready: upstream adds them one by one after the tag."""
    etag: str | None = None
    """Of that answer. None: it is asked anew each time."""
    archives_at: str | None = None
    """Where the archives are told of, if not there: upstream's latest release is no build."""
    archives_etag: str | None = None
    """Of that other answer."""


class NoAnswer(EngineError):
    """Upstream was asked and said nothing of use; `not_before`: until then it wants to be let
    alone."""

    def __init__(
        self, problem: str, *, mend: str, where: str, not_before: datetime | None = None
    ) -> None:
        super().__init__(problem, mend=mend, where=where)
        self.not_before = not_before


class NoSuchRelease(NoAnswer):
    """Upstream is there and has no release at that address."""


class Asset(BaseModel):
    """One file of a release; old releases have no digest."""

    name: str
    state: str = "uploaded"
    size: int | None = Field(default=None, ge=0)
    """In bytes."""
    digest: str | None = None
    """`sha256:` and its digits."""
    browser_download_url: str | None = None

    @property
    def ready(self) -> bool:
        """Whether all of it has arrived upstream."""
        return self.state == "uploaded"


class Release(BaseModel):
    """A build, or a version that has none of its own."""

    tag_name: str = Field(max_length=100)
    draft: bool = False
    assets: list[Asset] = []

    @property
    def ready(self) -> list[str]:
        """Names of the files that have arrived."""
        return [asset.name for asset in self.assets if asset.ready]


def redirected(releases: ReleaseChannel) -> ReleaseChannel:
    """The channel, at the address that the environment names, if it names one."""
    if address := os.environ.get(RELEASES_API):
        return releases.model_copy(update={"api": address.rstrip("/")})
    return releases
