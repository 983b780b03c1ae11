"""Lines of a list of downloads."""

from dataclasses import dataclass

from bench_pipeline.site import wording
from bench_pipeline.site.data.downloads import OTHERS
from bench_pipeline.site.data.parts import Download


@dataclass(frozen=True)
class File:
    name: str
    href: str
    """Below the site's root."""
    size: str
    sha256: str
    what: str


def line_of(download: Download) -> File:
    return File(
        name=download.name.removeprefix("runs/"),
        href=f"data/{download.name}",
        size=wording.size(download.size_bytes),
        sha256=download.sha256,
        what=OTHERS.get(download.name, ""),
    )
