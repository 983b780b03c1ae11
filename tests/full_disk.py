"""Runs a piece of Python where the disk fills up for real, in each way that works here.

tmpfs  in a mount namespace of its own (root, or a user namespace), on a small tmpfs that
       `fill_disk()` fills from the side: the next write fails with ENOSPC
limit  everywhere: a limit on the size of a file, whose write fails with EFBIG

Both are the kernel's word in the middle of a write; nothing is simulated.
"""

import json
import os
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

DISK_MIB = 8
"""Size of the small disk."""

_PREAMBLE = """
import json, os, resource, sys
from pathlib import Path
folder, way, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if way == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

def fill_disk():
    '''Another program takes what is left.'''
    if way == "tmpfs":
        with open(folder / "ballast", "wb", buffering=0) as ballast:
            try:
                while ballast.write(bytes(4096)):
                    pass
            except OSError:
                pass

def left():
    names = (str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in names if name != "ballast")
"""


@cache
def _namespace() -> tuple[str, ...] | None:
    """The command that makes a mount namespace here, if the kernel allows one."""
    for command in (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user")):
        probe = [*command, "sh", "-c", "mount -t tmpfs -o size=1m none /tmp"]
        try:
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return command
        except OSError:
            continue
    return None


def ways() -> list[str]:
    return ["tmpfs", "limit"] if _namespace() else ["limit"]


def on_full_disk(folder: Path, way: str, body: str, *, limit_bytes: int) -> Any:
    """What `body` leaves in `result`, as JSON. It has `folder`, `fill_disk()` and `left()`.

    `limit_bytes`: what `limit` allows a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script = f"{_PREAMBLE}\n{textwrap.dedent(body)}\nprint(json.dumps(result))\n"
    command = [sys.executable, "-c", script, str(folder), way, str(limit_bytes)]
    if way == "tmpfs":
        mount = f'mount -t tmpfs -o size={DISK_MIB}m none "$1" && shift && exec "$@"'
        command = [*(_namespace() or ()), "sh", "-c", mount, "sh", str(folder), *command]
    root = str(Path(__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
