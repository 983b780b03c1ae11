"""Channel `path`: a binary that somebody built on this rig."""

import os
from pathlib import Path

from bench_pipeline.errors import EngineError
from bench_pipeline.records.engines import PathBuild


def locate(choice: PathBuild, cache: Path) -> Path:
    """The binary, absolute or below the artefact cache; EngineError if it can't be started."""
    binary = (cache / Path(choice.binary).expanduser()).absolute()
    if not binary.is_file():
        raise EngineError(
            f"no file at {binary}",
            mend="build it there, or correct `binary` in content/engines.yaml",
            where=f"path {choice.build}",
        )
    if not os.access(binary, os.X_OK):
        raise EngineError(
            f"{binary} may not be executed",
            mend=f"chmod +x {binary}",
            where=f"path {choice.build}",
        )
    return binary
