"""How a test was computed: its backend, or why a run file cannot name it."""

import re

from bench_pipeline.errors import RecordError
from bench_pipeline.importers.rows import Row, Test
from bench_pipeline.importers.words import plain
from bench_pipeline.records.rig import Backend

BY_REGISTRY: dict[str, Backend] = {
    "CPU": "cpu",
    "CUDA": "cuda",
    "HIP": "rocm",
    "MTL": "metal",
    "Metal": "metal",
    "ROCm": "rocm",
    "SYCL": "sycl",
    "OPENVINO": "openvino",
    "Vulkan": "vulkan",
}
HELPERS = {"", "AMX", "BLAS", "CPU", "RPC"}
"""Compiled in beside the one that computes. RPC counts only where other machines took part."""

OLD_FLAGS: tuple[Backend, ...] = ("cuda", "vulkan", "metal", "sycl")
"""A key for each backend, before llama-bench had `backends` (2024)."""
_OLD_OTHERS = {"opencl": "OpenCL", "clblast": "OpenCL", "kompute": "Kompute"}

WITHOUT_A_NAME = {
    "OPENCL": "OpenCL",
    "KOMPUTE": "Kompute",
    "CANN": "CANN (Ascend)",
    "MUSA": "MUSA (Moore Threads)",
    "HEXAGON": "Hexagon (Snapdragon's NPU)",
    "HTP": "Hexagon (Snapdragon's NPU)",
    "WEBGPU": "WebGPU",
    "ZENDNN": "ZenDNN",
    "ZDNN": "zDNN",
    "VIRTGPU": "a virtual GPU of its host",
    "ET": "ET",
}
"""Backends of llama.cpp for which run files have no name."""

_AMD = re.compile(r"\bAMD\b|Radeon|Instinct|\bgfx\d", re.IGNORECASE)
_MOORE_THREADS = re.compile(r"\bMTT\b|Moore Threads")
_ADDRESS = re.compile(
    r"\bRPC\d*\b|(?:^|,)\s*\d{1,3}(?:\.\d{1,3}){3}\s*(?:$|,)|\[[0-9a-fA-F:]*:[0-9a-fA-F:]*\]|"
    r"\b[\w-][\w.-]*:\d{2,5}\b"
)
"""Another machine's: `192.168.7.9:50052`, `RPC0`, `box.lan:50052`; not the version of a Raspberry
Pi's GPU, `V3D 7.1.10.2`."""
_USED_RPC = "+RPC"
"""Behind the backend in tables of 2024 and of ik_llama.cpp, where other machines took part."""


def backend_of(test: Test, asked: Backend | None) -> Backend:
    """Where the test ran. What `backends` names was merely compiled in. RecordError where that
    is another machine, no backend of a run file, or left open; `asked` closes what is open."""
    row, place = test.row, test.place
    if asked is None and _says_no_backend(row):
        raise RecordError(
            "does not tell on which backend it was measured",
            mend="give `--backend`",
            where=place,
        )
    possible = possible_backends(row, place)
    if _other_machines_unclear(test) and asked is None:
        raise RecordError(
            "does not tell whether other machines took part: RPC was compiled in",
            mend="if it was this machine alone, say so by `--backend`; else leave it out",
            where=place,
        )
    if asked is not None and asked not in possible and not _says_no_backend(row):
        raise RecordError(
            f"was measured on {' or '.join(possible)}, not on {asked}",
            mend="leave `--backend` out",
            where=place,
        )
    if asked is None and len(possible) > 1:
        raise RecordError(
            f"does not tell on which of its backends it was measured: {', '.join(possible)}",
            mend="give `--backend`, or measure again with `-dev`",
            where=place,
        )
    return asked or possible[0]


def _says_no_backend(row: Row) -> bool:
    """A table, or a list of somebody's own, that kept no column of it. A build for the CPU alone
    had every flag of 2023, each of them off."""
    flags = {*OLD_FLAGS, *_OLD_OTHERS, "gpu_blas", "blas"}
    return row.backends is None and row.devices == "auto" and not flags & row.settings.keys()


def _other_machines_unclear(test: Test) -> bool:
    """A table names no device: of a build with RPC nobody can tell."""
    row = test.row
    compiled = [name.strip() for name in (row.backends or "").split(",")]
    return "RPC" in compiled and not row.cpu_info and row.devices == "auto"


def possible_backends(row: Row, place: str = "") -> list[Backend]:
    """All on which it may have run, by what it says."""
    _refuse_other_machines(row, place)
    if row.devices == "none":
        return ["cpu"]
    if row.devices != "auto":
        names = [re.sub(r"\d*$", "", name.strip()) for name in re.split("[/,]", row.devices)]
    elif row.backends is not None:
        names = [name.strip() for name in row.backends.split(",") if name.strip() not in HELPERS]
    else:
        names = _of_old_flags(row)
    if any(name.upper() == "CUDA" for name in names) and _MOORE_THREADS.search(row.gpu_info):
        names = ["MUSA"]
    known: dict[str, Backend] = {name.upper(): backend for name, backend in BY_REGISTRY.items()}
    for name in names:
        if name.upper() not in known:
            _refuse_backend(WITHOUT_A_NAME.get(name.upper(), plain(name)), place)
    if not names:
        return ["cpu"]
    if row.n_gpu_layers == 0:
        if row.settings.get("no_op_offload") == "1":
            return ["cpu"]  # nothing at all is computed on the card
        raise RecordError(
            "was measured with no layer on the GPU but the GPU at hand, where llama.cpp still "
            "computes long prompts on it: neither a CPU's figure nor a GPU's",
            mend="measure again with `-dev none`",
            where=place,
        )
    return list(dict.fromkeys(known[name.upper()] for name in names))


def _of_old_flags(row: Row) -> list[str]:
    """Names by the flags of 2023 and 2024. A build for HIP called itself `cuda` then."""
    said = row.settings
    for flag, name in _OLD_OTHERS.items():
        if said.get(flag) == "1":
            return [name]
    names: list[str] = [flag for flag in OLD_FLAGS if said.get(flag) == "1"]
    if "cuda" in names and _AMD.search(row.gpu_info) and "NVIDIA" not in row.gpu_info:
        names[names.index("cuda")] = "ROCm"
    if not names and said.get("gpu_blas") == "1":
        return ["BLAS on a GPU"]
    return names


def _refuse_other_machines(row: Row, place: str) -> None:
    said = row.settings.get("rpc_servers", "")
    compiled = [name.strip() for name in (row.backends or "").split(",")]
    alone = [name for name in compiled if name not in {"", "BLAS", "AMX", "CPU"}] == ["RPC"]
    if (
        said not in ("", "none")
        or row.settings.get("rpc") == "1"
        or _USED_RPC in (row.backends or "")
        or "RPC" in row.devices
        or (row.devices == "auto" and (alone or _ADDRESS.search(row.gpu_info)))
    ):
        raise RecordError(
            "was measured on several machines, or on another one (RPC): no figure of this rig",
            mend="measure on one machine; whose address it was is not repeated here",
            where=place,
        )


def _refuse_backend(name: str, place: str) -> None:
    raise RecordError(
        f"was measured with {name}, for which run files have no backend yet",
        mend="leave it out: under another backend's name its figures would be untrue",
        where=place,
    )
