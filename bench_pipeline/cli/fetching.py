"""What a benchmark is about to fetch and how much room it takes: told before it begins."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench_pipeline.engines.builds.catalogue import Choice, CommandBuild
from bench_pipeline.models.fetch import is_on_disk
from bench_pipeline.records.engines import PathBuild
from bench_pipeline.records.model import ModelFile

ENGINE_BYTES = 300 * 2**20
"""Of a build unpacked, with its archive beside it for a moment; CUDA's with its runtime has three
times that. No index tells sizes before it is asked for the file itself."""


def to_be_fetched(
    models: Sequence[ModelFile], builds: Sequence[Choice], cache: Path
) -> Iterator[str]:
    """Lines to say; none where all is here. A lack of room is told before the first byte, and not
    refused: the file's own size decides, where it is fetched."""
    lacking = [model for model in models if not is_on_disk(model, cache)]
    new = [
        build
        for build in builds
        if not isinstance(build, PathBuild | CommandBuild)
        and not (cache / "engines" / build.channel / build.build).is_dir()
    ]
    if not lacking and not new:
        return
    needed = sum(model.size_bytes for model in lacking) + len(new) * ENGINE_BYTES
    whats = [f"{model.slug} ({_size(model.size_bytes)})" for model in lacking]
    whats += [f"engine {build.build} (about {_size(ENGINE_BYTES)})" for build in new]
    yield f"To fetch   {', '.join(whats)}"
    free = shutil.disk_usage(_there(cache)).free
    yield f"  takes about {_size(needed)} of {_size(free)} free in {cache}"
    if free < needed:
        yield "  which is too little: free some, or move it with BENCH_PIPELINE_CACHE"


def _there(path: Path) -> Path:
    return path if path.exists() else _there(path.parent)


def _size(count_bytes: int) -> str:
    return f"{count_bytes / 1e9:,.1f} GB" if count_bytes >= 1e9 else f"{count_bytes / 1e6:,.0f} MB"
