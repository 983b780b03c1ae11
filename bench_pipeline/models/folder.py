"""A model of several files: each is fetched and verified as one of its own, then all are laid into
the folder that the engine is given, which holds nothing else."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench_pipeline.models.assembly import disk_error
from bench_pipeline.records.model import ModelFile


def each_alone(model: ModelFile) -> list[ModelFile]:
    """Each file of the folder as if it were a model."""
    return [
        model.model_copy(
            update={
                "parts": [part],
                "file_name": part.name,
                "sha256": part.sha256,
                "size_bytes": part.size_bytes,
            }
        )
        for part in model.parts
    ]


def link_folder(files: Sequence[Path], folder: Path) -> None:
    """Makes `folder` one of hard links to `files`, unless it is: what an engine or a person left
    there might be read instead. ModelError if the disk refuses."""
    if _holds(folder, files):
        return
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for file in files:
            os.link(file, fresh / file.name)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.replace(folder)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise disk_error(error, folder) from None


def _holds(folder: Path, files: Sequence[Path]) -> bool:
    try:
        return {path.name for path in folder.iterdir()} == {file.name for file in files} and all(
            file.samefile(folder / file.name) for file in files
        )
    except OSError:
        return False
