"""Which variables of the shell an engine is started with."""

from pathlib import Path

import pytest

from bench_pipeline.engines.llama_cpp import environment
from bench_pipeline.engines.llama_cpp.environment import (
    RULES,
    engine_environment,
    launch_environment,
    left_out,
    recorded,
    rule_of,
)

LIBRARIES = Path("/opt/engine")


@pytest.fixture(autouse=True)
def bare_shell(monkeypatch):
    for name in list(environment.os.environ):
        if rule_of(name):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "name",
    [
        "CUDA_VISIBLE_DEVICES",
        "GGML_VK_VISIBLE_DEVICES",
        "HSA_OVERRIDE_GFX_VERSION",
        "RADV_PERFTEST",
        "VK_DRIVER_FILES",
        "VK_ICD_FILENAMES",
        "ROCBLAS_USE_HIPBLASLT",
        "NVIDIA_TF32_OVERRIDE",
        "GGML_CUDA_ENABLE_UNIFIED_MEMORY",
        "OMP_NUM_THREADS",
        "ONEAPI_DEVICE_SELECTOR",
        "CUDA_MODULE_LOADING",
        "LD_PRELOAD",
        "LLAMA_ARG_N_GPU_LAYERS",
    ],
)
def test_what_changes_speed_or_device_is_kept_back_and_named(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert name not in engine_environment(LIBRARIES, {})
    assert left_out() == [name]
    assert recorded({}) == {}


def test_the_rig_file_may_set_what_the_shell_may_not(monkeypatch):
    monkeypatch.setenv("HSA_OVERRIDE_GFX_VERSION", "9.0.0")
    wanted = {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}
    assert engine_environment(LIBRARIES, wanted)["HSA_OVERRIDE_GFX_VERSION"] == "10.3.0"


def test_what_must_pass_is_recorded_without_folders_and_ids(monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/home/someone/cuda/lib64:/opt/rocm/lib")
    monkeypatch.setenv("NVIDIA_VISIBLE_DEVICES", "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77,1")
    reached = engine_environment(LIBRARIES, {})
    assert reached["LD_LIBRARY_PATH"] == "/opt/engine:/home/someone/cuda/lib64:/opt/rocm/lib"
    assert recorded({}) == {
        "LD_LIBRARY_PATH": "lib64:lib",
        "NVIDIA_VISIBLE_DEVICES": "one by its id,1",
    }
    assert "LD_LIBRARY_PATH" not in recorded({"LD_LIBRARY_PATH": "/mine"})
    assert left_out() == []


def test_what_keeps_a_host_s_links_from_harm_passes_and_is_told(monkeypatch):
    monkeypatch.setenv("NCCL_NVLS_ENABLE", "0")
    assert engine_environment(LIBRARIES, {})["NCCL_NVLS_ENABLE"] == "0"
    assert (left_out(), recorded({})) == ([], {"NCCL_NVLS_ENABLE": "0"})


def test_cards_are_counted_as_their_driver_counts_unless_the_rig_file_says_otherwise(monkeypatch):
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    assert launch_environment(LIBRARIES, {})["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    own = {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}
    assert launch_environment(LIBRARIES, own)["CUDA_DEVICE_ORDER"] == "FASTEST_FIRST"


def test_everything_else_passes_unseen(monkeypatch):
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert engine_environment(LIBRARIES, {})["LANG"] == "C.UTF-8"
    assert (left_out(), recorded({})) == ([], {})


def test_every_rule_has_a_reason():
    assert all(rule.names and rule.reason for rule in RULES)
