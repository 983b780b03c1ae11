"""Unpacking what came from elsewhere: nothing lands outside the folder, no disk runs full."""

import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from bench_pipeline.errors import EngineError

_MARGIN_BYTES = 64 * 2**20
"""Left free for everybody else on that disk."""


def require_room(folder: Path, needed_bytes: int, what: str) -> None:
    """EngineError unless the disk of `folder` has `needed_bytes` and a margin."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + _MARGIN_BYTES:
        raise EngineError(
            f"{what} needs {needed_bytes / 2**20:,.0f} MiB, the disk has {free / 2**20:,.0f} free",
            mend="free space there, or move the cache with BENCH_PIPELINE_CACHE",
            where=folder,
        )


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a zip (a wheel is one) or a tar into `folder`, which exists and is empty."""
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, folder)
        else:
            _untar(archive, folder)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise EngineError(
            f"the archive cannot be unpacked: {error}",
            mend="run it again: it is downloaded anew",
            where=archive.name,
        ) from None


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        members = zipped.infolist()
        for member in members:
            path = PurePosixPath(member.filename.replace("\\", "/"))
            # extractall() would quietly put it elsewhere; such an archive is not what it claims
            if path.is_absolute() or ".." in path.parts:
                raise zipfile.BadZipFile(f"`{member.filename}` leads outside")
        require_room(folder, sum(m.file_size for m in members), f"unpacking {archive.name}")
        zipped.extractall(folder)


def _untar(archive: Path, folder: Path) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise EngineError(
            "this Python cannot unpack a tar safely",
            mend="update it to 3.11.4 or newer",
            where=archive.name,
        )
    with tarfile.open(archive) as packed:
        size = sum(member.size for member in packed.getmembers())
        require_room(folder, size, f"unpacking {archive.name}")
        packed.extractall(folder, filter="data")
