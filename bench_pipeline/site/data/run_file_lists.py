"""Lists of run files that are light enough for a page each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from bench_pipeline.site import wording
from bench_pipeline.site.data.download_lines import File, line_of
from bench_pipeline.site.data.parts import Download
from bench_pipeline.site.hardware import rig_href
from bench_pipeline.site.source import Tables

RUN_FILES_ON_ONE_PAGE = 400
"""With more, the data page leads to lists of the run files of each rig and backend, themselves of
no more: a line weighs 50 to 75 bytes gzipped, nearly half of them a hash that nothing makes
smaller, and the page should stay within 40 KB."""


@dataclass(frozen=True)
class RunFileList:
    href: str
    """Below the site's root."""
    title: str
    rig_href: str
    folder: str
    """In which `SHA256SUMS` looks for them."""
    files: tuple[File, ...]
    """By their names in that folder."""
    size: str
    """Of all of them together."""


def divided(tables: Tables, run_files: Iterable[Download]) -> Iterator[RunFileList]:
    """In order of rig and backend. `run_files`: sorted by name, which begins with the two."""
    titles = {rig["rig"]: rig["title"] for rig in tables.rigs}
    for (rig, backend), found in groupby(run_files, _place):
        own = list(found)
        starts = range(0, len(own), RUN_FILES_ON_ONE_PAGE)
        for number, start in enumerate(starts, 1):
            files = own[start : start + RUN_FILES_ON_ONE_PAGE]
            title = f"{titles.get(rig) or rig}, {wording.backend_name(backend)}"
            several = len(starts) > 1
            yield RunFileList(
                href=f"run-files/{rig}-{backend}{f'-{number}' if several else ''}.html",
                title=f"{title}, part {number} of {len(starts)}" if several else title,
                rig_href=rig_href(rig),
                folder=f"runs/{rig}/{backend}",
                files=tuple(replace(line_of(file), name=_parts(file)[-1]) for file in files),
                size=wording.size(sum(file.size_bytes for file in files)),
            )


def _place(file: Download) -> tuple[str, str]:
    """Rig and backend."""
    _, rig, backend, _ = _parts(file)
    return rig, backend


def _parts(file: Download) -> list[str]:
    """Of `runs/<rig>/<backend>/<file>`."""
    return file.name.split("/")
