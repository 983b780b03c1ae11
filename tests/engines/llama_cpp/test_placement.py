"""What a log says of where a model lies, and the verdict on it: real logs of real builds, and
for GPUs that are not here the lines that such builds print."""

import pytest

from bench_pipeline.engines.llama_cpp.placement import Placement, judge_memory, read_placement
from bench_pipeline.records.server import DeviceMemory
from tests.conftest import LAYERS

GIB = 2**30
EIGHT_B = 4.21 * GIB
"""Size of the 8B model in the lines below, in bytes."""


def gpu_log(
    offloaded: int = 33,
    host_mib: float = 281.81,
    device_mib: float = 4033.0,
    kv: str = "CUDA0",
    host: str = "CPU_Mapped",
    kv_mib: float = 512.0,
) -> list[str]:
    """As a CUDA build prints it for an 8B Q4_0 with 32 layers."""
    return f"""\
0.00.100.000 I print_info: file size   = 4.21 GiB (4.50 BPW)
0.00.100.000 I print_info: n_ctx_train           = 131072
0.00.100.000 I print_info: n_embd                = 4096
0.00.100.000 I print_info: n_layer               = 32
0.00.100.000 I print_info: model params          = 8.03 B
0.00.100.000 I print_info: n_vocab               = 128256
0.00.200.000 I load_tensors: offloaded {offloaded}/33 layers to GPU
0.00.200.000 I load_tensors:   {host} model buffer size =   {host_mib:.2f} MiB
0.00.200.000 I load_tensors:        CUDA0 model buffer size =  {device_mib:.2f} MiB
0.00.300.000 I llama_context:  CUDA_Host  output buffer size =     1.96 MiB
0.00.300.000 I llama_kv_cache:      {kv} KV buffer size =   {kv_mib:.2f} MiB
0.00.300.000 I sched_reserve:      CUDA0 compute buffer size =   258.50 MiB
0.00.300.000 I sched_reserve:  CUDA_Host compute buffer size =    16.01 MiB
0.00.400.000 I srv  llama_server: listening on http://127.0.0.1:8080
0.00.500.000 I sched_reserve:      CUDA0 compute buffer size =   999.00 MiB
""".splitlines()


TYPES = [
    "0.0.0.1 I llama_model_loader: - type  f32:   66 tensors",
    "0.0.0.1 I llama_model_loader: - type q4_0:  225 tensors",
    "0.0.0.1 I llama_model_loader: - type q6_K:    1 tensors",
]
"""As the loader counts the tensors of the 8B above."""


def draft_log(
    offloaded: int = 17, host_mib: float = 205.49, device_mib: float = 526.0
) -> list[str]:
    """As the same build goes on with a 1B Q4_0 of 16 layers that drafts for the 8B."""
    return f"""\
0.01.000.000 I common_speculative_init_result: loading draft model '/home/me/my models/1b.gguf'
0.01.100.000 I print_info: file size   = 731.49 MiB (4.97 BPW)
0.01.100.000 I print_info: n_ctx_train           = 131072
0.01.100.000 I print_info: n_embd                = 2048
0.01.100.000 I print_info: n_layer               = 16
0.01.100.000 I print_info: model params          = 1.24 B
0.01.100.000 I print_info: n_vocab               = 128256
0.01.200.000 I load_tensors: offloaded {offloaded}/17 layers to GPU
0.01.200.000 I load_tensors:   CPU_Mapped model buffer size =   {host_mib:.2f} MiB
0.01.200.000 I load_tensors:        CUDA0 model buffer size =  {device_mib:.2f} MiB
0.01.300.000 I llama_kv_cache:      CUDA0 KV buffer size =   128.00 MiB
0.01.300.000 I sched_reserve:      CUDA0 compute buffer size =   254.50 MiB
0.01.310.000 I srv    load_model: speculative decoding context initialized
""".splitlines()


def with_draft(**draft) -> list[str]:
    """The draft model is loaded before the server listens."""
    log = gpu_log()
    return [*log[:-2], *draft_log(**draft), *log[-2:]]


