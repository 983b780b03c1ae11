"""Which variables of the user's shell reach the engine.

Whatever changes its speed or its choice of a device is dropped, and the run says that it was there;
what the engine needs it for belongs into the rig file's `env`, which is published. The few that the
engine cannot do without pass and are recorded.
"""

import os
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

from bench_pipeline.engines.llama_cpp.log_reading import scrub


class Rule(NamedTuple):
    """What becomes of the variables that one of the patterns matches, and why."""

    names: str
    """Patterns, divided by blanks."""
    action: Literal["drop", "record"]
    reason: str


RULES = (
    Rule(
        "CUDA_VISIBLE_DEVICES HIP_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES GPU_DEVICE_ORDINAL "
        "GGML_VK_VISIBLE_DEVICES ONEAPI_DEVICE_SELECTOR SYCL_DEVICE_* ZE_AFFINITY_MASK "
        "MESA_VK_DEVICE_SELECT* DRI_PRIME __NV_PRIME_* __GLX_* VK_LOADER_DEVICE_*",
        "drop",
        "hides or reorders cards: cap, energy and memory would be read of another",
    ),
    Rule("CUDA_DEVICE_ORDER", "drop", "set by us, so that CUDA counts cards as their driver does"),
    Rule(
        "CUDA_HOME CUDA_PATH CUDA_VERSION CUDA_CACHE_PATH CUDA_CACHE_MAXSIZE CUDA_PKG_VERSION "
        "ROCM_PATH ROCM_HOME ROCM_VERSION HIP_PATH HSA_PATH",
        "record",
        "says where a toolkit lies: changes no speed, but which libraries are found",
    ),
    Rule(
        "LLAMA_* GGML_*",
        "drop",
        "sets the engine's own options past its command line, unified memory among them",
    ),
    Rule("OMP_* GOMP_* KMP_* MKL_* OPENBLAS_* BLIS_* GOTO_* VECLIB_*", "drop", "sets threads"),
    Rule(
        "CUDA_* CUBLAS_* CUDNN_* NVIDIA_TF32_OVERRIDE __GL_*",
        "drop",
        "changes how CUDA computes, launches or allocates",
    ),
    Rule(
        "HSA_* HIP_* ROC_* ROCR_* GPU_* AMD_* ROCBLAS_* HIPBLAS* TENSILE_* MIOPEN_* RCCL_* PAL_*",
        "drop",
        "changes for which chip and how ROCm computes",
    ),
    Rule(
        "VK_* RADV_* ACO_* AMDVLK_* ANV_* INTEL_* INTEL_DEBUG NVK_* NAK_* NOUVEAU_* MESA_* "
        "LIBGL_* GALLIUM_* LP_* ENABLE_* DISABLE_LAYER_* DISABLE_VK_* MANGOHUD*",
        "drop",
        "chooses Vulkan's driver and layers, or changes how it compiles and computes",
    ),
    Rule(
        "SYCL_* UR_* ZE_* ZES_* NEO* IGC_* Override* PrintDebug*",
        "drop",
        "changes how oneAPI computes",
    ),
    Rule("MTL_* METAL_* DYLD_*", "drop", "changes how Metal computes, or what is loaded for it"),
    Rule(
        "LD_PRELOAD LD_AUDIT LD_BIND_* MALLOC_* GLIBC_TUNABLES TCMALLOC_* MIMALLOC_*",
        "drop",
        "puts other code, or memory of another size of page, under the engine",
    ),
    Rule(
        "NCCL_*",
        "record",
        "how cards speak to each other; also set to keep a host's links from harm, so it must pass",
    ),
    Rule("LD_LIBRARY_PATH", "record", "a driver's libraries may be found by nothing else"),
    Rule(
        "NVIDIA_VISIBLE_DEVICES NVIDIA_DRIVER_CAPABILITIES",
        "record",
        "says which cards a container was given; the engine itself does not read it",
    ),
)
"""The first rule that matches a name decides. What none matches passes: it changes nothing here."""

SET = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
"""Ours, unless the rig file sets them: without it CUDA lists the fastest card first, drivers the
one in the first slot."""

_PRIVATE = re.compile(r"\b(?:GPU|MIG)-[0-9a-fA-F-]{8,}[^,]*")


def rule_of(name: str) -> Rule | None:
    for rule in RULES:
        if any(fnmatchcase(name, pattern) for pattern in rule.names.split()):
            return rule
    return None


def engine_environment(library_dir: Path, env: Mapping[str, str]) -> dict[str, str]:
    """What passes of our environment, with the engine's own libraries first and the rig file's
    variables."""
    ours = {name: value for name, value in os.environ.items() if _passes(name)}
    paths = [str(library_dir), *filter(None, [ours.get("LD_LIBRARY_PATH")])]
    return {**ours, "LD_LIBRARY_PATH": os.pathsep.join(paths), **env}


def launch_environment(library_dir: Path, env: Mapping[str, str]) -> dict[str, str]:
    """What an engine is started with: `engine_environment`, and what we set."""
    return engine_environment(library_dir, {**SET, **env})


def _passes(name: str) -> bool:
    rule = rule_of(name)
    return rule is None or rule.action == "record"


def left_out() -> list[str]:
    """Names of the shell's variables that the engine does not get."""
    return sorted(name for name in os.environ if not _passes(name))


def recorded(env: Mapping[str, str]) -> dict[str, str]:
    """Variables of the shell that the engine gets and a run must tell, but those that the rig
    file's `env` replaces; free of folders, and of numbers that tell one card from all others."""
    found = {}
    for name, value in sorted(os.environ.items()):
        rule = rule_of(name)
        if rule is not None and rule.action == "record" and name not in env:
            parts = [scrub(part) for part in value.split(os.pathsep)]
            found[name] = _PRIVATE.sub("one by its id", os.pathsep.join(parts))
    return found
