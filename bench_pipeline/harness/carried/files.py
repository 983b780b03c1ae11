"""Models that were carried here beside the plan, put where a fetched one would lie."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from bench_pipeline.models.assembly import disk_error
from bench_pipeline.models.fetch import is_on_disk, model_path
from bench_pipeline.records.model import ModelFile


def bring_in(model: ModelFile, folder: Path, cache: Path) -> None:
    """Links (on another disk: copies) the files of `model` that lie loose in `folder` into
    `cache`, unless they are there. Whether they are the right ones is for `fetch_model` to say.
    ModelError if the disk refuses."""
    loose = [folder / name for name in model.file_names]
    if is_on_disk(model, cache) or not all(file.is_file() for file in loose):
        return
    try:
        for file in loose:
            target = model_path(model, cache).with_name(file.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            with suppress(OSError):
                os.link(file, target)
                continue
            partial = target.with_name(f".{target.name}.{os.getpid()}")
            try:
                shutil.copyfile(file, partial)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(error, model_path(model, cache)) from None
