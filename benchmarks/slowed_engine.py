"""An engine that is stopped for a fixed share of the time: a truth that a verdict must find."""

import sys
from pathlib import Path

_WRAPPER = """#!{python} -IS
import ctypes
import os
import signal
import sys
import time

ENGINE, SHARE, CYCLE_S = {engine!r}, {share!r}, 0.02

engine = os.getpid()
if os.fork():
    os.execv(ENGINE, [ENGINE, *sys.argv[1:]])
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: gone when the engine is
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)  # meant for the engine, which must not stay stopped
begun, stopped_s = time.perf_counter(), 0.0
while os.getppid() == engine:
    time.sleep(CYCLE_S * (1 - SHARE))
    stop = time.perf_counter()
    owed_s = SHARE * (stop - begun) - stopped_s  # sleeping takes longer than asked
    if owed_s > 0:
        os.kill(engine, signal.SIGSTOP)
        time.sleep(min(owed_s, CYCLE_S))
        os.kill(engine, signal.SIGCONT)
        stopped_s += time.perf_counter() - stop
"""


def slowed(engine: Path, share: float, folder: Path) -> Path:
    """A `llama-server` in `folder` that runs `engine`, a millisecond in twenty stopped for 0.05.

    The process that is started becomes the engine, a child of it does the stopping: pid, ports,
    signals and exit status are the engine's own. Linux only.
    """
    wrapper = folder / "llama-server"
    text = _WRAPPER.format(python=sys.executable, engine=str(engine.absolute()), share=share)
    wrapper.write_text(text)
    wrapper.chmod(0o755)
    return wrapper
