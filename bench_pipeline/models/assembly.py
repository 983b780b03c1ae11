"""A model file while it grows: its parts written end to end, hashed on the way, resumable.

There is one file for all parts, so that joining costs neither time nor a second copy on the
disk; shards have one each, and are hashed as if they were joined. Beside it stands a note of
what is in it; both survive a cut or a kill and are taken up by the next try.

    <file_name>.part        the bytes so far; of shards, those of each
    <file_name>.part.json   which sources they came from, where each part ended, and by what
                            the server tells whether its file is still the same
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from bench_pipeline.errors import ModelError
from bench_pipeline.progress import Reporter, Step
from bench_pipeline.records.model import ModelFile

CHUNK_BYTES = 2**20


def disk_error(error: OSError, where: Path) -> ModelError:
    """A write that the disk refused, in our words."""
    return ModelError(
        f"cannot be written: {error.strerror}",
        mend="free space on that disk or correct its permissions, or set BENCH_PIPELINE_CACHE "
        "to a folder on another disk, then run it again: it resumes",
        where=where,
    )


@dataclass
class Note:
    """What `.part` holds. `ends`: offset in bytes at which each finished part ended, all parts
    before it counted."""

    sources: list[str]
    ends: list[int] = field(default_factory=list)
    validator: str | None = None
    """ETag or Last-Modified of the part that is being written."""
    total_bytes: int | None = None
    """Size of the part that is being written, as its server said."""


class Assembly:
    """The growing file (or shards) of one model; a context manager. OSErrors come out as
    ModelError.

    Opening takes up what an earlier try left, if it came from the same sources.
    """

    def __init__(self, path: Path, model: ModelFile, reporter: Reporter) -> None:
        self.path, self._model, self._reporter = path, model, reporter
        self._note_path = path.with_name(f"{path.name}.json")
        self._sources = [f"{p.source}@{p.revision}:{p.file}" for p in model.parts]
        later = model.file_names[1:]
        self._files = [path, *(path.with_name(f"{name}.part") for name in later)]
        self._sharded = len(self._files) > 1
        self._file: BinaryIO
        self._file_start = 0
        """Bytes that lie in earlier files."""
        self._step: Step

    def __enter__(self) -> Self:
        try:
            self._note = self._take_up()
            self._open()
        except OSError as error:
            raise disk_error(error, self.path) from None
        try:
            self._hash_what_is_there()
        except BaseException as error:
            self._file.close()
            if isinstance(error, OSError):
                raise disk_error(error, self.path) from None
            raise
        return self

    def _open(self) -> None:
        """The file that the current part goes into, at its beginning."""
        at = min(self.parts_done, len(self._files) - 1) if self._sharded else 0
        path = self._files[at]
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file_start = sum(earlier.stat().st_size for earlier in self._files[:at])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Buffered bytes that the full disk refused are refused again here; they are only
        # the tail of a file that resumes, and must not hide the error on its way out.
        try:
            self._file.close()
        except OSError as again:
            if kind is None:
                raise disk_error(again, self.path) from None

    def _take_up(self) -> Note:
        """The note of an earlier try if it still fits, else a new one for emptied files."""
        try:
            note = Note(**json.loads(self._note_path.read_text()))
            sizes = [path.stat().st_size if path.exists() else 0 for path in self._files]
            done = len(note.ends)
            if self._sharded:
                whole = [end - start for start, end in pairwise([0, *note.ends])]
                fits = sizes[:done] == whole and not any(sizes[done + 1 :])
            else:
                fits = note.ends == sorted(note.ends) and [0, *note.ends][-1] <= sizes[0]
            fits = fits and note.sources == self._sources and sum(sizes) <= self._model.size_bytes
        except (OSError, ValueError, TypeError):
            fits = False
        if fits:
            return note
        for path in self._files:
            path.unlink(missing_ok=True)
        return Note(self._sources)

    def _hash_what_is_there(self) -> None:
        self._hash = hashlib.sha256()
        self._hash_at_start = self._hash.copy()
        self._part_hash = hashlib.sha256()
        there = [path for path in self._files if path.exists() and path.stat().st_size]
        size = sum(path.stat().st_size for path in there)
        if size:
            what = f"Checking what is there of {self._model.file_name}"
            with self._reporter.step(what, size, "bytes") as step:
                for path in there:
                    self._hash_file(path, step)
        self._file.seek(0, os.SEEK_END)

    def _hash_file(self, path: Path, step: Step) -> None:
        """Goes on with all sums by what lies in `path`."""
        with path.open("rb") as file:
            before = sum(earlier.stat().st_size for earlier in self._files[: self._at(path)])
            while True:
                start = self._part_start - before  # where the current part begins in this file
                left = start - file.tell()
                chunk = file.read(min(CHUNK_BYTES, left) if left > 0 else CHUNK_BYTES)
                if not chunk:
                    return
                self._hash.update(chunk)
                if left <= 0:
                    self._part_hash.update(chunk)
                elif file.tell() == start:
                    self._hash_at_start = self._hash.copy()
                step.advance(len(chunk))

    def _at(self, path: Path) -> int:
        return self._files.index(path)

    @contextmanager
    def progress(self, what: str) -> Iterator[None]:
        """A step of the reporter that shows how full the file is while it is written."""
        with self._reporter.step(what, self._model.size_bytes, "bytes") as self._step:
            self._step.advance(self._written)
            yield

    def _write_note(self) -> None:
        # Replaced, not rewritten: a kill in the middle would throw away what it describes.
        fresh = self._note_path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self._note)))
        fresh.replace(self._note_path)

    @property
    def _part_start(self) -> int:
        return self._note.ends[-1] if self._note.ends else 0

    @property
    def _written(self) -> int:
        """Bytes of all parts that are here."""
        return self._file_start + self._file.tell()

    @property
    def parts_done(self) -> int:
        return len(self._note.ends)

    @property
    def position(self) -> int:
        """Bytes of the current part that are here."""
        return self._written - self._part_start

    @property
    def validator(self) -> str | None:
        """ETag or Last-Modified of the current part."""
        return self._note.validator

    @property
    def total_bytes(self) -> int | None:
        """Size of the current part, as its server said."""
        return self._note.total_bytes

    @property
    def room_bytes(self) -> int:
        """Bytes that the file may still grow by."""
        return self._model.size_bytes - self._written

    def expect(self, validator: str | None, total_bytes: int | None) -> None:
        """What the source says of the current part, kept for a later try.

        A size that can't be right is refused here, before hours are spent on it.
        """
        if total_bytes is not None:
            whole = self._part_start + total_bytes
            is_last = self.parts_done == len(self._sources) - 1
            self._check_part_size(total_bytes)
            if whole > self._model.size_bytes or (is_last and whole < self._model.size_bytes):
                raise self.wrong_size(f"{whole:,} bytes{'' if is_last else ' or more'}")
        if (validator, total_bytes) == (self._note.validator, self._note.total_bytes):
            return
        self._note.validator, self._note.total_bytes = validator, total_bytes
        try:
            self._write_note()
        except OSError as error:
            raise disk_error(error, self._note_path) from None

    def write(self, chunk: bytes) -> None:
        """Appends to the current part. More than the catalogue's size is refused."""
        if len(chunk) > self.room_bytes:
            self.discard()
            raise self.wrong_size(f"more than {self._model.size_bytes:,} bytes")
        try:
            self._file.write(chunk)
        except OSError as error:
            raise disk_error(error, self.path) from None
        self._hash.update(chunk)
        self._part_hash.update(chunk)
        self._step.advance(len(chunk))

    def restart(self) -> None:
        """Forgets the current part: its source changed, or cannot go on from the middle."""
        self._step.advance(-self.position)
        try:
            self._file.seek(self._part_start - self._file_start)
            self._file.truncate()
        except OSError as error:
            raise disk_error(error, self.path) from None
        self._hash, self._part_hash = self._hash_at_start.copy(), hashlib.sha256()

    def end_part(self) -> None:
        """The current part is whole; the next write begins the next one. ModelError if it is not
        what the catalogue says of it: it alone is removed, and the next try begins it anew."""
        part = self._model.parts[self.parts_done]
        try:
            self._check_part_size(self.position)
            if part.sha256 and (actual := self._part_hash.hexdigest()) != part.sha256:
                raise self._wrong_sum(part.name, part.source, actual, part.sha256)
        except ModelError:
            self.restart()
            raise
        try:
            self._file.flush()
            self._note.ends.append(self._written)
            self._note.validator = self._note.total_bytes = None
            self._write_note()
            if self._sharded and self.parts_done < len(self._files):
                self._file.close()
                self._open()
        except OSError as error:
            raise disk_error(error, self.path) from None
        self._hash_at_start, self._part_hash = self._hash.copy(), hashlib.sha256()

    def finish(self, place: Path) -> None:
        """Moves the file to `place`, shards beside it, if size and sum are the catalogue's.

        Otherwise it is removed (a next try begins anew) and a ModelError names both.
        """
        size, sha256 = self._written, self._hash.hexdigest()
        if size != self._model.size_bytes:
            self.discard()
            raise self.wrong_size(f"{size:,} bytes")
        if sha256 != self._model.sha256:
            self.discard()
            source = self._model.parts[0].source
            raise self._wrong_sum(place.name, source, sha256, self._model.sha256)
        try:
            self._file.close()
            later = [place.with_name(name) for name in self._model.file_names[1:]]
            # The first last: by it others see that the model is here.
            for path, name in reversed(list(zip(self._files, [place, *later], strict=True))):
                with path.open("rb") as file:
                    os.fsync(file.fileno())
                path.replace(name)
        except OSError as error:
            raise disk_error(error, place) from None
        self._note_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Removes what is here and its note."""
        for path in self._files:
            path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    def _check_part_size(self, size_bytes: int) -> None:
        part = self._model.parts[self.parts_done]
        if part.size_bytes is not None and part.size_bytes != size_bytes:
            raise ModelError(
                f"{part.name} from {part.source} has {size_bytes:,} bytes, the catalogue says "
                f"{part.size_bytes:,}",
                mend="correct the part's size_bytes and sha256, or its source and revision; then "
                "run it again",
                where=f"content/models/{self._model.slug}.yaml",
            )

    def _wrong_sum(self, name: str, source: str, actual: str, wanted: str) -> ModelError:
        return ModelError(
            f"{name} from {source} has sha256 {actual}, the catalogue says {wanted}; the file was "
            "removed",
            mend="correct sha256 in the model's file if the new content is wanted, else name the "
            "revision that has the old one; then run it again",
            where=f"content/models/{self._model.slug}.yaml",
        )

    def wrong_size(self, got: str) -> ModelError:
        """`got` says how much the sources have."""
        return ModelError(
            f"the sources of {self._model.file_name} hold {got}, "
            f"the catalogue says {self._model.size_bytes:,}",
            mend="correct size_bytes and sha256, or parts and revision, in the model's file; "
            "then run it again",
            where=f"content/models/{self._model.slug}.yaml",
        )