def memory(device: str, loaded: float, *, before: float = 480, ours: float | None = None):
    return DeviceMemory(
        device=device,
        total_mib=81079,
        used_before_mib=before,
        used_loaded_mib=loaded,
        used_peak_mib=loaded + 10,
        ours_loaded_mib=ours,
    )


HOST = memory("host", 9000, before=4000)
H100 = memory("CUDA0", 480 + 4033 + 512 + 258 + 500)


def judge(log: list[str], *loaded: DeviceMemory, backend="cuda", size=EIGHT_B, **more):
    return judge_memory(
        read_placement(log), backend=backend, model_bytes=int(size), loaded=loaded, **more
    )


class TestReading:
    def test_every_builds_log_is_understood(self, every_build, start, small_model):
        with start(engine=every_build, slots=2) as server:
            placement = read_placement(server.log_lines())
        assert (placement.layers_offloaded, placement.layers_total) == (0, LAYERS + 1)
        assert (placement.layers, placement.context_train_tokens) == (LAYERS, 8192)
        assert placement.parameters == 35_390_000
        assert placement.mib("weights") >= small_model[0].size_bytes / 2**20 - 2
        assert placement.mib("kv") > 0 and placement.mib("compute") > 0
        assert "AVX2 = 1" in placement.system_info
        assert every_build.commit in placement.commit_line
        assert len(placement.proof) >= 8

    def test_the_proof_has_neither_times_nor_folders(self, start):
        with start() as server:
            proof = read_placement(server.log_lines()).proof
        assert not any(line.startswith("0.") or "/" in line.split()[-1] for line in proof[3:])

    def test_lines_after_the_server_listens_are_about_requests(self):
        assert read_placement(gpu_log()).mib("compute", device="CUDA0") == 258.5

    def test_an_empty_log_says_nothing(self):
        assert read_placement([]) == Placement()

    def test_recurrent_state_counts_as_kv(self):
        line = "0.0.0.1 I llama_memory_recurrent:      CUDA0 RS buffer size =    12.50 MiB"
        assert read_placement([line]).mib("kv", device="CUDA0") == 12.5


