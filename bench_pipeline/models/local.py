"""Parts that lie on this machine: `file:/absolute/path`."""

from pathlib import Path

from bench_pipeline.errors import ModelError
from bench_pipeline.models.assembly import CHUNK_BYTES, Assembly
from bench_pipeline.records.model import ModelPart


def copy_from_file(part: ModelPart, assembly: Assembly) -> None:
    """Writes the whole part; ModelError if it is not there or cannot be read."""
    path = Path(part.source.removeprefix("file:")).expanduser()
    assembly.restart()  # whether it changed since is not known, and reading it is cheap
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None
    with file:
        while True:
            try:
                chunk = file.read(CHUNK_BYTES)
            except OSError as error:  # a folder, a network disk that went away
                raise _unreadable(path, error) from None
            if not chunk:
                return
            assembly.write(chunk)


def _unreadable(path: Path, error: OSError) -> ModelError:
    return ModelError(
        f"cannot be read: {error.strerror}",
        mend="correct `source` in the model's file, or put the file there",
        where=path,
    )
