"""What NVML may answer. The errors are the binding's own; a real card's whole answer is
`fixtures/h100.yaml`, read by test_capture."""

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
