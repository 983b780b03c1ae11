"""Where a site is put: made beside its place, swapped in whole, and nobody else's folder ever.

What a killed build leaves beside it is removed by the next one. Which of these folders are still
being written is told by a lock that the kernel releases when its holder dies.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from bench_pipeline.errors import SiteError

STAMP = "build.json"
"""The only file that differs between two builds of the same data; also marks a folder as ours."""

_MAKER = "bench_pipeline"
_BEFORE_IT_NAMED_ITS_MAKER = ("index.html", "data", "static")


def place_of(out: Path) -> Path:
    """`out`, or what it links to: a web server's own folder is renewed where it is. SiteError
    where something else lies there: a typing error in a path must not delete somebody's folder.
    """
    if out.is_symlink() and not out.exists():
        raise SiteError(
            "links to nothing", mend="remove the link, or make the folder it names", where=out
        )
    place = out.resolve() if out.is_symlink() else out
    if place.exists() and not _ours(place) and (not place.is_dir() or any(place.iterdir())):
        raise SiteError(
            "exists and is not a site that this wrote",
            mend="name another folder, or remove that one yourself",
            where=out,
        )
    return place


def _ours(folder: Path) -> bool:
    try:
        stamp = json.loads((folder / STAMP).read_bytes())
    except (OSError, ValueError):
        return False
    if not isinstance(stamp, dict):
        return False
    if stamp.get("made_by") == _MAKER:
        return True
    return set(stamp) == {"built_at"} and all(
        (folder / name).exists() for name in _BEFORE_IT_NAMED_ITS_MAKER
    )


def stamp() -> bytes:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return f"{json.dumps({'built_at': now, 'made_by': _MAKER})}\n".encode()


@contextmanager
def beside(place: Path) -> Iterator[Path]:
    """An empty folder in which to make what `swap` puts in place; gone at the end. So are those
    that killed builds have left."""
    place.parent.mkdir(parents=True, exist_ok=True)
    ours = re.compile(rf"\.{re.escape(place.name)}\.[a-z0-9_]{{8}}(\.old)?")
    for folder in place.parent.iterdir():
        if ours.fullmatch(folder.name):
            _remove_abandoned(folder)
    making, holder = _held(place)
    try:
        making.chmod(0o755)
        yield making
    finally:
        shutil.rmtree(making, ignore_errors=True)
        if holder is not None:
            os.close(holder)


def _held(place: Path) -> tuple[Path, int | None]:
    """A new folder, and the open file that holds it: one that is not held yet may be removed."""
    while True:
        making = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        if sys.platform == "win32":
            return making, None
        import fcntl

        with suppress(FileNotFoundError):
            holder = os.open(making, os.O_RDONLY)
            with suppress(OSError):  # a file system without locks: nothing there is removed
                fcntl.flock(holder, fcntl.LOCK_EX)
            if making.exists():
                return making, holder
            os.close(holder)


def _remove_abandoned(folder: Path) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        holder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        pass  # another build is at it
    finally:
        os.close(holder)


def swap(made: Path, place: Path) -> None:
    """Two renames: a moment without `place` between them, never a moment with half of it."""
    old = made.with_name(f"{made.name}.old")
    if place.exists():
        place.rename(old)
    try:
        made.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)