class TestOnAGpu:
    def test_a_model_wholly_on_its_device_fits(self):
        proof = judge(gpu_log(), HOST, H100, devices=["CUDA0"])
        assert (proof.verdict, proof.layers_offloaded) == ("fits", 33), proof.reason
        assert [device.device for device in proof.devices] == ["host", "CUDA0"]

    def test_the_peak_is_taken_from_the_later_reading(self):
        later = H100.model_copy(update={"used_peak_mib": 7777.0})
        proof = judge(gpu_log(), HOST, H100, peak=[HOST, later])
        assert proof.devices[1].used_peak_mib == 7777

    def test_layers_left_on_the_host_are_a_spill(self):
        log = gpu_log(offloaded=16, host_mib=4315, device_mib=2000)
        proof = judge(log, HOST, H100)
        assert (proof.verdict, proof.reason) == ("spilled", "only 16 of 33 layers on CUDA0")

    def test_experts_moved_to_the_host_are_a_spill_though_all_layers_count_as_offloaded(self):
        proof = judge(gpu_log(host_mib=4315, device_mib=1400), HOST, H100)
        assert proof.verdict == "spilled"
        assert "1,400 of 4,311 MiB on CUDA0" in proof.reason

    def test_a_cpu_build_that_prints_all_layers_offloaded_is_a_spill(self):
        log = [line for line in gpu_log(host_mib=4315) if "CUDA0 model" not in line]
        assert "no device holds weights" in judge(log, HOST, H100).reason

    def test_a_kv_cache_in_host_memory_is_a_spill(self):
        proof = judge(gpu_log(kv="CPU"), HOST, H100)
        assert (proof.verdict, proof.reason) == ("spilled", "512 MiB of KV cache in host memory")

    def test_weights_on_a_device_that_was_not_pinned_are_a_spill(self):
        proof = judge(gpu_log(), HOST, H100, devices=["CUDA1"])
        assert (proof.verdict, proof.reason) == ("spilled", "weights on CUDA0, pinned to CUDA1")

    def test_a_device_whose_memory_does_not_account_for_its_buffers_is_a_spill(self):
        proof = judge(gpu_log(), HOST, memory("CUDA0", 3000))
        assert proof.verdict == "spilled" and "the driver put the rest elsewhere" in proof.reason

    def test_our_own_process_counts_rather_than_what_others_hold(self):
        assert judge(gpu_log(), memory("CUDA0", 9000, ours=900)).verdict == "spilled"
        assert judge(gpu_log(), memory("CUDA0", 500, ours=5000)).verdict == "fits"

    def test_without_a_reading_of_the_device_nothing_is_claimed(self):
        proof = judge(gpu_log(), HOST)
        assert proof.verdict == "unverified" and "could not be read" in proof.reason

    def test_one_card_by_two_names_is_one_card(self):
        log = [line.replace("CUDA", "Vulkan") for line in gpu_log()]
        assert judge(log, HOST, H100, backend="vulkan").verdict == "fits"

    def test_a_mapped_buffer_larger_than_the_embedding_is_not_judged_by_its_size(self):
        assert judge(gpu_log(host_mib=3000), HOST, H100).verdict == "unverified"
        assert judge(gpu_log(host_mib=3000, host="CPU"), HOST, H100).verdict == "spilled"

    def test_embeddings_of_every_layer_belong_to_the_host(self):
        """Gemma 3n and later keep them there by design."""
        per_layer = "0.0.0.1 I - kv 9: gemma3n.embedding_length_per_layer_input u32 = 256"
        log = gpu_log(host_mib=1900, device_mib=2500)
        assert judge(log, HOST, H100).verdict == "spilled"
        assert judge([per_layer, *log], HOST, H100).verdict == "fits"

    def test_a_large_kv_cache_hides_no_half_offloaded_model(self):
        """Measured on an H100: 32 slots move the memory in use by 8.8 GiB for a file of 4.2."""
        log = gpu_log(offloaded=16, host_mib=4315, device_mib=2048, kv_mib=6500)
        in_use = memory("CUDA0", 480 + 8.8 * 1024)
        assert in_use.used_loaded_mib - in_use.used_before_mib > 2 * EIGHT_B / 2**20
        proof = judge(log, HOST, in_use)
        assert (proof.verdict, proof.reason) == ("spilled", "only 16 of 33 layers on CUDA0")

    def test_nor_does_a_count_that_says_all_layers_are_offloaded(self):
        log = gpu_log(host_mib=4315, device_mib=2048, kv_mib=6500)
        proof = judge(log, HOST, memory("CUDA0", 480 + 8.8 * 1024))
        assert proof.verdict == "spilled" and "2,048 of 4,311 MiB on CUDA0" in proof.reason

    def test_what_a_device_lacks_must_be_of_an_embeddings_size(self):
        """A layer of this model has 117 MiB; f16 is the widest that an embedding can be."""
        log = gpu_log(host_mib=400, device_mib=4033 - 117)
        assert judge(log, HOST, H100).verdict == "fits", "types not known: nothing contradicts it"
        proof = judge([*TYPES, *log], HOST, H100)
        assert proof.verdict == "spilled"
        assert "395 MiB of weights are not on CUDA0" in proof.reason
        assert judge([*TYPES, *gpu_log()], HOST, H100).verdict == "fits"
        assert judge([*TYPES, *gpu_log(device_mib=4311)], HOST, H100).verdict == "fits", (
            "a copy of the embedding serves as the output layer"
        )

    @pytest.mark.parametrize("type_name", ["nvfp4", "q1_0", "q2_0", "i32"])
    def test_weights_left_behind_are_seen_beside_tensors_of_every_type(self, type_name):
        types = [*TYPES, TYPES[0].replace("f32", type_name)]
        proof = judge([*types, *gpu_log(host_mib=700, device_mib=3600)], HOST, H100)
        assert (proof.verdict, proof.reason[:7]) == ("spilled", "711 MiB")
        assert judge([*types, *gpu_log()], HOST, H100).verdict == "fits"

    def test_a_type_of_weights_that_is_not_known_contradicts_nothing(self):
        log = [TYPES[0].replace("f32", "q99"), *gpu_log(host_mib=400, device_mib=3916)]
        assert judge(log, HOST, H100).verdict == "fits"

    def test_a_log_without_buffers_proves_nothing(self):
        assert judge([], HOST, H100).verdict == "unverified"


