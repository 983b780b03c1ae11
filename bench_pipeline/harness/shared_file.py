"""Files that all users of a machine share: locks, and notes beside them."""

import os
from contextlib import suppress
from pathlib import Path


def open_for_all(path: Path, how: int) -> int:
    """A file of all users of this machine: whoever makes it, the next can open it.

    Made only if it is not there, as in a folder that everybody may write to (`/run/lock`, `/tmp`)
    the kernel refuses a file of somebody else's to who would make it if it were not there
    (fs.protected_regular).
    """
    how |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        return os.open(path, how)
    except FileNotFoundError:
        file = os.open(path, how | os.O_CREAT, 0o666)
        with suppress(OSError):
            os.fchmod(file, 0o666)  # the mask of who came first must not shut out the next
        return file
