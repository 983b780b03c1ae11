"""Which card an engine's device is taken for, and when for none."""

import pytest

from bench_pipeline.records.devices import EngineDevice, Gpu
from bench_pipeline.records.inventory import Cpu, Inventory, Memory, OperatingSystem
from bench_pipeline.records.matching import name_forms


def card(name, slot, mib=None, vendor="nvidia", **more):
    return Gpu(
        index=slot,
        vendor=vendor,
        name=name,
        memory_mib=mib,
        pcie_address=f"0000:{slot:02x}:00.0",
        power_cap_w=100 + slot,
        **more,
    )


def device(id, name, mib=None, **more):
    return EngineDevice(id=id, name=name, total_mib=mib, **more)


def inventory(gpus, devices):
    return Inventory(
        cpu=Cpu(model="any"),
        memory=Memory(total_mib=65536),
        os=OperatingSystem(name="any"),
        gpus=gpus,
        engine_devices=devices,
    )


def slots(gpus, devices, *pinned):
    """The slots of the cards behind what is pinned."""
    return [gpu.index for gpu in inventory(gpus, devices).gpus_behind(pinned)]


A4000 = [card("NVIDIA RTX A4000", 5, 16376), card("NVIDIA RTX A4000", 9, 16376)]


def test_a_name_within_another_is_another_card():
    gpus = [card("NVIDIA GeForce GTX 1660", 1, 6144), card("NVIDIA GeForce GTX 1660 Ti", 2, 6144)]
    devices = [
        device("CUDA0", "NVIDIA GeForce GTX 1660 Ti", 5936),
        device("CUDA1", "NVIDIA GeForce GTX 1660", 5936),
    ]
    assert slots(gpus, devices, "CUDA0") == [2]
    assert slots(gpus, devices, "CUDA1", "CUDA0") == [1, 2]


def test_cards_alike_are_told_by_their_order_where_all_are_listed():
    devices = [device(f"CUDA{n}", "NVIDIA RTX A4000", 15962) for n in (0, 1)]
    assert slots(A4000, devices, "CUDA1") == [9]


def test_of_cards_alike_that_are_not_all_listed_none_is_taken():
    assert slots(A4000, [device("CUDA0", "NVIDIA RTX A4000", 15962)], "CUDA0") == []


def test_the_address_decides_before_name_and_order():
    devices = [
        device("CUDA0", "NVIDIA RTX A4000", 15962, pcie_address="0000:09:00.0"),
        device("CUDA1", "NVIDIA RTX A4000", 15962, pcie_address="0000:05:00.0"),
    ]
    assert slots(A4000, devices, "CUDA0") == [9]
    assert slots(A4000, devices[:1], "CUDA0") == [9]


def test_an_address_that_no_card_has_is_no_card():
    foreign = device("CUDA0", "NVIDIA RTX A4000", 15962, pcie_address="0000:77:00.0")
    assert slots(A4000[:1], [foreign], "CUDA0") == []


def test_a_name_of_many_is_told_by_the_size():
    gpus = [
        card("AMD Radeon RX 7600", 3, 8176, "amd"),
        card("AMD Radeon Graphics", 4, 2048, "amd", unified_memory=True),
    ]
    devices = [
        device("ROCm0", "AMD Radeon Graphics", 8176),
        device("ROCm1", "AMD Radeon Graphics", 31800),
    ]
    assert slots(gpus, devices, "ROCm0", "ROCm1") == [3, 4]


def test_a_chip_that_oneapi_calls_by_its_number_is_told_by_the_size():
    gpus = [
        card("Intel UHD Graphics 770", 0, vendor="intel", unified_memory=True),
        card("Intel Arc B580", 3, 12288, vendor="intel"),
    ]
    devices = [
        device("SYCL0", "Intel(R) Graphics [0xe20b]", 12216),
        device("SYCL1", "Intel(R) UHD Graphics 770", 60000),
    ]
    assert slots(gpus, devices, "SYCL0") == [3]
    assert slots(gpus, devices, "SYCL1") == [0]


def test_a_card_that_the_list_of_pci_devices_does_not_name_is_told_by_the_size():
    gpus = [
        card("Intel Graphics", 0, vendor="intel", unified_memory=True),
        card("Intel Graphics", 3, 24480, vendor="intel"),
    ]
    devices = [
        device("Vulkan0", "Intel(R) Arc(tm) Pro B60 Graphics (BMG G21)", 24480),
        device("Vulkan1", "Intel(R) Graphics (RPL-S)", 60000),
    ]
    assert slots(gpus, devices, "Vulkan0", "Vulkan1") == [3, 0]


