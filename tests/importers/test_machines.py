"""Whose figures they are: the machine, its cards, its backend. Never another's."""

import pytest

from bench_pipeline.errors import RecordError
from tests.importers.results import TABLE, decode, lines, row, without

NVIDIA = "NVIDIA GeForce RTX 3090"
RADEON = "AMD Radeon RX 7900 XTX"


def cards(run):
    return [gpu.name for gpu in run.inventory.gpus]


@pytest.mark.parametrize(
    "values",
    [
        {"backends": "RPC", "gpu_info": "10.1.2.3:50052"},
        {"backends": "CUDA,RPC", "gpu_info": f"{NVIDIA}, 10.1.2.3:50052"},
        {"backends": "CUDA,RPC", "gpu_info": f"{NVIDIA}, RPC0[cellar.lan:50052]"},
        {"backends": "CUDA,RPC", "devices": "CUDA0/RPC0"},
        {"rpc_servers": "10.1.2.3:50052"},
        {"backends": "RPC", "gpu_info": ""},
        {"backends": None, "cuda": True, "rpc": "1"},
        {"backends": "CUDA+RPC"},
        {"backends": "Vulkan,RPC", "gpu_info": f"{NVIDIA}, 10.1.2.3"},
    ],
)
def test_what_other_machines_computed_is_no_figure_of_this_one(bring, values):
    with pytest.raises(RecordError, match="several machines, or on another one") as caught:
        bring(lines(row(**values)))
    assert "10.1.2.3" not in str(caught.value) and "cellar" not in str(caught.value)


def test_the_version_of_a_raspberry_pi_s_gpu_is_no_address(bring):
    (run,) = bring(lines(row(backends="Vulkan", gpu_info="V3D 7.1.10.2")))
    assert cards(run) == ["V3D 7.1.10.2"]
    assert run.inventory.gpus[0].unified_memory


@pytest.mark.parametrize(
    "text",
    [
        "| model | test | t/s |\n|---|---|---|\n| llama 7B Q4_0 | pp256 | 99.00 ± 1.00 |\n",
        lines(without(row(), "backends")),
    ],
)
def test_what_kept_no_backend_is_the_processor_s_only_if_somebody_says_so(bring, text):
    with pytest.raises(RecordError, match="does not tell on which backend") as caught:
        bring(text)
    assert "--backend" in caught.value.mend
    (run,) = bring(text, backend="cuda")
    assert run.backend == "cuda"


def test_rpc_that_was_only_compiled_in_is_no_other_machine(bring):
    (run,) = bring(lines(row(backends="CUDA,RPC")))
    assert run.backend == "cuda"


def test_a_table_of_a_build_with_rpc_needs_a_word_of_who_brings_it(bring):
    table = TABLE.replace("CUDA    ", "CUDA,RPC")
    with pytest.raises(RecordError, match="whether other machines took part"):
        bring(table)
    (run,) = bring(table, backend="cuda")
    assert run.backend == "cuda"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"backends": "OpenCL", "gpu_info": "QUALCOMM Adreno(TM) 750"}, "OpenCL"),
        ({"backends": "Kompute"}, "Kompute"),
        ({"backends": "CANN"}, "Ascend"),
        ({"backends": "MUSA"}, "Moore Threads"),
        ({"backends": "HTP"}, "Hexagon"),
        ({"backends": "WebGPU"}, "WebGPU"),
        ({"backends": "ZenDNN"}, "ZenDNN"),
        ({"backends": None, "opencl": True, "gpu_blas": True}, "OpenCL"),
        ({"backends": None, "kompute": 1}, "Kompute"),
        ({"backends": "CUDA", "gpu_info": "MTT S80"}, "Moore Threads"),
    ],
)
def test_a_backend_without_a_name_here_is_refused_in_true_words(bring, values, name):
    with pytest.raises(RecordError, match="run files have no backend") as caught:
        bring(lines(row(**values)))
    assert name in caught.value.problem and "untrue" in caught.value.mend


