"""GPUs of drivers without a library of their own, by what the kernel shows of them; described, not
captured: no such card was at hand."""

from bench_pipeline.inventory.other_gpus import apple_gpus, read_others
from bench_pipeline.inventory.vulkan import VulkanDevice, vulkan_devices, with_vulkan
from bench_pipeline.records.devices import Gpu

ARC = {
    "vendor": "0x8086",
    "device": "0x56a5",
    "class": "0x030000",
    "uevent": "DRIVER=xe",
    "tile0/physical_vram_size_bytes": str(6 * 2**30),
    "tile0/gt0/freq0/max_freq": "2450",
    "hwmon/hwmon3/power1_max": "75000000",
    "max_link_speed": "16.0 GT/s PCIe",
    "max_link_width": "8",
}
LAPTOP = {"vendor": "0x8086", "device": "0x46a6", "class": "0x030000", "uevent": "DRIVER=i915"}
NAMES = {
    "usr/share/misc/pci.ids": "# list\n1002  AMD\n\t56a5  Not this one\n8086  Intel Corporation\n"
    "\t46a6  Alder Lake-P GT2 [Iris Xe Graphics]\n\t56a5  DG2 [Arc A380]\n",
    "proc/sys/kernel/osrelease": "6.15.2",
}


def test_a_card_of_intel_s_has_name_memory_clock_and_cap(pci, tree):
    tree(NAMES)
    (gpu,), gaps = read_others(pci("0000:03:00.0", ARC))
    assert (gpu.vendor, gpu.name, gpu.driver) == ("intel", "Intel Arc A380", "xe of Linux 6.15.2")
    assert (gpu.memory_mib, gpu.unified_memory) == (6144, False)
    assert (gpu.core_clock_max_mhz, gpu.power_cap_w, gpu.pcie_width_max) == (2450, 75, 8)
    assert gaps == []


def test_an_integrated_one_shares_the_memory_and_is_plugged_in_nowhere(pci, tree):
    tree(NAMES)
    (gpu,), _ = read_others(pci("0000:00:02.0", {**LAPTOP, "max_link_width": "255"}))
    assert (gpu.name, gpu.unified_memory) == ("Intel Iris Xe Graphics", True)
    assert (gpu.memory_mib, gpu.pcie_width_max) == (None, None)


def test_a_maker_that_the_list_names_too_is_named_once(pci, tree):
    tree({"usr/share/misc/pci.ids": "8086  Intel\n\t7d55  Meteor Lake-P [Intel Arc Graphics]"})
    (gpu,), _ = read_others(pci("0000:00:02.0", {**LAPTOP, "device": "0x7d55"}))
    assert gpu.name == "Intel Arc Graphics"


def test_what_no_list_names_goes_by_number(pci):
    (gpu,), _ = read_others(pci("0000:03:00.0", ARC))
    assert (gpu.name, gpu.driver) == ("Intel GPU 8086:56a5", "xe")


def test_an_intel_gpu_without_a_driver_is_a_gap(pci):
    gpus, gaps = read_others(pci("0000:00:02.0", {**LAPTOP, "uevent": "PCI_ID=8086:46A6"}))
    assert gpus == []
    assert gaps == ["i915, xe: the Intel GPU at 0000:00:02.0 has no driver."]


def test_a_card_under_nouveau_is_nvidia_s(pci):
    card = {"vendor": "0x10de", "device": "0x1f08", "class": "0x030000"}
    (gpu,), _ = read_others(pci("0000:01:00.0", {**card, "uevent": "DRIVER=nouveau"}))
    assert (gpu.vendor, gpu.name, gpu.driver) == ("nvidia", "NVIDIA GPU 10de:1f08", "nouveau")


def test_a_card_of_another_driver_is_left_to_its_library(pci):
    card = {"vendor": "0x10de", "device": "0x1f08", "class": "0x030000"}
    assert read_others(pci("0000:01:00.0", {**card, "uevent": "DRIVER=nvidia"})) == ([], [])


def test_an_apple_chip_s_gpu_goes_by_the_chip_s_name():
    (gpu,) = apple_gpus({"machdep.cpu.brand_string": "Apple M2", "iogpu.wired_limit_mb": "0"}.get)
    assert (gpu.vendor, gpu.name, gpu.unified_memory) == ("apple", "Apple M2", True)
    assert gpu.shared_memory_mib is None
    raised = {"machdep.cpu.brand_string": "Apple M2", "iogpu.wired_limit_mb": "14336"}
    assert apple_gpus(raised.get)[0].shared_memory_mib == 14336
    assert apple_gpus({"machdep.cpu.brand_string": "Intel(R) Core(TM) i7"}.get) == []


def test_the_loader_tells_of_this_machine_s_drivers():
    """Mesa's rasterizer is installed for the tests of device pinning."""
    devices, gaps = vulkan_devices()
    assert gaps == []
    [software] = [device for device in devices if device.driver.startswith("llvmpipe")]
    assert "Mesa" in software.driver
    assert software.pcie_address is None


def test_a_card_is_given_the_drivers_at_its_address():
    gpus = [Gpu(index=n, vendor="amd", name="a", pcie_address=f"0000:0{n}:00.0") for n in range(2)]
    served = [
        VulkanDevice("a", "radv, Mesa 25.2.1", "0000:01:00.0"),
        VulkanDevice("a", "AMD open-source driver, 2025.Q2", "0000:01:00.0"),
        VulkanDevice("llvmpipe", "llvmpipe, Mesa 25.2.1", None),
    ]
    one, other = with_vulkan(gpus, served)
    assert one.vulkan_driver is None
    assert other.vulkan_driver == "radv, Mesa 25.2.1; AMD open-source driver, 2025.Q2"
