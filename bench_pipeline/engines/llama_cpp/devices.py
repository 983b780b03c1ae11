"""Which of the engine's devices it is started on, and why one that is wanted is not among them."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench_pipeline.engines.llama_cpp import libraries
from bench_pipeline.engines.llama_cpp.command import missing_devices
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine, ask
from bench_pipeline.errors import EngineError
from bench_pipeline.records.rig import Backend, BackendSetup

_TROUBLE = re.compile(
    r"fail|error|cannot|can't|could not|unable|no such|not found|no [\w ]*devices?\b|no usable"
    r"|insufficient|unsupported|incompatible",
    re.IGNORECASE,
)
"""A line of the engine's that may say why it sees no device."""

_LIBRARY = re.compile(r"\b(?P<name>lib[\w+-]+\.so(?:\.\d+)*): cannot open shared object")


def pinned_devices(
    engine: InstalledEngine,
    backend: Backend,
    setup: BackendSetup,
    scrub: Callable[[str], str] = str,
) -> list[str]:
    """`--device` on a GPU backend: the rig file's, else the only one there is.

    EngineError tells what the engine finds instead and, where it finds none, what it says of
    the reason; `scrub` cuts private folders from that.
    """
    found = [device.id for device in engine.devices_of(backend)]
    if setup.device is None:
        if len(found) == 1:
            return found
        problem = (
            f"the engine finds {len(found)} {backend} devices: {', '.join(found)}"
            if found
            else f"the engine finds no {backend} device"
        )
    elif missing := missing_devices(setup, found):
        problem = f"the engine finds no {', '.join(missing)}, only {', '.join(found) or 'none'}"
    else:
        return setup.device.split(",")
    mend = "name the one to use as `device` in the rig's file"
    said: list[str] = []
    if not found:
        said = [scrub(line) for line in complaints(engine.binary, setup.env)]
        mend = _mend(said)
        problem += f"; it says: {said[0]}" if said else ""
    raise EngineError(
        problem, mend=mend, where=f"{engine.channel} {engine.build}", log_tail=tuple(said)
    )


def complaints(binary: Path, env: Mapping[str, str]) -> list[str]:
    """What the engine says of trouble when it is asked for its devices, a missing library first."""
    try:
        lines = ask(binary, "--list-devices", env, "").splitlines()
    except EngineError as error:
        return [error.problem]
    found = dict.fromkeys(line.strip() for line in lines if _TROUBLE.search(line))
    return sorted(found, key=lambda line: _LIBRARY.search(line) is None)


def _mend(said: Sequence[str]) -> str:
    lacking = list(dict.fromkeys(m["name"] for line in said if (m := _LIBRARY.search(line))))
    if lacking:
        return libraries.mend(lacking)
    return "check the GPU's driver and the backend's `env` in the rig's file"
