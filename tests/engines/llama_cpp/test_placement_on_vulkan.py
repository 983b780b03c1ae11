"""The verdict on placement with a real engine on a real second backend."""

import pytest

from bench_pipeline.engines.llama_cpp.placement import judge_memory, read_placement
from bench_pipeline.models.gguf_header import read_tensors
from bench_pipeline.records.rig import BackendSetup
from tests.conftest import LAYERS
from tests.engines.conftest import LLVMPIPE
from tests.engines.llama_cpp.test_placement import HOST, memory
from tests.engines.llama_cpp.test_server import complete

ALL = LAYERS + 1
"""The output layer counts too."""


class TestOnVulkan:
    """A real second backend without a GPU: llvmpipe computes Vulkan on the CPU."""

    def serve(
        self, start, vulkan_engine, draft=None, slots=1, context_tokens_per_slot=256, **setup
    ):
        """Without a first reply of its own: what lies where is told before, and computing it in
        software takes seconds."""
        setup["args"] = ["--no-warmup", *setup.get("args", ())]
        return start(
            engine=vulkan_engine,
            backend="vulkan",
            draft=draft,
            slots=slots,
            context_tokens_per_slot=context_tokens_per_slot,
            setup=BackendSetup(env=LLVMPIPE, split_mode="none", main_gpu=0, **setup),
        )

    def test_the_only_device_is_pinned_and_holds_the_whole_model(
        self, start, vulkan_engine, small_model
    ):
        with self.serve(start, vulkan_engine) as server:
            assert complete(server.base_url)["tokens_predicted"] == 2
            assert server.devices == ["Vulkan0"]
            assert server.public_argv[server.public_argv.index("--device") + 1] == "Vulkan0"
            placement = read_placement(server.log_lines())
        assert (placement.layers_offloaded, placement.layers_total) == (ALL, ALL)
        assert {b.device for b in placement.buffers if b.holds == "kv"} == {"Vulkan0"}
        assert any("using device Vulkan0" in line for line in placement.proof)
        proof = judge_memory(
            placement,
            backend="vulkan",
            model_bytes=small_model[0].size_bytes,
            loaded=[HOST],
            devices=server.devices,
        )
        assert proof.verdict == "unverified", "nothing reads a software device's memory"
        assert f"all {ALL} layers" in proof.reason

    @pytest.mark.parametrize(
        ("setup", "reason"),
        [
            ({"gpu_layers": 2}, f"only 2 of {ALL} layers on Vulkan0"),
            (
                {"args": ["--override-tensor", r"blk\.1\..*=CPU"]},
                "2 MiB of weights are not on Vulkan0, and no token embedding of the file's types"
                " is of that size",
            ),
        ],
        ids=["half of the layers", "all layers by count"],
    )
    def test_a_kv_cache_larger_than_the_model_hides_no_spill(
        self, start, vulkan_engine, small_model, setup, reason
    ):
        setup = {"device": "Vulkan0", **setup}
        with self.serve(
            start, vulkan_engine, slots=4, context_tokens_per_slot=8192, **setup
        ) as server:
            placement = read_placement(server.log_lines())
        assert placement.mib("kv") > small_model[0].size_bytes / 2**20
        taken = placement.mib(host=False)
        assert taken > small_model[0].size_bytes / 2**20, "the memory in use alone looks right"
        for loaded in ([HOST, memory("Vulkan0", 480 + taken)], [HOST]):  # or nobody reads it
            proof = judge_memory(
                placement,
                backend="vulkan",
                model_bytes=small_model[0].size_bytes,
                loaded=loaded,
                devices=["Vulkan0"],
            )
            assert (proof.verdict, proof.reason) == ("spilled", reason)
        layers = setup.get("gpu_layers")
        meant = BackendSetup(gpu_layers=layers, tensors_on_cpu=None if layers else [r"blk\.1\."])
        proof = judge_memory(
            placement,
            backend="vulkan",
            model_bytes=small_model[0].size_bytes,
            loaded=[HOST, memory("Vulkan0", 480 + taken)],
            devices=["Vulkan0"],
            meant=meant.arrangement,
            tensors={name: t.size_bytes for name, t in read_tensors([small_model[1]]).items()},
        )
        assert (proof.verdict, "as asked" in proof.reason) == ("placed", True), proof.reason

    def test_a_draft_model_goes_where_the_model_goes(self, start, vulkan_engine, small_model):
        with self.serve(start, vulkan_engine, draft=small_model[1]) as server:
            placement = read_placement(server.log_lines())
        weights = [placement.mib("weights", host=False), placement.draft.mib("weights", host=False)]
        assert weights[0] == weights[1] > 30
        proof = judge_memory(
            placement,
            backend="vulkan",
            model_bytes=small_model[0].size_bytes,
            loaded=[memory("Vulkan0", 480 + placement.mib(host=False) * 2)],
        )
        assert proof.verdict == "fits", proof.reason

    def test_a_draft_model_half_on_the_device_is_a_spill(self, start, vulkan_engine, small_model):
        args = ["--gpu-layers-draft", "1"]
        with self.serve(start, vulkan_engine, draft=small_model[1], args=args) as server:
            placement = read_placement(server.log_lines())
        proof = judge_memory(
            placement,
            backend="vulkan",
            model_bytes=small_model[0].size_bytes,
            loaded=[memory("Vulkan0", 2000)],
        )
        assert proof.verdict == "spilled"
        assert proof.reason == f"the draft model: only 1 of {ALL} layers on Vulkan0"
