"""By what an entry is known: all that it was made of, and the code that made it."""

import hashlib
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
    for path in sorted(_CODE.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            sums.update(f"{path.relative_to(_CODE)}\n".encode())
            sums.update(hashlib.sha256(path.read_bytes()).digest())
    return sums.hexdigest()
