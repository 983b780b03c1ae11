"""What a server's log may show to others, and what in it says why the server ended."""

import re
import signal
from collections.abc import Sequence
from pathlib import Path

_PATH = re.compile(r"(?<![\w:/.])/(?:[^/\s'\":]+/)+")
"""An absolute path up to its last slash; not the inside of an URL, nor `./a/relative/one`."""

_OUT_OF_MEMORY = re.compile(
    r"out of memory|out-of-memory|OutOf(?:Device|Host)Memory|failed to allocate|"
    r"unable to allocate|cannot allocate|bad_alloc|cudaMalloc failed|insufficient memory",
    re.IGNORECASE,
)
_PORT_TAKEN = re.compile(r"couldn't bind|address already in use", re.IGNORECASE)
_ERROR = re.compile(r"^(?:[\d.]+ E |error\b|terminate called|.*GGML_ASSERT)|\berror loading\b")
_ARGUMENT = re.compile(r"\bargument:? \"?(--?[\w-]+)")
_PREFIX = re.compile(r"^\d+\.\d+\.\d+\.\d+ [A-Z] (?:(?:srv|cmn|slot|spec)\s+)?")


def scrub(line: str, private: Sequence[Path] = ()) -> str:
    """`line` with folders cut from its paths: a published log names no user and no disk.

    `private` are folders to cut even where their names hold spaces.
    """
    for folder in private:
        line = line.replace(f"{folder}/", "")
    return _PATH.sub("", line)


def without_prefix(line: str) -> str:
    """`line` without the time, level and component that the server puts before it."""
    return _PREFIX.sub("", line).strip()


def port_was_taken(lines: Sequence[str]) -> bool:
    return any(_PORT_TAKEN.search(line) for line in lines)


def out_of_memory(lines: Sequence[str]) -> str | None:
    """The line that says so, if one does."""
    return next((line for line in lines if _OUT_OF_MEMORY.search(line)), None)


def decisive_line(lines: Sequence[str]) -> str | None:
    """The line that names the cause: the first error, since later ones follow from it."""
    found = out_of_memory(lines) or next((line for line in lines if _ERROR.search(line)), None)
    return without_prefix(found) if found else None


def unknown_argument(line: str) -> str | None:
    """The argument that a line of error does not know or whose value it refuses."""
    match = _ARGUMENT.search(line)
    return match[1] if match else None


def ending(status: int | None) -> str:
    """`exit status 1`, `killed by SIGKILL`, ... in words."""
    if status is None:
        return "ended in an unknown way"
    if status >= 0:
        return f"ended with exit status {status}"
    return f"was ended by {signal.Signals(-status).name}"
