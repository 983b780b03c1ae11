"""What builds are linked to: real ones, moved to a folder where a library of theirs is not."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench_pipeline.engines.builds.install import install
from bench_pipeline.engines.llama_cpp.installed import (
    InstalledEngine,
    does_not_run,
    engine_environment,
)
from bench_pipeline.engines.llama_cpp.libraries import mend, missing_libraries, require_libraries
from bench_pipeline.errors import EngineError
from bench_pipeline.paths import checkout
from tests.engines.relinked import copy_of, link_anew, path_build

EVERY_LINUX_HAS = ("linux-vdso.", "ld-linux", "libc.", "libm.", "libstdc++.", "libgcc_s.")
"""Debian and Ubuntu need C++ and what comes with it for apt itself."""


@pytest.fixture
def copied(engine: InstalledEngine, tmp_path: Path) -> Path:
    """llama-server of a copy of the build, which may be damaged."""
    return copy_of(engine, tmp_path / "build")


def test_a_build_that_runs_lacks_nothing(every_build):
    environment = engine_environment(every_build.library_dir, {})
    assert missing_libraries(every_build.binary, environment) == []


def test_all_that_a_build_lacks_is_named_before_it_is_started(copied, tmp_path):
    """Also what only a library of it is linked to."""
    link_anew(copied.parent / "libggml-base.so.0", "libgomp.so.1", "libgomp.so.9")
    (copied.parent / "libmtmd.so.0").unlink()
    with pytest.raises(EngineError) as caught:
        install(path_build(copied), tmp_path)
    assert caught.value.problem == "it lacks libraries: libmtmd.so.0, libgomp.so.9"
    assert caught.value.mend == (
        "install the rest of this build, what holds libgomp.so.9, or choose a build for this system"
    )
    assert caught.value.where == "path mine"


def test_modules_that_it_loads_by_itself_count_for_their_backend_alone(copied, engine):
    """As in upstream's archives: nothing is linked to the module, and a build whose module lacks
    its library runs and finds no device."""
    module = copied.parent / "libggml-cuda.so"
    shutil.copy(copied.parent / "libggml-vulkan.so", module)
    link_anew(module, "libvulkan.so.1", "libcudart.so.9")
    environment = engine_environment(copied.parent, {})
    require_libraries(copied, environment, "cpu", "here")
    require_libraries(copied, environment, "vulkan", "here")
    with pytest.raises(EngineError) as caught:
        require_libraries(copied, environment, "cuda", "here")
    assert caught.value.problem == "it lacks a library: libcudart.so.9"
    assert caught.value.mend == "install CUDA 9, or choose a build for this system"


def test_the_mend_is_one_command_where_debian_has_packages():
    assert mend(["libssl.so.3", "libgomp.so.1", "libcrypto.so.3"]) == (
        "install libssl3 libgomp1 (Debian, Ubuntu: sudo apt-get install libssl3 libgomp1)"
    )
    assert mend(["libvulkan.so.1", "libcuda.so.1"]) == (
        "install libvulkan1 (Debian, Ubuntu: sudo apt-get install libvulkan1); "
        "install NVIDIA's driver, or choose a build for this system"
    )


def test_what_the_loader_says_of_a_running_build_gets_the_same_words():
    line = (
        "llama-bench: error while loading shared libraries: libgomp.so.1: cannot open shared "
        "object file: No such file or directory"
    )
    error = does_not_run(127, [line], "llama-bench")
    assert error.problem == "it lacks a library: libgomp.so.1"
    assert "sudo apt-get install libgomp1" in error.mend


def test_a_system_library_that_is_too_old_is_said_in_the_loaders_words():
    line = "llama-server: /lib/libc.so.6: version `GLIBC_2.99' not found (required by llama-server)"
    error = does_not_run(1, [line], "b1")
    assert "it cannot be linked: /lib/libc.so.6: version `GLIBC_2.99' not found" in error.problem


def test_make_looks_for_what_every_build_needs(every_build):
    """Before it makes an environment; what else a build may need shows once it is installed."""
    script = (checkout().root / "scripts" / "system_packages.sh").read_text()
    looked_for = set(re.findall(r"loads (lib\S+) # every engine build", script))
    environment = engine_environment(every_build.library_dir, {}) | {"LD_TRACE_LOADED_OBJECTS": "1"}
    answer = subprocess.run(
        [every_build.binary], env=environment, capture_output=True, text=True, check=True
    ).stdout
    linked = {line.split()[0].split("/")[-1] for line in answer.splitlines()}
    own = {path.name for path in every_build.library_dir.iterdir()}
    assert looked_for == {name for name in linked - own if not name.startswith(EVERY_LINUX_HAS)}
