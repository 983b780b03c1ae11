"""Shared libraries that a build is linked to and this system lacks, and how to get them.

The dynamic loader itself is asked, so that its whole search decides: run paths, LD_LIBRARY_PATH,
its cache. With glibc only; another loader answers nothing, and starting the build tells.
"""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_pipeline.errors import EngineError
from bench_pipeline.records.rig import Backend

_ANSWER_TIMEOUT_S = 60
_NOT_FOUND = re.compile(r"^\s*(?P<name>\S+) => not found", re.MULTILINE)

_MODULES: dict[Backend, str] = {"rocm": "hip"}
"""`hip` of libggml-hip.so, where it isn't the backend's own name."""

_DEBIAN_PACKAGES = {
    "libatomic.so.1": "libatomic1",
    "libblas.so.3": "libblas3",
    "libcurl.so.4": "libcurl4",
    "libgomp.so.1": "libgomp1",
    "libnuma.so.1": "libnuma1",
    "libomp.so.5": "libomp5",
    "libopenblas.so.0": "libopenblas0",
    "libOpenCL.so.1": "ocl-icd-libopencl1",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "libstdc++.so.6": "libstdc++6",
    "libvulkan.so.1": "libvulkan1",
    "libze_loader.so.1": "libze1",
}
_ELSEWHERE = (
    (re.compile(r"libcuda\.so\.1|libnvidia-ml\.so\.1"), "NVIDIA's driver"),
    (re.compile(r"lib(?:cudart|cublas|cublasLt)\.so\.(?P<version>\d+)"), "CUDA {version}"),
    (re.compile(r"lib(?:amdhip64|hipblas|hipblaslt|rocblas)\.so\.\d+"), "ROCm"),
    (
        re.compile(r"lib(?:sycl|svml|imf|intlc|irng|mkl_\w+|dnnl|tbb)\.so.*"),
        "Intel's oneAPI runtime",
    ),
    (re.compile(r"libopenvino\w*\.so.*"), "the OpenVINO runtime"),
    (re.compile(r"lib(?:ggml|llama|mtmd)\b.*"), "the rest of this build"),
)
"""What brings a library that no package of Debian holds."""


def require_libraries(
    binary: Path, environment: Mapping[str, str], backend: Backend, where: str
) -> None:
    """EngineError unless everything is here that `binary` is linked to, and that the modules beside
    it are which it loads for `backend` once it runs: without them it runs, and finds no device.

    environment  what the engine is started with, all of it
    """
    wanted = {"cpu", _MODULES.get(backend, backend)}
    found = [path for name in wanted for path in binary.parent.glob(f"libggml-{name}*.so")]
    modules = sorted(path.name for path in found)
    if missing := missing_libraries(binary, environment, modules):
        raise EngineError(lacks(missing), mend=mend(missing), where=where)


def missing_libraries(
    binary: Path, environment: Mapping[str, str], modules: Sequence[str] = ()
) -> list[str]:
    """Names such as `libgomp.so.1`, each once.

    modules  libraries on the loader's path that `binary` opens by itself
    """
    if sys.platform != "linux":
        return []
    # The loader prints what it finds instead of running the program; should it not know of this,
    # `--version` is harmless.
    asked = {**environment, "LD_TRACE_LOADED_OBJECTS": "1", "LD_PRELOAD": " ".join(modules)}
    try:
        answer = subprocess.run(
            [binary, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=asked,
            timeout=_ANSWER_TIMEOUT_S,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []  # why it cannot be started is told where it is
    return list(dict.fromkeys(_NOT_FOUND.findall(answer.decode(errors="replace"))))


def lacks(names: Sequence[str]) -> str:
    return f"it lacks {'a library' if len(names) == 1 else 'libraries'}: {', '.join(names)}"


def mend(names: Sequence[str]) -> str:
    """What to install, with the command for it where a package of Debian's is known."""
    packages = dict.fromkeys(_DEBIAN_PACKAGES[name] for name in names if name in _DEBIAN_PACKAGES)
    others = dict.fromkeys(_other(name) for name in names if name not in _DEBIAN_PACKAGES)
    told = []
    if packages:
        listed = " ".join(packages)
        told.append(f"install {listed} (Debian, Ubuntu: sudo apt-get install {listed})")
    if others:
        told.append(f"install {', '.join(others)}, or choose a build for this system")
    return "; ".join(told)


def _other(name: str) -> str:
    for pattern, bringer in _ELSEWHERE:
        if match := pattern.fullmatch(name):
            return bringer.format(**match.groupdict())
    return f"what holds {name}"
