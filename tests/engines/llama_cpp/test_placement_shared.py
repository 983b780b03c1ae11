"""The verdict on models that several devices share, that carry layers nobody loads, and on memory
that a cache gives back."""

from bench_pipeline.engines.llama_cpp.placement import judge_memory, read_placement
from bench_pipeline.records.server import DeviceMemory

FILE_MIB = 9216.0


def head(file_gib: str = "9.00") -> list[str]:
    return f"""\
0.00.010.000 I llama_model_loader: - type   f32:  161 tensors
0.00.010.000 I llama_model_loader: - type  q4_0:  300 tensors
0.00.100.000 I print_info: file size   = {file_gib} GiB (4.55 BPW)
0.00.100.000 I print_info: n_embd                = 4096
0.00.100.000 I print_info: n_layer               = 48
0.00.100.000 I print_info: n_vocab               = 151936
0.00.200.000 I load_tensors: offloaded 49/49 layers to GPU
0.00.200.000 I load_tensors:   CPU_Mapped model buffer size =   333.84 MiB""".splitlines()


def weights(**mib: float) -> list[str]:
    return [
        f"0.00.200.000 I load_tensors: {name} model buffer size = {size:.2f} MiB"
        for name, size in mib.items()
    ]


def used(device: str, mib: float) -> DeviceMemory:
    return DeviceMemory(
        device=device,
        total_mib=24576,
        used_before_mib=200,
        used_loaded_mib=200 + mib,
        used_peak_mib=200 + mib,
    )


def judge(log, *loaded, devices=("CUDA0", "CUDA1"), backend="cuda", **more):
    return judge_memory(
        read_placement(log),
        backend=backend,
        model_bytes=int(FILE_MIB * 2**20),
        loaded=loaded,
        devices=list(devices),
        **more,
    )


def unused(*sizes_mib: float) -> list[str]:
    return [
        f"0.00.150.000 W model has unused tensor blk.48.part{n}.weight "
        f"(size = {int(mib * 2**20)} bytes) -- ignoring"
        for n, mib in enumerate(sizes_mib)
    ]


class TestLayersNobodyLoads:
    LOG = [*unused(180.0, 120.0), *head(), *weights(CUDA0=FILE_MIB - 333.84 - 300)]

    def test_they_are_no_part_of_what_must_be_on_the_card(self):
        proof = judge(self.LOG, used("CUDA0", 9200), devices=["CUDA0"])
        assert (proof.verdict, proof.unused_mib) == ("fits", 300)
        assert "300 MiB of the file are for drafting, and ignored" in proof.reason

    def test_a_layer_left_in_host_memory_beside_them_is_still_seen(self):
        log = [*unused(180.0, 120.0), *head(), *weights(CUDA0=FILE_MIB - 333.84 - 300 - 180)]
        assert judge(log, used("CUDA0", 9000), devices=["CUDA0"]).verdict == "spilled"

    def test_where_their_size_is_not_told_nothing_is_claimed(self):
        silent = "0.00.150.000 W model has unused tensor blk.48.nextn.weight -- ignoring"
        proof = judge([silent, *self.LOG], used("CUDA0", 9200), devices=["CUDA0"])
        assert proof.verdict == "unverified"

    def test_a_cpu_run_needs_no_memory_for_them(self):
        log = [
            *unused(2048.0),
            *[line for line in head() if "offloaded" not in line and "CPU_Mapped" not in line],
            "0.00.200.000 I load_tensors: CPU_Mapped model buffer size = 9216.00 MiB",
        ]
        host = DeviceMemory(
            device="host",
            total_mib=16000,
            used_before_mib=8000,
            used_loaded_mib=8500,
            used_peak_mib=8500,
        )
        without = judge([*log[1:]], host, backend="cpu", devices=[])
        assert (judge(log, host, backend="cpu", devices=[]).verdict, without.verdict) == (
            "fits",
            "spilled",
        )


