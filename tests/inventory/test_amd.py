"""amdgpu's files in /sys, as the kernel documents them (gpu/amdgpu: driver-misc, thermal;
ABI/testing/sysfs-bus-pci for the link).

Proven against the documentation, not against a card: the trees in `cards` are written from
it, with values like those of a Radeon RX 7900 XTX and of a Strix Halo APU.
"""

from pathlib import Path

import pytest

from bench_pipeline.inventory.amd import read_amd
from tests.inventory.cards import ADDRESS, APU, CARD, HOST_BRIDGE, INNER_SWITCH, LIBDRM, SLOT


@pytest.fixture
def card(tree, pci):
    """A discrete card behind its own switch, in a slot that gives it four lanes."""
    tree(LIBDRM)
    bridges = {"0000:00:01.1": HOST_BRIDGE, "0000:01:00.0": SLOT, "0000:02:00.0": INNER_SWITCH}
    return pci(ADDRESS, CARD, bridges)


@pytest.fixture
def apu(tree, pci):
    tree(LIBDRM)
    return pci("0000:c4:00.0", APU, {"0000:00:08.1": HOST_BRIDGE})


def only_gpu(root):
    (gpu,), gaps = read_amd(root)
    assert gaps == []
    return gpu


def test_a_discrete_card_has_memory_power_and_clocks(card):
    gpu = only_gpu(card)
    assert (gpu.vendor, gpu.name, gpu.index) == ("amd", "AMD Radeon RX 7900 XTX", 0)
    assert (gpu.memory_mib, gpu.shared_memory_mib, gpu.unified_memory) == (24560, 32000, False)
    watts = (gpu.power_cap_w, gpu.power_default_w, gpu.power_min_w, gpu.power_max_w)
    assert watts == (250, 327, 294, 402)
    assert (gpu.core_clock_mhz, gpu.core_clock_max_mhz) == (1208, 2526)
    assert (gpu.memory_clock_mhz, gpu.memory_clock_max_mhz) == (1249, 1249)
    assert (gpu.temperature_c, gpu.driver) == (47, "amdgpu of Linux 6.17.4")


def test_the_link_is_the_one_at_the_slot_not_the_one_inside_the_card(card):
    gpu = only_gpu(card)
    assert gpu.pcie_address == ADDRESS
    assert (gpu.pcie_generation, gpu.pcie_generation_max) == (1, 4)
    assert (gpu.pcie_width, gpu.pcie_width_max) == (4, 16)


def test_a_card_without_a_switch_has_its_own_link(pci):
    gpu = only_gpu(pci(ADDRESS, CARD, {"0000:00:01.1": HOST_BRIDGE}))
    assert (gpu.pcie_generation, gpu.pcie_width) == (4, 16)


def test_an_apu_has_a_carve_out_and_maps_the_systems_memory(apu):
    gpu = only_gpu(apu)
    assert gpu.unified_memory
    assert (gpu.memory_mib, gpu.shared_memory_mib) == (512, 98304)


def test_an_apu_has_no_memory_clock_power_cap_or_slot_of_its_own(apu):
    gpu = only_gpu(apu)
    assert gpu.memory_clock_mhz is gpu.memory_clock_max_mhz is None
    assert gpu.power_cap_w is gpu.power_max_w is None
    assert gpu.pcie_generation is gpu.pcie_width is None
    assert gpu.core_clock_max_mhz == 2900


def test_an_apu_with_a_large_carve_out_is_unified_all_the_same(pci):
    split = {"mem_info_vram_total": "103079215104", "mem_info_gtt_total": "16642998272"}
    assert only_gpu(pci(ADDRESS, {**APU, **split})).unified_memory


def test_without_sensors_who_maps_more_than_it_owns_is_an_apu(pci):
    bare = {name: text for name, text in APU.items() if not name.startswith("hwmon")}
    assert only_gpu(pci(ADDRESS, bare)).unified_memory


