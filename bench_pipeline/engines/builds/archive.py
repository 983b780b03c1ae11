"""Unpacking what came from elsewhere: nothing lands outside the folder, no disk runs full."""

import errno
import gzip
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from bench_pipeline.errors import EngineError

_MARGIN_BYTES = 64 * 2**20
"""Left free for everybody else on that disk."""

_LONGEST_HEADER_BYTES = 2**20
"""Of what a tar says of one member; compressed, a gigabyte of it is a megabyte to download."""
_MOST_MEMBERS = 20_000
_DEEPEST = 40
"""Folders in folders; upstream's archives have three."""

_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile),
    *(zlib.error, gzip.BadGzipFile, lzma.LZMAError, EOFError),
    # What zipfile raises of a password, an unknown method, a size beyond C's numbers
    *(RuntimeError, NotImplementedError, ValueError, OverflowError, struct.error, KeyError),
)

_OF_THE_ARCHIVE = frozenset(
    {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
)
"""What a disk says of members that no folder can hold beside each other, of a name that is too long
for any or that this one cannot write, and of a place before the archive's begin; `bz2` raises an
OSError without a number. Every other one is about the disk."""


class _Member(tarfile.TarInfo):
    """Refuses a header that would fill the memory, before it is read."""

    def _proc_member(self, tar: tarfile.TarFile) -> "_Member":
        named = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        said = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
        if self.type in named + said and self.size > _LONGEST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(tar)  # type: ignore[misc,no-any-return]


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
    except _DAMAGED as error:
        raise _unfit(archive, str(error)) from None
    except OSError as error:
        if error.errno is not None and error.errno not in _OF_THE_ARCHIVE:
            raise
        named = f"`{Path(error.filename).name[:60]}`: " if error.filename else ""
        raise _unfit(archive, f"{named}{error.strerror or error}") from None


def _unfit(archive: Path, problem: str) -> EngineError:
    return EngineError(
        f"the archive cannot be unpacked: {problem}",
        mend="run it again: it is downloaded anew",
        where=archive.name,
    )


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        members = zipped.infolist()
        for member in members:
            # extractall() would quietly put it elsewhere; such an archive is not what it claims
            if _leads_outside(member.filename):
                raise zipfile.BadZipFile(f"`{member.filename}` leads outside")
        if len(members) > _MOST_MEMBERS:
            raise zipfile.BadZipFile(f"{len(members):,} files")
        require_room(folder, sum(m.file_size for m in members), f"unpacking {archive.name}")
        zipped.extractall(folder)


def _untar(archive: Path, folder: Path) -> None:
    """Without extractall(): what makes it safe, its `filter`, came with Python 3.11.4."""
    with tarfile.open(archive, tarinfo=_Member) as packed:
        members: list[tarfile.TarInfo] = []
        needed_bytes = 0
        for member in packed:
            _refuse_strange(member)
            members.append(member)
            needed_bytes += member.size
            if len(members) > _MOST_MEMBERS:
                raise tarfile.TarError(f"more than {_MOST_MEMBERS:,} files")
            # While it is listed: to reach the next member all of this one is decompressed.
            require_room(folder, needed_bytes, f"unpacking {archive.name}")
        # Links come last, so that no file is written through one.
        for member in sorted(members, key=lambda m: (m.issym(), m.islnk())):
            try:
                _put(packed, member, folder)
            except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
                raise tarfile.TarError(f"`{member.name}`: {error.strerror}") from None


def _refuse_strange(member: tarfile.TarInfo) -> None:
    """TarError unless it is a file, a folder or a link, and leads inside. A link that never goes
    up stays inside whatever other links it passes."""
    if _leads_outside(member.name):
        raise tarfile.TarError(f"`{member.name}` leads outside")
    if member.issym() or member.islnk():
        if _leads_outside(member.linkname):
            raise tarfile.TarError(f"`{member.name}` links to `{member.linkname}`, outside")
    elif not (member.isreg() or member.isdir()):
        raise tarfile.TarError(f"`{member.name}` is neither file nor folder nor link")


def _put(packed: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Of owner and mode only this is taken over: whether it is a program."""
    target = folder / member.name
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        target.symlink_to(member.linkname)
    elif member.islnk():
        target.hardlink_to(folder / member.linkname)
    else:
        source = packed.extractfile(member)
        assert source is not None, "a regular file has content"
        with source, target.open("xb") as file:
            shutil.copyfileobj(source, file)
        target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _leads_outside(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    deep = len(path.parts) > _DEEPEST
    return path.is_absolute() or ".." in path.parts or "\0" in name or deep
