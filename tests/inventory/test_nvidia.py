"""What NVML may answer. The errors are the binding's own; a real card's whole answer is
`fixtures/h100.yaml`, read by test_capture."""

from types import SimpleNamespace

import pynvml
import pytest

from bench_pipeline.inventory.nvidia import read_nvidia
from tests.inventory.cards import NOT_SUPPORTED, RTX, Nvml


def test_a_card_is_described_in_watts_mib_and_the_systems_pci_address():
    nvml = Nvml(RTX)
    (gpu,), gaps = read_nvidia(nvml)
    assert gaps == []
    assert (gpu.name, gpu.memory_mib, gpu.unified_memory) == (
        RTX["nvmlDeviceGetName"],
        12227,
        False,
    )
    assert (gpu.driver, gpu.cuda_version, gpu.compute_capability) == ("580.159.04", "13.1", "12.0")
    watts = (gpu.power_cap_w, gpu.power_default_w, gpu.power_min_w, gpu.power_max_w)
    assert watts == (200, 250, 150, 275)
    assert (gpu.pcie_address, gpu.pcie_width, gpu.pcie_width_max) == ("0000:0a:00.0", 8, 16)
    assert gpu.ecc_enabled is False
    assert nvml.users == 0


def test_what_a_card_does_not_support_is_unknown_and_no_failure():
    (gpu,), gaps = read_nvidia(Nvml({"nvmlDeviceGetName": "NVIDIA GB10"}))
    assert gaps == []
    known = gpu.model_dump(exclude_none=True)
    assert set(known) == {"index", "vendor", "name", "unified_memory"}


def test_a_gpu_without_memory_of_its_own_is_unified():
    (gpu,), _ = read_nvidia(Nvml({"nvmlDeviceGetName": "NVIDIA GB10"}))
    assert gpu.unified_memory


def test_a_function_that_an_older_driver_lacks_is_no_failure():
    old = pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
    (gpu,), gaps = read_nvidia(Nvml({**RTX, "nvmlDeviceGetMemoryBusWidth": old}))
    assert gpu.memory_bus_bits is None and gaps == []


def test_a_field_that_fails_is_unknown_and_named():
    refused = pynvml.NVMLError(pynvml.NVML_ERROR_NO_PERMISSION)
    (gpu,), gaps = read_nvidia(Nvml({**RTX, "nvmlDeviceGetMemoryInfo": refused}))
    assert gpu.memory_mib is None and not gpu.unified_memory
    assert gaps == ["NVML: nvmlDeviceGetMemoryInfo of GPU 0 failed: Insufficient Permissions."]


def test_where_only_the_driver_sets_limits_its_limit_is_the_cap():
    answers = {**RTX, "nvmlDeviceGetPowerManagementLimit": NOT_SUPPORTED}
    (gpu,), _ = read_nvidia(Nvml(answers))
    assert gpu.power_cap_w == 190


def test_a_card_that_fell_off_the_bus_is_a_sentence_and_nvml_is_given_back():
    nvml = Nvml({**RTX, "nvmlDeviceGetName": pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)})
    assert read_nvidia(nvml) == ([], ["NVML: GPU 0 cannot be read: GPU is lost."])
    assert nvml.users == 0


MISSING = [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED]


@pytest.mark.parametrize("code", MISSING)
def test_a_machine_without_nvml_and_without_a_card_lacks_nothing(tree, code):
    assert read_nvidia(Nvml({"nvmlInit": pynvml.NVMLError(code)}), tree({})) == ([], [])


@pytest.mark.parametrize("code", MISSING)
def test_a_card_on_the_bus_without_nvml_is_one_sentence(pci, code):
    pci("0000:01:00.0", {"vendor": "0x10de", "device": "0x2f04", "class": "0x030000"})
    sound = {"vendor": "0x10de", "device": "0x2f80", "class": "0x040300"}
    root = pci("0000:01:00.1", sound)
    gpus, (gap,) = read_nvidia(Nvml({"nvmlInit": pynvml.NVMLError(code)}), root)
    assert gpus == []
    assert gap.startswith("NVML: ") and gap.endswith("an NVIDIA device at 0000:01:00.0.")


