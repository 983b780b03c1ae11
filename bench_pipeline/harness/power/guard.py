"""Puts power caps back when the benchmark that set them is gone.

    python -P -m bench_pipeline.harness.power.guard OWNER_PID TOKEN LOCK_FILE [COMMAND...]

Started by `capped` before anything is set, in a session of its own: neither Ctrl-C nor the end of a
terminal reaches it. It answers `ready` and waits for the end of its standard input, whose other end
the owner holds, or for another parent than OWNER_PID. What it puts back stands in the note that the
owner writes under TOKEN; once that is gone there is nothing to do.
"""

import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

from bench_pipeline.errors import RigError
from bench_pipeline.harness.power.note import Notes

LOOK_S = 0.5
"""At its parent, in case a child of the owner's inherited the pipe."""


def main(arguments: list[str]) -> int:
    owner, token, lock, *command = arguments
    # Handlers, not SIG_IGN: an ignored signal stays ignored in what is started. A service manager
    # signals all of a unit at once: who is to restore outlives who is asked to end.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    with suppress(BrokenPipeError):
        os.write(1, b"ready\n")
    while os.getppid() == int(owner):
        ready, _, _ = select.select([0], [], [], LOOK_S)
        if ready and not os.read(0, 64):
            break
    try:
        Notes(Path(lock)).put_back(command or None, token=token)
    except RigError:
        return 1  # the note stays, and the next start says it
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
