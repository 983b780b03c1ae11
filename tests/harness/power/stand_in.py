"""NVML whose cards are a file: all processes see, and set, one cap.

Copied as `pynvml.py` into a folder of PYTHONPATH it stands before the real binding, whose error
classes and constants it has: what it refuses, it refuses by NVML's own codes. Started as a program
it is a command that sets a cap, and takes its time for it.

    python stand_in.py ADDRESS W SECONDS
"""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

VARIABLE = "STAND_IN_CARDS"
"""Names the file: by PCI address `cap_mw`, `limits_mw` and `refuses`, an NVML code or 0."""


def _real() -> ModuleType:
    for folder in sys.path:
        file = Path(folder or ".") / "pynvml.py"
        if file.exists() and file.read_bytes() != Path(__file__).read_bytes():
            spec = importlib.util.spec_from_file_location("real_pynvml", file)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules["real_pynvml"] = module
            spec.loader.exec_module(module)
            return module
    raise ImportError("no pynvml")


if __name__ == "pynvml":
    real = _real()
    globals().update({name: it for name, it in vars(real).items() if not name.startswith("__")})


def cards() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(Path(os.environ[VARIABLE]).read_text())
    return found


def change(address: str, **values: object) -> None:
    known = cards()
    known[address] |= values
    file = Path(os.environ[VARIABLE])
    draft = file.with_name(f"{file.name}.{os.getpid()}.{time.monotonic_ns()}")
    draft.write_text(json.dumps(known))
    draft.replace(file)


def error(code: int) -> Exception:
    made: Exception = sys.modules["pynvml"].NVMLError(code)
    return made


def nvmlInit() -> None:
    if VARIABLE not in os.environ:
        raise error(12)  # NVML_ERROR_LIBRARY_NOT_FOUND


def nvmlShutdown() -> None:
    pass


def nvmlDeviceGetCount() -> int:
    return len(cards())


def nvmlDeviceGetHandleByIndex(index: int) -> str:
    return list(cards())[index]


def nvmlDeviceGetHandleByPciBusId(address: str) -> str:
    if address not in cards():
        raise error(6)  # NVML_ERROR_NOT_FOUND
    return address


def nvmlDeviceGetPciInfo(handle: str) -> SimpleNamespace:
    return SimpleNamespace(busId=f"0000{handle}".upper())


def nvmlDeviceGetName(handle: str) -> str:
    return "NVIDIA GeForce RTX 3090"


def nvmlDeviceGetMemoryInfo(handle: str) -> SimpleNamespace:
    return SimpleNamespace(total=24576 * 2**20, used=0)


def nvmlDeviceGetPowerManagementLimit(handle: str) -> int:
    return int(cards()[handle]["cap_mw"])


def nvmlDeviceGetEnforcedPowerLimit(handle: str) -> int:
    card = cards()[handle]
    return int(min(card["cap_mw"], card.get("holds_mw", card["cap_mw"])))


def nvmlDeviceGetPowerManagementLimitConstraints(handle: str) -> list[int]:
    return list(cards()[handle]["limits_mw"])


def nvmlDeviceSetPowerManagementLimit(handle: str, limit_mw: int) -> None:
    card = cards()[handle]
    if card["refuses"]:
        raise error(card["refuses"])
    least_mw, most_mw = card["limits_mw"]
    if not least_mw <= limit_mw <= most_mw:
        raise error(2)  # NVML_ERROR_INVALID_ARGUMENT
    change(handle, cap_mw=limit_mw)


def _not_supported(*_: object) -> None:
    raise error(3)


def __getattr__(name: str) -> Callable[..., None]:
    if name.startswith("nvml"):
        _not_supported.__name__ = name
        return _not_supported
    raise AttributeError(name)


for _name in [n for n in globals() if n.startswith("nvmlDeviceGet") or n.startswith("nvmlSystem")]:
    _of_real = globals()[_name]
    if getattr(_of_real, "__module__", "") == "real_pynvml":
        globals()[_name] = _not_supported


if __name__ == "__main__":
    time.sleep(float(sys.argv[3]))
    change(sys.argv[1], cap_mw=round(float(sys.argv[2]) * 1000))