@pytest.mark.parametrize(
    ("name", "total_bytes"),
    [("NVIDIA Thor", 131_000_000_000), ("Orin (nvgpu)", 0), ("NVIDIA GB10", 128_500_000_000)],
)
def test_a_board_without_memory_of_its_own_is_unified_however_its_driver_counts(name, total_bytes):
    memory = SimpleNamespace(total=total_bytes)
    answers = {"nvmlDeviceGetName": name, "nvmlDeviceGetMemoryInfo": memory}
    (gpu,), gaps = read_nvidia(Nvml(answers))
    assert (gpu.unified_memory, gpu.memory_mib, gaps) == (True, None, [])
    assert gpu.shared_memory_mib == (round(total_bytes / 2**20, 1) or None)


def test_a_card_that_counts_the_machine_s_memory_as_its_own_has_none(tree):
    root = tree({"proc/meminfo": "MemTotal:       32000000 kB\nMemFree: 1 kB"})
    for total_kib, unified in ((31_700_000, True), (16_000_000, False)):
        memory = SimpleNamespace(total=total_kib * 1024)
        answers = {"nvmlDeviceGetName": "NVIDIA Something", "nvmlDeviceGetMemoryInfo": memory}
        (gpu,), _ = read_nvidia(Nvml(answers), root)
        assert gpu.unified_memory is unified


@pytest.mark.parametrize(
    ("name", "capability", "total_mib", "host_mib"),
    [
        ("NVIDIA GeForce RTX 5090", (12, 0), 32607, 31900),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", (12, 0), 97887, 96300),
        ("NVIDIA GeForce RTX 4080", (8, 9), 16376, 15930),
        ("Tesla P40", (6, 1), 24576, 24050),
    ],
)
def test_a_card_as_large_as_the_machine_s_memory_has_its_own(
    tree, name, capability, total_mib, host_mib
):
    root = tree({"proc/meminfo": f"MemTotal:       {host_mib * 1024} kB"})
    answers = {
        "nvmlDeviceGetName": name,
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=total_mib * 2**20),
        "nvmlDeviceGetCudaComputeCapability": capability,
    }
    (gpu,), _ = read_nvidia(Nvml(answers), root)
    assert (gpu.unified_memory, gpu.memory_mib) == (False, total_mib)


def test_a_name_that_is_no_text_costs_the_name_alone():
    broken = UnicodeDecodeError("utf-8", b"\xf8", 0, 1, "invalid start byte")
    (gpu,), (gap,) = read_nvidia(Nvml({**RTX, "nvmlDeviceGetName": broken}))
    assert (gpu.name, gpu.memory_mib) == ("NVIDIA GPU", 12227)
    assert gap.startswith("NVML: GPU 0 does not tell its name")


def test_an_answer_that_makes_no_sense_costs_no_other_card():
    class Two(Nvml):
        def nvmlDeviceGetCount(self) -> int:
            return 2

        def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
            self.answers["nvmlDeviceGetPciInfo"] = (
                SimpleNamespace(busId=b"00000000:0B:00.0") if index else SimpleNamespace()
            )
            return index

    gpus, (gap,) = read_nvidia(Two(dict(RTX)))
    assert [gpu.pcie_address for gpu in gpus] == ["0000:0b:00.0"]
    assert gap.startswith("NVML: GPU 0 cannot be read")


def test_a_card_that_nouveau_holds_is_no_gap_of_nvml(pci):
    missing = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    card = {"vendor": "0x10de", "device": "0x2504", "class": "0x030000"}
    root = pci("0000:01:00.0", {**card, "uevent": "DRIVER=nouveau"})
    assert read_nvidia(Nvml({"nvmlInit": missing}), root) == ([], [])
