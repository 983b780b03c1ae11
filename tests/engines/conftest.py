"""Real builds from the artefact cache, and a short way to start a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
import pytest

from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.engines.builds.install import install
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.paths import artefact_cache, checkout
from bench_pipeline.records.engines import EngineCatalogue, WheelBuild
from bench_pipeline.records.rig import BackendSetup
from bench_pipeline.records.yaml.files import read_engines
from tests.waiting import PATIENCE_S

CATALOGUE = read_engines(checkout().engines)
RUNNABLE = [wheel for wheel in CATALOGUE.wheels if not this_host().lacks(wheel.platform)]

LLVMPIPE = {"GGML_VK_VISIBLE_DEVICES": "0", "LP_NUM_THREADS": "1"}
"""Without the first the engine overlooks a Vulkan device that is a CPU; with the second that leaves
a core to the client."""


@pytest.fixture
def catalogue() -> EngineCatalogue:
    return CATALOGUE


@cache
def installed_once(build: str, *, llvmpipe: bool = False) -> InstalledEngine:
    """From the artefact cache, asked once for its version and devices, which takes a second."""
    (wheel,) = (wheel for wheel in RUNNABLE if wheel.build == build)
    return install(wheel, artefact_cache(), env=LLVMPIPE if llvmpipe else None)


@pytest.fixture(params=[wheel.build for wheel in RUNNABLE])
def every_build(request) -> InstalledEngine:
    return installed_once(request.param)


@pytest.fixture
def wheel_build(engine) -> WheelBuild:
    """The catalogue's entry of `engine`."""
    return next(wheel for wheel in RUNNABLE if wheel.build == engine.build)


@pytest.fixture
def vulkan_engine(wheel_build) -> InstalledEngine:
    engine = installed_once(wheel_build.build, llvmpipe=True)
    if not engine.devices_of("vulkan"):
        pytest.fail("no Vulkan driver here: `make packages`")
    return engine


@pytest.fixture
def start(engine, small_model, tmp_path):
    """`with start(...) as server`: the small model, one slot, unless said otherwise."""

    @contextmanager
    def starting(**different) -> Iterator[LlamaServer]:
        arguments = {
            "model": small_model[1],
            "backend": "cpu",
            "setup": BackendSetup(),
            "threads": 1,
            "slots": 1,
            "context_tokens_per_slot": 256,
            "log_path": tmp_path / "server.log",
            "load_timeout_s": PATIENCE_S,
        } | different
        with LlamaServer(arguments.pop("engine", engine), **arguments) as server:
            yield server

    return starting


def is_gone(pid: int) -> bool:
    """Ended: reaped, or a zombie that a container's first process never reaps."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def shell_script(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
