"""Weights that are meant to lie in the machine's memory, against the log and the file's tensors:
the lines of a CUDA build for a small mixture of experts, and what each way of asking is worth."""

import pytest

from bench_pipeline.engines.llama_cpp.asked import check_as_asked
from bench_pipeline.engines.llama_cpp.command import arrangement_options
from bench_pipeline.engines.llama_cpp.placement import judge_memory, read_placement
from bench_pipeline.errors import EngineError
from bench_pipeline.records.rig import BackendSetup
from tests.engines.llama_cpp.test_placement import HOST, memory

MIB = 2**20
LAYERS = 4
TENSORS = {
    "token_embd.weight": 50 * MIB,
    "output.weight": 60 * MIB,
    **{f"blk.{n}.attn_q.weight": 10 * MIB for n in range(LAYERS)},
    **{f"blk.{n}.ffn_{p}_exps.weight": 100 * MIB for n in range(LAYERS) for p in ("up", "down")},
}
"""950 MiB, 200 MiB of experts in each of four layers."""


def log(device_mib: float, *, offloaded: int = LAYERS + 1, kv: str = "CUDA0") -> list[str]:
    return f"""\
0.00.100.000 I print_info: file size   = 950.00 MiB (4.50 BPW)
0.00.100.000 I print_info: n_embd                = 2048
0.00.100.000 I print_info: n_layer               = {LAYERS}
0.00.100.000 I print_info: n_vocab               = 45000
0.00.200.000 I load_tensors: offloaded {offloaded}/{LAYERS + 1} layers to GPU
0.00.200.000 I load_tensors:   CPU_Mapped model buffer size =   940.00 MiB
0.00.200.000 I load_tensors:        CUDA0 model buffer size =  {device_mib:.2f} MiB
0.00.300.000 I llama_context: n_ubatch      = 512
0.00.300.000 I llama_context: flash_attn    = auto
0.00.300.000 I llama_kv_cache:      {kv} KV buffer size =   64.00 MiB
0.00.300.000 I llama_kv_cache: size =   64.00 MiB (   512 cells,   4 layers,  1/1 seqs), \
K (q8_0):   24.00 MiB, V (f16):   40.00 MiB
0.00.310.000 I sched_reserve: Flash Attention was auto, set to enabled
0.00.400.000 I srv  llama_server: listening on http://127.0.0.1:8080
""".splitlines()


def judged(lines: list[str], tensors: dict[str, int] = TENSORS, swap: float = 0, **setup):
    placement = read_placement(lines)
    proof = judge_memory(
        placement,
        backend="cuda",
        model_bytes=950 * MIB,
        loaded=[HOST, memory("CUDA0", 480 + placement.mib(device="CUDA0"))],
        devices=["CUDA0"],
        meant=BackendSetup.model_validate(setup).arrangement,
        tensors=tensors,
        swap_grown_mib=swap,
    )
    return proof.verdict, proof.reason


def test_all_experts_in_host_memory_are_as_asked_or_a_spill():
    lines = log(100)
    verdict, reason = judged(lines, experts_on_cpu="all")
    assert verdict == "placed"
    assert reason.startswith("8 tensors of 800 MiB in host memory, as asked; CUDA0 uses")
    assert judged(lines)[0] == "spilled", "nobody asked for it"
    assert judged(lines, tensors_on_cpu=["exps"])[0] == "placed", "another way to ask for the same"


def test_experts_of_other_layers_than_asked_are_a_spill():
    assert judged(log(500), experts_on_cpu=2)[0] == "placed"
    for device_mib in (100, 300, 700, 900):
        verdict, reason = judged(log(device_mib), experts_on_cpu=2)
        assert verdict == "spilled"
        assert reason == f"{device_mib} MiB of weights on the device, 500 were asked for"


def test_so_many_layers_as_asked_are_counted_and_weighed():
    assert judged(log(480, offloaded=3, kv="CPU"), gpu_layers=3) == (
        "placed",
        "3 of 5 layers on the device, as asked; CUDA0 uses 480 MiB for buffers of 480",
    )
    told = judged(log(480, offloaded=3), gpu_layers=4)
    assert told == ("spilled", "3 of 5 layers on the device, 4 were asked for")
    assert judged(log(300, offloaded=3), gpu_layers=3)[0] == "spilled", "fewer than by count"
    assert judged(log(900, offloaded=5), gpu_layers=99)[0] != "placed", "all were asked for"


def test_layers_and_experts_can_be_asked_for_together():
    assert judged(log(80, offloaded=3, kv="CPU"), gpu_layers=3, experts_on_cpu="all")[0] == "placed"


@pytest.mark.parametrize(
    ("setup", "changes", "told"),
    [
        ({"experts_on_cpu": "all"}, {"kv": "CPU"}, "64 MiB of KV cache in host memory"),
        ({"tensors_on_cpu": ["shexp"]}, {}, "no tensor of the file matches `shexp`"),
    ],
    ids=["the cache besides", "no such tensor"],
)
def test_what_was_not_asked_for_stays_a_spill(setup, changes, told):
    verdict, reason = judged(log(100, **changes), **setup)
    assert verdict == "spilled" and reason.startswith(told)


def test_a_model_without_experts_has_none_to_place():
    dense = {name: size for name, size in TENSORS.items() if "exps" not in name}
    assert judged(log(100), dense, experts_on_cpu="all") == (
        "spilled",
        "the model has no experts that could lie in host memory",
    )


def test_a_placed_model_that_swaps_is_a_spill_and_an_unknown_file_unverified():
    assert judged(log(100), swap=500, experts_on_cpu="all")[0] == "spilled"
    assert judged(log(100), {}, experts_on_cpu="all")[0] == "unverified"


def test_the_log_says_how_it_computes_and_what_it_does_not_is_refused():
    asked = {"cache_type_k": "q8_0", "flash_attention": "on", "ubatch_tokens": 512}
    check_as_asked(BackendSetup.model_validate(asked), log(900))
    for word, value, found in (
        ("cache_type_v", "q8_0", "says f16"),
        ("flash_attention", "off", "says on"),
        ("ubatch_tokens", 256, "says 512"),
    ):
        with pytest.raises(EngineError, match=f"asks for {word} {value}, the server's log {found}"):
            check_as_asked(BackendSetup.model_validate({word: value}), log(900))
    with pytest.raises(EngineError, match="does not tell"):
        check_as_asked(BackendSetup(ubatch_tokens=512), [])


def test_each_word_becomes_one_switch():
    setup = BackendSetup(
        experts_on_cpu=20,
        tensors_on_cpu=["shexp", r"blk\.1\."],
        cache_type_k="q8_0",
        cache_type_v="q4_0",
        flash_attention="on",
        ubatch_tokens=1024,
    )
    assert arrangement_options(setup) == [
        *("--n-cpu-moe", "20", "--override-tensor", r"shexp=CPU,blk\.1\.=CPU"),
        *("--cache-type-k", "q8_0", "--cache-type-v", "q4_0"),
        *("--flash-attn", "on", "--ubatch-size", "1024"),
    ]
    assert arrangement_options(BackendSetup(experts_on_cpu="all")) == ["--cpu-moe"]
    assert arrangement_options(BackendSetup(device="CUDA0", gpu_layers=3)) == []