class TestSplitOverCards:
    SHARE = (FILE_MIB - 333.84) / 2

    def test_a_common_buffer_gives_each_card_s_share(self):
        for name in ("Meta()", "Meta(CUDA0,CUDA1)"):
            log = [*head(), *weights(**{name: self.SHARE})]
            proof = judge(log, used("CUDA0", 4800), used("CUDA1", 4800))
            assert proof.verdict == "fits", proof.reason
            assert [buffer.device for buffer in proof.buffers] == ["CPU_Mapped", name]

    def test_a_common_buffer_that_one_card_lacks_is_spilled(self):
        log = [*head(), *weights(**{"Meta()": self.SHARE})]
        proof = judge(log, used("CUDA0", 4800), used("CUDA1", 900))
        assert (proof.verdict, "CUDA1" in proof.reason) == ("spilled", True)

    def test_rows_of_older_builds_are_looked_for_on_all_cards_together(self):
        log = [*head(), *weights(CUDA_Split=2 * self.SHARE)]
        uneven = judge(log, used("CUDA0", 2000), used("CUDA1", 7200))
        assert uneven.verdict == "fits", uneven.reason
        assert judge(log, used("CUDA0", 2000), used("CUDA1", 4000)).verdict == "spilled"


class TestAnotherMachine:
    LOG = [
        *head(),
        "0.00.090.000 I llama_model_load: using device RPC0 (gpu-box.lan:50052) (unknown id)",
        *weights(**{"CUDA0": 4441.08, "RPC0[gpu-box.lan:50052]": 4441.08}),
    ]

    def test_its_address_is_published_nowhere(self):
        proof = judge(self.LOG, used("CUDA0", 4800), devices=["CUDA0", "RPC0[gpu-box.lan:50052]"])
        said = [proof.model_dump_json(), *read_placement(self.LOG).proof]
        assert not any("gpu-box" in text for text in said)

    def test_what_lies_there_is_neither_spilled_nor_proven(self):
        proof = judge(self.LOG, used("CUDA0", 4800), devices=["CUDA0", "RPC0"])
        assert proof.verdict == "unverified"
        assert "RPC0" in proof.reason


class TestCachesThatShrink:
    LOG = [
        *[line for line in head() if "offloaded" not in line and "CPU_Mapped" not in line],
        "0.00.200.000 I load_tensors: CPU_Mapped model buffer size = 9216.00 MiB",
    ]

    def host(self, ours_mib):
        return DeviceMemory(
            device="host",
            total_mib=32000,
            used_before_mib=26000,
            used_loaded_mib=26200,
            used_peak_mib=26300,
            ours_loaded_mib=ours_mib,
        )

    def verdict(self, ours_mib, **more):
        return judge(self.LOG, self.host(ours_mib), backend="cpu", devices=[], **more).verdict

    def test_a_model_that_is_in_memory_fits_whatever_was_free_before(self):
        assert self.verdict(9300) == "fits"

    def test_one_of_which_a_part_is_missing_does_not(self):
        assert self.verdict(8800) == "spilled"
        assert self.verdict(None) == "spilled"

    def test_nor_one_that_drove_others_into_swap(self):
        assert self.verdict(9300, swap_grown_mib=900) == "spilled"


def test_the_engine_s_addresses_of_its_devices_are_read():
    log = [
        "0.0.0.1 I llama_prepare_model_devices: using device CUDA1 (NVIDIA RTX A4000 (x)) "
        "(00000000:0A:00.0) - 15000 MiB free",
        "0.0.0.1 I llama_prepare_model_devices: using device Vulkan0 (AMD Radeon RX 7600 "
        "(RADV NAVI33)) (0000:03:00.0) - 8000 MiB free",
        "0.0.0.1 I llama_prepare_model_devices: using device MTL0 (Apple M2) (unknown id) - 9 MiB",
    ]
    assert read_placement(log).addresses == {"CUDA1": "0000:0a:00.0", "Vulkan0": "0000:03:00.0"}
