"""By what an entry is known: all that it was made of, and the code that made it."""

import hashlib
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from platform import python_version

_DRAWN_WITH = ("altair", "duckdb", "jinja2", "pydantic", "vl-convert-python")
_CODE = Path(__file__).parent.parent


def key_of(*parts: object) -> str:
    """Of values that have the same `repr` where they are equal, and of this code."""
    return hashlib.sha256("\n".join([_code(), *map(repr, parts)]).encode()).hexdigest()[:40]


@cache
def _code() -> str:
    """Hash of every file of this package, and of what draws."""
    sums = hashlib.sha256(python_version().encode())
    for name in _DRAWN_WITH:
        sums.update(f"{name} {version(name)}\n".encode())
    folders = [str(_CODE)]
    while folders:
        for entry in sorted(os.scandir(folders.pop()), key=lambda entry: entry.name):
            if entry.is_dir():
                folders.append(entry.path)
            elif entry.is_file() and not entry.name.endswith(".pyc"):
                sums.update(f"{entry.path.removeprefix(str(_CODE))}\n".encode())
                sums.update(hashlib.sha256(Path(entry.path).read_bytes()).digest())
    return sums.hexdigest()
