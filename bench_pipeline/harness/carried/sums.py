"""The list of checksums that travels with what was measured: `sha256sum -c SHA256SUMS`."""

import os
import re
from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.fetching.wheels import sha256_of
from bench_pipeline.records.yaml.files import write_atomically
from bench_pipeline.records.yaml.strict import printable

SUMS = "SHA256SUMS"

_MOST_BYTES = 16 * 2**20
_LINE = re.compile(r"([0-9a-f]{64}) [ *](?:\./)?([^\\\0]+)")


def write_sums(folder: Path) -> None:
    """Lists every file below `folder`, but those whose name, or whose folder's, begins with a
    dot. RecordError where one cannot be read or the list not be written."""
    try:
        lines = [f"{sha256_of(folder / name)}  {name}\n" for name in _names(folder)]
    except OSError as error:
        raise RecordError(
            f"cannot be read: {error.strerror}",
            mend="check its permissions and its disk",
            where=error.filename or folder,
        ) from None
    write_atomically(folder / SUMS, "".join(lines))


def _names(folder: Path) -> list[str]:
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(here) / name for name in files if not name.startswith(".")]
    names = (path.relative_to(folder).as_posix() for path in found)
    return sorted(name for name in names if name != SUMS)


def read_sums(folder: Path) -> dict[str, str]:
    """Sum by path below `folder`, as its list has them. RecordError if the list is none."""
    where = folder / SUMS
    mend = f"copy it again; or remove it, and no sum is compared: {where.name}"
    try:
        with where.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise RecordError(f"cannot be read: {error.strerror}", mend=mend, where=where) from None
    if len(text) > _MOST_BYTES:
        raise RecordError("is no list of sums: it is far too long", mend=mend, where=where)
    sums = {}
    lines = text.decode(errors="replace").replace("\r\n", "\n").removesuffix("\n").split("\n")
    for number, line in enumerate(lines if text else [], start=1):
        match = _LINE.fullmatch(line)
        path = Path(match[2]) if match else None
        if match is None or path is None or path.is_absolute() or ".." in path.parts:
            raise RecordError(
                f"no sum and name of a file: `{printable(line)}`",
                mend=mend,
                where=f"{where}:{number}",
            )
        sums[path.as_posix()] = match[1]
    return sums