@pytest.mark.parametrize(
    ("values", "backend"),
    [
        ({"backends": None, "cuda": True, "gpu_info": RADEON}, "rocm"),
        ({"backends": None, "cuda": True}, "cuda"),
        ({"backends": "BLAS", "cpu_info": "OpenBLAS, Example CPU E5 12-Core"}, "cpu"),
        ({"n_gpu_layers": 0, "no_op_offload": 1}, "cpu"),
        ({"n_gpu_layers": 0, "no_op_offload": True}, "cpu"),
        ({"devices": "none"}, "cpu"),
    ],
)
def test_the_backend_is_what_computed(bring, values, backend):
    (run,) = bring(lines(row(**values)))
    assert run.backend == backend
    assert (run.inventory.gpus == []) == (backend == "cpu")


@pytest.mark.parametrize(
    ("cpu_info", "name"),
    [
        ("Accelerate, Apple M4 Max", "Apple M4 Max"),
        ("OpenBLAS, AMD EPYC 7K62", "AMD EPYC 7K62"),
        ("Example CPU, BLIS", "Example CPU"),
        ("BLAS", "not recorded"),
        ("Intel(R) Core(TM) i7, 8th", "Intel(R) Core(TM) i7, 8th"),
    ],
)
def test_a_library_is_no_processor(bring, cpu_info, name):
    (run,) = bring(lines(row(cpu_info=cpu_info)))
    assert run.inventory.cpu.model == name


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"gpu_info": f"{NVIDIA}, {NVIDIA}, {NVIDIA}"}, [NVIDIA] * 3),
        ({"gpu_info": f"{NVIDIA}, NVIDIA A2", "split_mode": "none", "main_gpu": 1}, ["NVIDIA A2"]),
        ({"gpu_info": f"{NVIDIA}, NVIDIA A2", "split_mode": "none"}, [NVIDIA]),
        ({"gpu_info": f"{NVIDIA}, NVIDIA A2", "devices": "CUDA1"}, ["NVIDIA A2"]),
        ({"gpu_info": f"{NVIDIA}, NVIDIA A2", "tensor_split": "1.00/0.00"}, [NVIDIA]),
        ({"gpu_info": f"{NVIDIA}/{NVIDIA}", "backends": None, "cuda": True}, [NVIDIA] * 2),
        (
            {"gpu_info": f"{RADEON} (RADV NAVI31), llvmpipe (LLVM 17)", "backends": "Vulkan"},
            [f"{RADEON} (RADV NAVI31)"],
        ),
        ({"gpu_info": f"{RADEON}, AMD Radeon Graphics", "backends": "ROCm"}, [RADEON]),
        ({"gpu_info": "Intel(R) UHD Graphics 770", "backends": "Vulkan"}, None),
        (
            {"gpu_info": f"{NVIDIA}, {NVIDIA}", "backends": "CUDA,Vulkan", "devices": "CUDA0"},
            [NVIDIA],
        ),
        (
            {
                "gpu_info": f"{RADEON}, {RADEON} (RADV NAVI31)",
                "backends": "ROCm,Vulkan",
                "devices": "Vulkan0",
            },
            [f"{RADEON} (RADV NAVI31)"],
        ),
    ],
)
def test_the_cards_are_those_that_held_the_model(bring, values, expected):
    (run,) = bring(lines(row(**values)))
    assert cards(run) == (expected or [values["gpu_info"]])


def test_which_card_it_was_stays_open_where_the_file_does_not_tell(bring):
    pair = f"{NVIDIA}, NVIDIA A2, {NVIDIA}"
    (run,) = bring(lines(row(gpu_info=pair, backends="CUDA,Vulkan", devices="CUDA1")))
    assert cards(run) == [] and any("Which" in sentence for sentence in run.unknown)
    (run,) = bring(lines(row(devices="CUDA3")))
    assert cards(run) == [] and any("fewer than it numbers" in words for words in run.unknown)


@pytest.mark.parametrize(
    ("name", "backend", "unified"),
    [
        ("Intel(R) Arc(TM) 140V GPU (16GB)", "SYCL", True),
        ("Intel(R) Arc(TM) B390 GPU", "Vulkan", True),
        ("Intel(R) Arc(TM) Pro B60 Graphics", "SYCL", False),
        ("NVIDIA Thor", "CUDA", True),
        ("Xavier", "CUDA", True),
        ("AMD Custom GPU 0405 (RADV VANGOGH)", "Vulkan", True),
        ("gfx1103", "ROCm", True),
        ("gfx1100", "ROCm", False),
        ("Mali-G610", "Vulkan", True),
        ("Adreno (TM) 740", "Vulkan", True),
        ("Apple M4 Max", "MTL", True),
        ("AMD Radeon 8060S Graphics (RADV GFX1151)", "Vulkan", True),
        ("NVIDIA GB10", "CUDA", True),
        (NVIDIA, "CUDA", False),
    ],
)
def test_a_chip_with_the_processor_shares_its_memory(bring, name, backend, unified):
    (run,) = bring(lines(row(gpu_info=name, backends=backend)))
    assert [gpu.unified_memory for gpu in run.inventory.gpus] == [unified]