def test_a_sleeping_cards_star_stands_at_the_line_of_its_sleep(pci):
    asleep = {"pp_dpm_sclk": "S: 19Mhz *\n0: 500Mhz \n1: 2526Mhz"}
    gpu = only_gpu(pci(ADDRESS, {**CARD, **asleep}))
    assert (gpu.core_clock_mhz, gpu.core_clock_max_mhz) == (19, 2526)


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"product_name": "AMD Instinct MI210"}, "AMD Instinct MI210"),
        ({"product_name": ""}, "AMD Radeon RX 7900 XTX"),
        ({"revision": "0x01"}, "AMD GPU 1002:744c"),
    ],
)
def test_a_card_is_called_by_its_own_name_else_libdrms_else_its_number(tree, pci, files, name):
    tree(LIBDRM)
    assert only_gpu(pci(ADDRESS, {**CARD, **files})).name == name


def test_a_driver_that_came_apart_from_the_kernel_has_its_own_version(tree, card):
    tree({"sys/module/amdgpu/version": "6.14.14"})
    assert only_gpu(card).driver == "amdgpu 6.14.14"


def test_the_compute_drivers_topology_gives_the_memory_bus(tree, card):
    nodes = "sys/class/kfd/kfd/topology/nodes"
    tree(
        {
            f"{nodes}/0/properties": "cpu_cores_count 16\ndomain 0\nlocation_id 0",
            f"{nodes}/0/mem_banks/0/properties": "heap_type 0\nwidth 64",
            f"{nodes}/1/properties": "cpu_cores_count 0\ndomain 0\nlocation_id 768",
            f"{nodes}/1/mem_banks/0/properties": "heap_type 1\nwidth 384\nmem_clk_max 1249",
        }
    )
    assert only_gpu(card).memory_bus_bits == 384


def test_what_the_driver_does_not_show_is_unknown(pci):
    bare = {name: CARD[name] for name in ("vendor", "device", "class", "uevent")}
    gpu = only_gpu(pci(ADDRESS, {**bare, "pp_dpm_sclk": "nonsense", "mem_info_vram_total": "?"}))
    assert gpu.memory_mib is gpu.core_clock_mhz is gpu.pcie_generation is None


def test_a_card_that_amdgpu_does_not_drive_is_a_sentence(pci):
    pci("0000:03:00.0", {**CARD, "uevent": "DRIVER=vfio-pci"})
    root = pci("0000:04:00.0", {**CARD, "uevent": "PCI_ID=1002:744C"})
    gpus, gaps = read_amd(root)
    assert gpus == []
    assert gaps == [
        "amdgpu: the AMD device at 0000:03:00.0 is held by vfio-pci.",
        "amdgpu: the AMD device at 0000:04:00.0 has no driver.",
    ]


def test_a_cards_sound_device_is_no_gpu(pci):
    sound = {"vendor": "0x1002", "device": "0xab30", "class": "0x040300"}
    assert read_amd(pci("0000:03:00.1", sound)) == ([], [])


def test_a_sleeping_card_is_a_card_and_says_that_it_sleeps(pci, monkeypatch):
    root = pci(ADDRESS, {**CARD, "power/runtime_status": "suspended"})
    read = Path.read_text

    def refuse(path, *arguments, **more):
        if "hwmon" in path.parts or path.name.startswith("pp_dpm"):
            raise OSError(16, "Device or resource busy")
        return read(path, *arguments, **more)

    monkeypatch.setattr(Path, "read_text", refuse)
    (gpu,), (gap,) = read_amd(root)
    assert (gpu.unified_memory, gpu.asleep, gpu.power_cap_w) == (False, True, None)
    assert "0000:03:00.0 sleeps" in gap


def test_a_small_card_without_sensors_is_told_by_who_made_its_memory(pci):
    files = {k: v for k, v in CARD.items() if not k.startswith("hwmon")}
    files["mem_info_vram_total"] = str(4 * 2**30)
    files["mem_info_vram_vendor"] = "samsung"
    (gpu,), _ = read_amd(pci(ADDRESS, files))
    assert not gpu.unified_memory
