"""Which files of a folder are meant to be records, and the bytes of one: never more than a record
may have, never of anything but a plain file, which a device, a pipe or a folder named so is not."""

import errno
import os
import stat
from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.records.yaml.strict import MAX_BYTES, printable

_MISNAMED = (".yml",)
"""Compared without case, as is `.yaml`: what somebody meant to be read, and is told it is not."""


def record_files(folder: Path, *, below: bool = False) -> list[Path]:
    """Sorted: every entry of `folder` (and of those `below` it) whose name ends like a record's,
    whatever it is, but what editors and file managers leave beside a file, `.#chat.yaml`. A folder
    below that cannot be listed is among them: reading it says why.

    RecordError if `folder` itself cannot be listed; no files if it does not exist.
    """
    found = _listed(folder, below)
    return sorted(found) if below else found


def _listed(folder: Path, below: bool) -> list[Path]:
    try:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(folder, error) from None
    found = []
    for entry in entries:
        path, name = folder / entry.name, entry.name
        if name.startswith("."):
            continue
        if Path(name).suffix.lower() in (".yaml", *_MISNAMED):
            found.append(path)
        elif below and entry.is_dir(follow_symlinks=False):
            try:
                found += _listed(path, below)
            except RecordError:
                found.append(path)
    return found


def content_of(path: Path) -> bytes:
    """RecordError where it is no plain file of a record's name and size, or may not be read."""
    name = path.name
    if not name.isprintable():
        raise RecordError(
            "its name is no text that can be shown",
            mend="rename it: letters, digits, `.`, `_` and `-`",
            where=shown(path),
        )
    try:
        # Not to be opened before it is known what it is: a pipe would wait for its writer.
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind) and path.suffix.lower() not in (".yaml", *_MISNAMED):
            with os.scandir(path) as listed:
                next(listed, None)  # why it could not be listed
        if not stat.S_ISREG(kind):
            raise RecordError(
                "is a folder" if stat.S_ISDIR(kind) else "is no plain file but a device or a pipe",
                mend="move it away, or give it a name that does not end in .yaml",
                where=path,
            )
        if path.suffix != ".yaml":
            raise RecordError(
                f"is not read: its name ends in {path.suffix}", mend="rename it .yaml", where=path
            )
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        if path.is_symlink():
            raise RecordError(
                "is a link to nothing", mend="remove it, or put the file there", where=path
            ) from None
        raise RecordError("no such file", mend="check the name", where=path) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(text) > MAX_BYTES:
        raise RecordError(
            f"has more than {MAX_BYTES // 2**20} MiB, which no record has",
            mend="check what wrote it, then remove it",
            where=path,
        )
    return text


def real(path: Path) -> Path:
    """Where its links lead; of one that leads to itself, which git can carry, itself: reading it
    says so. `Path.resolve` raises there until Python 3.13."""
    return Path(os.path.realpath(path))


def shown(path: Path) -> str:
    """A path whose name is no text, so that it can be printed and kept in a table."""
    folder = str(path.parent).encode("utf-8", "backslashreplace").decode()
    return f"{folder}/{printable(path.name)}"


def _unreadable(path: Path, error: OSError) -> RecordError:
    leads_to_itself = error.errno == errno.ELOOP
    mend = "remove it: it is a link to itself" if leads_to_itself else "check its permissions"
    return RecordError(f"cannot be read: {error.strerror}", mend=mend, where=path)
