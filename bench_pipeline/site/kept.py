"""What was made once and still holds: pages and what was said with them, by key.

A folder beside the warehouse that may be deleted at any time. An entry's pages are files that the
site links to, so they are on disk once; one that was changed since, by whatever hand, is no entry.
"""

import hashlib
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_VALUES = "values"
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class _Page:
    """A page's file in an entry, and what tells that nobody wrote to it."""

    file: str
    size_bytes: int
    modified_ns: int

    def is_as_put(self, status: os.stat_result) -> bool:
        return (status.st_size, status.st_mtime_ns) == (self.size_bytes, self.modified_ns)


class Kept:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[str] = set()
        self._pages: dict[str, dict[str, _Page]] = {}

    def has(self, key: str) -> bool:
        """Whether there is a sound entry. It is in use from now on, see `sweep`."""
        self._used.add(key)
        pages = self._read(key, "pages")
        if pages is None or not self._all_sound(key, pages.values()):
            return False
        self._pages[key] = pages
        return True

    def put(self, key: str, pages: Mapping[str, bytes], **values: object) -> None:
        """A whole entry or none: `pages` by path below the site's root, and `values` by name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=self.folder))
        try:
            known = {}
            for number, (path, content) in enumerate(pages.items()):
                file = making / str(number)
                file.write_bytes(content)
                known[path] = _Page(file.name, len(content), file.stat().st_mtime_ns)
            for name, value in {**values, "pages": known}.items():
                packed = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
                digest = hashlib.sha256(packed).digest()
                (making / f"{name}.{_VALUES}").write_bytes(digest + packed)
            shutil.rmtree(self.folder / key, ignore_errors=True)
            with suppress(OSError):  # somebody else made the same at the same time
                making.rename(self.folder / key)
        finally:
            shutil.rmtree(making, ignore_errors=True)

    def keep(self, key: str, make: Callable[[], Mapping[str, bytes]]) -> str:
        """Puts the pages that `make` gives unless there is a sound entry; `key`, in use then."""
        if not self.has(key):
            self.put(key, make())
            self.has(key)
        return key

    def value(self, key: str, name: str) -> Any:
        """What was put with an entry that `has` found."""
        return self._read(key, name)

    def page(self, key: str, path: str) -> bytes | None:
        """Of an entry whether in use or not; None where it is not there as it was put."""
        if key not in self._pages:
            self._pages[key] = self._read(key, "pages") or {}
        page = self._pages[key].get(path)
        if page is None or not self._sound(key, page):
            return None
        try:
            return Path(self.folder, key, page.file).read_bytes()
        except OSError:
            return None

    def publish(self, key: str, site: Path) -> int:
        """Links the pages of an entry that `has` found into `site`; how many of them are HTML."""
        pages = self._pages[key]
        for folder in {path.rpartition("/")[0] for path in pages}:
            (site / folder).mkdir(parents=True, exist_ok=True)
        for path, page in pages.items():
            source, place = f"{self.folder}/{key}/{page.file}", f"{site}/{path}"
            try:
                os.link(source, place)
            except FileExistsError:
                pass  # two entries have the same file
            except OSError:
                shutil.copyfile(source, place)  # a file system without links
        return sum(path.endswith(".html") for path in pages)

    def sweep(self) -> None:
        """Removes entries that nobody has asked for since this was made."""
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            if folder.name not in self._used:
                shutil.rmtree(folder, ignore_errors=True)

    def _sound(self, key: str, page: _Page) -> bool:
        try:
            return page.is_as_put(Path(self.folder, key, page.file).stat())
        except OSError:
            return False

    def _all_sound(self, key: str, pages: Collection[_Page]) -> bool:
        """In one look at the folder: a large site asks for ten thousand files."""
        try:
            with os.scandir(self.folder / key) as entries:
                found = {entry.name: entry.stat() for entry in entries}
        except OSError:
            return False
        return all(page.file in found and page.is_as_put(found[page.file]) for page in pages)

    def _read(self, key: str, name: str) -> Any:
        """None where there is none, or a damaged one."""
        try:
            content = (self.folder / key / f"{name}.{_VALUES}").read_bytes()
        except OSError:
            return None
        packed = content[_DIGEST_BYTES:]
        if hashlib.sha256(packed).digest() != content[:_DIGEST_BYTES]:
            return None
        return pickle.loads(packed)