def test_tests_of_two_machines_are_refused_for_one_rig(bring, box):
    other = decode(cpu_info="Another CPU 8-Core", gpu_info="NVIDIA A2")
    with pytest.raises(RecordError, match="two machines") as caught:
        bring(lines(row(), other))
    assert "Another CPU" in str(caught.value)
    with pytest.raises(RecordError, match="two machines"):
        bring(lines(row()), lines(other))
    assert not list(box.runs.glob("box/**/*.yaml"))


def test_tables_whose_logs_name_other_cards_are_of_two_machines(bring):
    card = "  Device 0: NVIDIA {}, compute capability 8.6, VMM: yes\n"
    first = f"ggml_cuda_init: found 1 CUDA devices:\n{card.format('A2')}{TABLE}"
    other = f"ggml_cuda_init: found 1 CUDA devices:\n{card.format('H100')}{TABLE}"
    with pytest.raises(RecordError, match="two machines"):
        bring(f"{first}\n{other.replace('1280', '9280')}")


def test_a_rig_that_was_measured_here_takes_no_other_machine_s_results(bring, with_runs):
    found = row(devices="none", backends="CPU")
    with pytest.raises(RecordError, match="while shared-vm-2core has") as caught:
        bring(lines(found), rig="shared-vm-2core")
    assert "--rig" in caught.value.mend
    same = found | {"cpu_info": "Intel(R) Xeon(R) Processor"}
    assert bring(lines(same), rig="shared-vm-2core")


@pytest.mark.parametrize(
    ("values", "verdict", "words"),
    [
        ({"n_cpu_moe": 24}, "spilled", "experts of 24 layers"),
        ({"tensor_buft_overrides": "ffn_.*_exps=CPU"}, "spilled", "-ot"),
        ({"no_kv_offload": True}, "spilled", "KV cache"),
        ({"n_gpu_layers": 20}, "unverified", "20 layers"),
        ({"fit_target": 1024, "fit_min_ctx": 4096}, "unverified", "1024 MiB"),
        ({"n_gpu_layers": 99}, None, ""),
        ({"n_gpu_layers": -1}, None, ""),
        ({"devices": "none", "no_kv_offload": True}, None, ""),
    ],
)
def test_what_was_left_in_the_host_s_memory_on_purpose_is_said(bring, values, verdict, words):
    (run,) = bring(lines(row(**values)))
    memory = run.bare_engine.memory
    assert (memory.verdict if memory else None) == verdict
    assert words in (memory.reason if memory else "")


@pytest.mark.parametrize(
    ("values", "engine", "build"),
    [
        ({}, "llama.cpp", "b9100"),
        ({"fused_moe": 1, "mla_attn": 3, "build_number": 4105}, "ik_llama.cpp", "4105"),
        ({"test": "pp256", "build_number": 4105}, "ik_llama.cpp", "4105"),
        ({"build_number": 1203}, "llama.cpp", "1203"),
        ({"build_number": 1}, "llama.cpp", "0c1d2e3f"),
    ],
)
def test_a_fork_s_count_is_no_build_of_llama_cpp(bring, values, engine, build):
    (run,) = bring(lines(row(**values)))
    assert (run.engine.name, run.engine.build) == (engine, build)


def test_an_old_file_s_number_is_llama_cpp_s(bring):
    old = without(row(cuda=True, build_number=1700), "backends", "n_depth", "devices")
    (run,) = bring(lines(old))
    assert (run.engine.name, run.engine.build) == ("llama.cpp", "b1700")


def test_who_brings_it_may_name_the_engine(bring):
    (run,) = bring(lines(row()), engine="my-fork")
    assert (run.engine.name, run.engine.build) == ("my-fork", "9100")