def test_a_list_that_knows_a_chip_by_two_names_means_either():
    gpus = [card("AMD Radeon RX 6800/6800 XT / 6900 XT", n, 16368, "amd") for n in (3, 7)]
    devices = [device(f"Vulkan{n}", "AMD Radeon RX 6900 XT (RADV NAVI21)", 16368) for n in (0, 1)]
    assert slots(gpus, devices, "Vulkan1") == [7]


def test_one_card_under_two_vulkan_drivers_is_one_card():
    gpus = [card("AMD Radeon RX 7600", 3, 8176, "amd")]
    devices = [
        device("Vulkan0", "AMD Radeon RX 7600 (RADV NAVI33)", 8176, driver="radv"),
        device("Vulkan1", "AMD Radeon RX 7600", 8176, driver="AMD open-source driver"),
    ]
    assert slots(gpus, devices, "Vulkan1") == [3]


def test_a_maker_s_only_card_is_its_only_device_whatever_both_call_it():
    gpus = [card("Intel GPU 8086:7d55", 0, None, "intel", unified_memory=True), *A4000]
    devices = [device("Vulkan0", "Intel(R) Arc(tm) Graphics (MTL)", 30000)]
    assert slots(gpus, devices, "Vulkan0") == [0]


def test_a_size_that_contradicts_keeps_a_maker_s_only_card_apart():
    gpus = [card("NVIDIA TITAN V", 1, 12288)]
    assert slots(gpus, [device("CUDA0", "NVIDIA GeForce GTX 970", 4036)], "CUDA0") == []


def test_a_software_rasterizer_is_no_card():
    assert slots(A4000[:1], [device("Vulkan0", "llvmpipe (LLVM 19.1.7)", 15900)], "Vulkan0") == []


def test_a_slice_has_its_own_name_and_memory_and_neither_cap_nor_bus():
    whole = card("NVIDIA A100-SXM4-40GB", 7, 40960, memory_bus_bits=5120)
    devices = [device("CUDA0", "NVIDIA A100-SXM4-40GB MIG 2g.10gb", 9856)]
    [part] = inventory([whole], devices).gpus_behind(["CUDA0"])
    assert (part.name, part.memory_mib) == ("NVIDIA A100-SXM4-40GB MIG 2g.10gb", 9856)
    assert (part.power_cap_w, part.memory_bus_bits) == (None, None)
    assert "slice" in inventory([whole], devices).why_unknown(["CUDA0"])


def test_what_cannot_be_told_is_said():
    found = inventory(A4000, [device("CUDA0", "NVIDIA RTX A4000", 15962)])
    assert "CUDA0: NVIDIA RTX A4000, 15,962 MiB" in found.why_unknown(["CUDA0"])
    assert "CUDA3, which the engine does not list" in found.why_unknown(["CUDA3"])


@pytest.mark.parametrize("gpus", [[], A4000[:1]], ids=["no card", "one card"])
def test_nothing_is_said_where_nothing_is_open(gpus):
    devices = [device("CUDA0", "NVIDIA RTX A4000", 15962), device("Vulkan0", "llvmpipe", 1)]
    assert inventory(gpus, devices).why_unknown(["Vulkan0"]) is None
    assert inventory(gpus, devices).why_unknown(["CUDA0"]) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Intel(R) Arc(tm) A770 Graphics (DG2)", "DG2 [Arc A770]", True),
        ("NVIDIA GeForce RTX 2060 (NVK TU106)", "GeForce RTX 2060", True),
        ("Microsoft Direct3D12 (NVIDIA RTX 4000 Ada)", "NVIDIA RTX 4000 Ada", True),
        ("Radeon 780M Graphics (RADV PHOENIX)", "AMD Radeon 780M", True),
        ("NVIDIA GeForce RTX 2060 SUPER", "NVIDIA GeForce RTX 2060", False),
        ("AMD Radeon RX 6800 XT", "AMD Radeon RX 6800", False),
    ],
)
def test_names_that_say_the_same_card(one, other, same):
    assert bool(name_forms(one) & name_forms(other)) is same