class TestWithADraftModel:
    BOTH = memory("CUDA0", 480 + 4033 + 512 + 258 + 526 + 128 + 254 + 600)

    def test_it_is_read_apart_from_the_model(self):
        placement = read_placement(with_draft())
        assert (placement.layers_offloaded, placement.layers) == (33, 32)
        assert (placement.draft.layers_offloaded, placement.draft.layers) == (17, 16)
        assert placement.mib("weights", device="CUDA0") == 4033
        assert placement.draft.mib("weights", device="CUDA0") == 526
        assert placement.draft.file_mib == 731.49
        assert placement.drafts and "loading draft model '1b.gguf'" in placement.proof

    def test_without_one_there_is_none(self):
        placement = read_placement(gpu_log())
        assert placement.draft is None and not placement.drafts

    def test_both_on_the_device_fit_and_the_layers_are_the_models(self):
        proof = judge(with_draft(), HOST, self.BOTH, devices=["CUDA0"])
        assert proof.verdict == "fits", proof.reason
        assert (proof.layers_offloaded, proof.layers_total) == (33, 33)
        assert "all 50 layers on CUDA0" in proof.reason
        drafts = [buffer for buffer in proof.buffers if buffer.of == "draft"]
        assert [buffer.mib for buffer in drafts] == [205.49, 526, 128, 254.5]

    def test_a_draft_model_half_on_the_host_is_a_spill(self):
        proof = judge(with_draft(offloaded=8, host_mib=731, device_mib=280), HOST, self.BOTH)
        assert proof.verdict == "spilled"
        assert proof.reason == "the draft model: only 8 of 17 layers on CUDA0"

    def test_a_spilled_draft_model_counts_more_than_an_unverified_model(self):
        log = [
            line.replace("   281.81 MiB", "  3000.00 MiB")
            for line in with_draft(offloaded=8, host_mib=731, device_mib=280)
        ]
        proof = judge(log, HOST, self.BOTH)
        assert (proof.verdict, proof.reason[:16]) == ("spilled", "the draft model:")

    def test_the_device_must_account_for_both(self):
        proof = judge(with_draft(), HOST, memory("CUDA0", 480 + 4900))
        assert proof.verdict == "spilled" and "took 5,71" in proof.reason

    def test_on_the_cpu_both_need_room(self):
        log = [line.replace("CUDA0", "CPU") for line in with_draft(host_mib=731)]
        needed = judge(log, HOST, backend="cpu")
        assert needed.verdict == "fits", needed.reason
        just_the_model = memory("host", 81000, before=81079 - 5600)
        assert judge(log, just_the_model, backend="cpu").verdict == "spilled"


class TestOnTheCpu:
    def test_a_real_server_fits(self, start, small_model):
        with start() as server:
            proof = judge_memory(
                read_placement(server.log_lines()),
                backend="cpu",
                model_bytes=small_model[0].size_bytes,
                loaded=[HOST],
                swap_grown_mib=0,
            )
        assert proof.verdict == "fits", proof.reason

    @pytest.fixture
    def log(self):
        moved = [line.replace("CUDA0", "CPU_REPACK") for line in gpu_log(host_mib=4315)]
        return [line.replace("CPU_REPACK KV", "CPU KV") for line in moved]

    def test_it_needs_the_memory_that_was_free_before(self, log):
        full = memory("host", 81000, before=77000)
        proof = judge(log, full, backend="cpu")
        assert proof.verdict == "spilled" and "the machine had 4,079 MiB free" in proof.reason
        assert judge(log, HOST, backend="cpu").verdict == "fits"

    def test_swap_that_grew_is_a_spill(self, log):
        assert judge(log, HOST, backend="cpu", swap_grown_mib=10).verdict == "fits"
        assert judge(log, HOST, backend="cpu", swap_grown_mib=500).verdict == "spilled"

    def test_weights_on_a_gpu_are_not_what_was_claimed(self):
        proof = judge(gpu_log(), HOST, backend="cpu")
        assert proof.reason == "backend cpu, but weights lie on CUDA0"

    def test_without_a_reading_of_the_memory_nothing_is_claimed(self, log):
        assert judge(log, backend="cpu").verdict == "unverified"
