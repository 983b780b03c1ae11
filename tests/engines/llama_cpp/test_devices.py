"""Devices that are wanted, and what is said where the engine has none."""

from pathlib import Path

import pytest

from bench_pipeline.engines.llama_cpp.devices import pinned_devices
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine, read_devices
from bench_pipeline.errors import EngineError
from bench_pipeline.records.rig import BackendSetup
from tests.engines.conftest import shell_script

LISTED = "Available devices:\n  Vulkan0: A card (8192 MiB, 8000 MiB free)"


def engine(folder: Path, *lines: str, listed: str = "Available devices:", status: int = 0):
    """An engine that prints these lines when it is asked for its devices."""
    said = "\n".join(f"echo '{line}' >&2" for line in lines)
    binary = shell_script(folder / "llama-server", f"{said}\necho '{listed}'\nexit {status}")
    return InstalledEngine(
        build="b1",
        commit=None,
        channel="github-release",
        binary=binary,
        library_dir=folder,
        version_line="",
        binary_sha256="0" * 64,
        devices=[] if status else read_devices(binary, {}, "x"),
    )


def refusal(found: InstalledEngine, backend: str = "vulkan", **setup: str) -> EngineError:
    with pytest.raises(EngineError) as caught:
        pinned_devices(found, backend, BackendSetup(**setup))
    return caught.value


def test_the_only_device_needs_no_name_and_named_ones_are_taken_as_named(tmp_path):
    found = engine(tmp_path, listed=LISTED)
    assert pinned_devices(found, "vulkan", BackendSetup()) == ["Vulkan0"]
    assert pinned_devices(found, "vulkan", BackendSetup(device="Vulkan0")) == ["Vulkan0"]


def test_a_name_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    error = refusal(engine(tmp_path, "cannot do this", listed=LISTED), device="Vulkan1")
    assert error.problem == "the engine finds no Vulkan1, only Vulkan0"
    assert "as `device`" in error.mend


@pytest.mark.parametrize(
    ("backend", "library", "mend"),
    [
        ("vulkan", "libvulkan.so.1", "libvulkan1"),
        ("cuda", "libcuda.so.1", "NVIDIA's driver"),
        ("cuda", "libcublas.so.13", "CUDA 13"),
        ("rocm", "libamdhip64.so.7", "ROCm"),
        ("rocm", "librocblas.so.5", "ROCm"),
        ("sycl", "libsycl.so.8", "oneAPI"),
        ("vulkan", "libodd-one.so.3", "what holds libodd-one.so.3"),
    ],
)
def test_a_missing_library_is_told_in_the_engines_words_with_its_mend(
    tmp_path, backend, library, mend
):
    line = f"load_backend: failed to load libggml.so: {library}: cannot open shared object file"
    error = refusal(engine(tmp_path, "warning: failed to set a name", line), backend)
    assert f"finds no {backend} device; it says: {line}" in error.problem
    assert mend in error.mend
    assert line in error.log_tail


@pytest.mark.parametrize(
    "line",
    [
        "ggml_vulkan: No devices found.",
        "ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected",
        "ggml_cuda_init: failed to initialize CUDA: CUDA driver version is insufficient",
        "ggml_vulkan: Error: Unable to find a suitable device",
    ],
)
def test_other_trouble_is_told_in_the_engines_words(tmp_path, line):
    error = refusal(engine(tmp_path, "loading", line), device="Vulkan0")
    assert error.problem == f"the engine finds no Vulkan0, only none; it says: {line}"
    assert "GPU's driver" in error.mend


def test_an_engine_that_says_nothing_is_not_quoted(tmp_path):
    assert refusal(engine(tmp_path)).problem == "the engine finds no vulkan device"


def test_an_engine_that_can_no_longer_be_asked_says_why(tmp_path):
    assert "it ends with exit 3" in refusal(engine(tmp_path, "gone", status=3)).problem


def test_private_folders_are_cut_from_its_words(tmp_path):
    line = "failed to load /home/someone/x.so: libvulkan.so.1: cannot open shared object file"
    with pytest.raises(EngineError) as caught:
        pinned_devices(
            engine(tmp_path, line),
            "vulkan",
            BackendSetup(),
            lambda text: text.replace("/home/someone/", ""),
        )
    assert "/home/someone" not in str(caught.value)
