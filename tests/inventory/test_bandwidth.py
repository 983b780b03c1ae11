"""Memory bandwidth: from clock and bus where they tell it, else by reading, never by guessing."""

import threading

import numpy as np
import pytest

from bench_pipeline.inventory import bandwidth
from bench_pipeline.inventory.bandwidth import last_cache_bytes, read_bandwidth, time_reading
from bench_pipeline.records.inventory import Gpu
from tests.waiting import PATIENCE_S

MIB = 2**20


def gpu(**values) -> Gpu:
    return Gpu(**{"index": 0, "vendor": "nvidia", "name": "a card"} | values)


H100 = gpu(name="NVIDIA H100 80GB HBM3", memory_clock_max_mhz=2619, memory_bus_bits=5120)


@pytest.mark.parametrize(
    ("clock_mhz", "bits", "data_sheet_gb_s"),
    [
        (2619, 5120, 3352),  # H100 SXM, HBM3
        (1215, 5120, 1555),  # A100 40 GB, HBM2
        (10501, 384, 1008),  # RTX 4090, GDDR6X
        (14001, 192, 672),  # RTX 5070, GDDR7
        (5001, 256, 320),  # T4, GDDR6
    ],
)
def test_nvidia_s_clock_and_bus_give_the_data_sheet_s_figure(clock_mhz, bits, data_sheet_gb_s):
    card = gpu(memory_clock_max_mhz=clock_mhz, memory_bus_bits=bits)
    (found,) = read_bandwidth("cuda", [card], ["CUDA0"], 1)
    assert found.bytes_per_s / 1e9 == pytest.approx(data_sheet_gb_s, rel=0.002)
    assert (found.device, found.source) == ("CUDA0", "theoretical")


def test_it_is_said_how_the_figure_came_about():
    (found,) = read_bandwidth("cuda", [H100], ["CUDA0"], 1)
    assert found.how == ("highest memory clock 2,619 MHz x 2 (double data rate) x 5,120 bits / 8")


def test_each_card_has_its_own():
    slower = gpu(index=1, memory_clock_max_mhz=1313, memory_bus_bits=5120)
    found = read_bandwidth("cuda", [H100, slower], ["CUDA0", "CUDA1"], 1)
    assert [one.device for one in found] == ["CUDA0", "CUDA1"]
    assert found[0].bytes_per_s > found[1].bytes_per_s


def test_an_amd_card_gets_no_figure_rather_than_an_eighth_of_it():
    card = gpu(vendor="amd", memory_clock_max_mhz=1249, memory_bus_bits=384)  # 960 GB/s in truth
    assert read_bandwidth("rocm", [card], ["ROCm0"], 1) == []


@pytest.mark.parametrize(
    "card", [gpu(memory_bus_bits=384), gpu(memory_clock_max_mhz=1000), gpu(vendor="intel")]
)
def test_what_the_driver_does_not_tell_is_not_made_up(card):
    assert read_bandwidth("vulkan", [card], ["Vulkan0"], 1) == []


def test_a_card_that_could_not_be_told_from_others_gets_no_figure():
    assert read_bandwidth("cuda", [H100], ["CUDA0", "CUDA1"], 1) == []
    assert read_bandwidth("cuda", [], ["CUDA0"], 1) == []


@pytest.mark.parametrize(
    ("backend", "cards", "devices"),
    [
        ("rocm", [gpu(vendor="amd", unified_memory=True)], ["ROCm0"]),
        ("vulkan", [gpu(vendor="intel", unified_memory=True)], ["Vulkan0"]),
        ("cuda", [gpu(name="NVIDIA GB10", unified_memory=True)], ["CUDA0"]),
        ("metal", [gpu(vendor="apple", unified_memory=True)], ["MTL0"]),
        ("metal", [], ["MTL0"]),
    ],
)
def test_what_the_cpu_reads_of_shared_memory_is_no_ceiling_of_the_gpu(backend, cards, devices):
    assert read_bandwidth(backend, cards, devices, 1) == []


def test_what_the_cpu_computes_from_is_measured(monkeypatch):
    monkeypatch.setattr(bandwidth, "_LEAST_BYTES", 32 * MIB)
    monkeypatch.setattr(bandwidth, "_MOST_BYTES", 32 * MIB)
    (found,) = read_bandwidth("cpu", [], [], 1)
    assert (found.device, found.source) == ("host", "measured")
    assert 1e8 < found.bytes_per_s < 1e13
    assert "readings of 32 MiB by the CPU, 1 thread" in found.how


def test_every_thread_reads_its_own_part_and_all_of_it(monkeypatch):
    monkeypatch.setattr(bandwidth, "_FILL_S", 600)
    reading_threads, read_bytes = set(), []

    class Add:
        @staticmethod
        def reduce(part):
            reading_threads.add(threading.get_ident())
            read_bytes.append(part.nbytes)
            assert part.min() == 1, "a page never written is no page of its own"
            barrier.wait(PATIENCE_S)  # both at once, else this times out

    barrier = threading.Barrier(2)
    monkeypatch.setattr(bandwidth.np, "add", Add)
    reading = time_reading(64 * MIB, 2)
    assert len(reading_threads) == 2
    assert reading.size_bytes == 64 * MIB
    assert sum(read_bytes) == reading.passes * reading.size_bytes


def test_slow_memory_is_read_as_far_as_it_was_filled(monkeypatch):
    monkeypatch.setattr(bandwidth, "_FILL_S", 0)
    reading = time_reading(1024 * MIB, 1)
    assert reading.size_bytes == 8 * MIB
    assert np.isfinite(reading.bytes_per_s)


def cache(cpu: int, index: int, level: int, size: str, shared: str) -> dict[str, str]:
    folder = f"sys/devices/system/cpu/cpu{cpu}/cache/index{index}"
    return {
        f"{folder}/level": str(level),
        f"{folder}/size": size,
        f"{folder}/shared_cpu_list": shared,
    }


def test_the_last_cache_is_the_highest_level_of_all_dies(tree):
    root = tree(
        cache(0, 0, 1, "32K", "0")
        | cache(0, 3, 3, "32768K", "0-1")
        | cache(1, 3, 3, "32768K", "0-1")
        | cache(2, 3, 3, "96M", "2-3")
    )
    assert last_cache_bytes(root) == 128 * MIB


def test_a_machine_that_tells_of_no_cache_has_none(tree):
    assert last_cache_bytes(tree(cache(0, 0, 1, "much", "0"))) is None


@pytest.mark.parametrize(
    ("cache_mib", "free_mib", "read_mib"),
    [(None, 10**5, 256), (32, 10**5, 256), (100, 10**5, 400), (480, 10**5, 1024), (480, 800, 200)],
)
def test_it_reads_several_times_the_cache_within_what_is_free(
    cache_mib, free_mib, read_mib, monkeypatch
):
    free = type("Free", (), {"available": free_mib * MIB})
    monkeypatch.setattr(bandwidth.psutil, "virtual_memory", lambda: free)
    assert bandwidth._size(cache_mib and cache_mib * MIB) == read_mib * MIB


def test_an_array_that_the_cache_could_hold_says_so(monkeypatch):
    monkeypatch.setattr(bandwidth, "_FILL_S", 0)
    monkeypatch.setattr(bandwidth, "last_cache_bytes", lambda: 480 * MIB)
    (found,) = read_bandwidth("cpu", [], [], 1)
    assert found.how.endswith("last cache 480 MiB, so parts may have come from it")
