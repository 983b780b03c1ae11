"""llama-server's command line, as far as it follows from the rig file."""

from pathlib import Path

from bench_pipeline.engines.llama_cpp.command import (
    drafting_options,
    missing_devices,
    placement_options,
    remote_endpoints,
)
from bench_pipeline.records.rig import BackendSetup


def test_a_draft_lies_where_the_model_does():
    options = drafting_options(Path("d.gguf"), "CUDA0,CUDA1", 3)
    assert options[options.index("--device-draft") + 1] == "CUDA0,CUDA1"
    assert options[options.index("--gpu-layers-draft") + 1] == "999"
    on_cpu = drafting_options(Path("d.gguf"), "none", 3)
    assert on_cpu[on_cpu.index("--gpu-layers-draft") + 1] == "0"
    assert drafting_options(None, "CUDA0", 3) == []


def test_a_model_is_split_as_the_rig_file_says():
    setup = BackendSetup(split_mode="tensor", main_gpu=1)
    options = placement_options("cuda", setup, "CUDA0,CUDA1")
    assert options == [
        *("--gpu-layers", "999", "--device", "CUDA0,CUDA1"),
        *("--split-mode", "tensor", "--main-gpu", "1"),
    ]


def test_another_machine_s_device_is_missed_only_where_no_machine_is_named():
    setup = BackendSetup(device="CUDA0,RPC0", args=["--rpc", "attic:50052"])
    assert missing_devices(setup, ["CUDA0"]) == []
    assert missing_devices(setup, ["CUDA1"]) == ["CUDA0"]
    alone = BackendSetup(device="CUDA0,RPC0")
    assert missing_devices(alone, ["CUDA0"]) == ["RPC0"]


def test_addresses_are_found_with_their_hosts_and_this_machine_s_left_out():
    argv = ["llama-server", "--rpc", "attic:50052,localhost:50052,10.0.0.9:50052"]
    assert remote_endpoints(argv) == ["10.0.0.9:50052", "attic:50052", "10.0.0.9", "attic"]
    assert remote_endpoints(["llama-server", "--rpc"]) == []
