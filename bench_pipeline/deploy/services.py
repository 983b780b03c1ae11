"""`dagster dev` with our webserver, in a process group that does not outlive `make ui`.

    python -m bench_pipeline.deploy.services -w workspace.yaml -p 3000

stdin is a pipe whose other end `make ui` holds: when it ends, everything here is killed.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any

GRACE_S = 10.0

_owner_gone = threading.Event()


def main() -> None:
    # `make ui &` in a script leaves it ignored, and so it would stay for Dagster
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_owner, daemon=True).start()
    try:
        _dev()
    finally:
        if _owner_gone.is_set():
            os.killpg(0, signal.SIGKILL)  # also a run that was launched from here


def _dev() -> None:
    from dagster._cli import dev

    from bench_pipeline.deploy.bench_pipeline_cli import no_word_of_supersession

    no_word_of_supersession()

    start = dev.open_ipc_subprocess

    def start_ours(parts: Sequence[str], **kwargs: Any) -> subprocess.Popen[Any]:
        ours = {"dagster_webserver": "bench_pipeline.deploy.webserver"}
        return start([ours.get(part, part) for part in parts], **kwargs)

    dev.open_ipc_subprocess = start_ours
    dev.dev_command(prog_name="dagster dev")


def _end_with_owner() -> None:
    while os.read(0, 4096):
        pass
    _owner_gone.set()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
