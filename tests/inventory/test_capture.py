"""The whole inventory: of this machine, of machines that hide things, and captured ones."""

import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pynvml
import pytest
import yaml

from bench_pipeline.inventory import capture
from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.records.inventory import EngineDevice, Gpu, Inventory
from bench_pipeline.records.yaml.files import dump_record, parse_record
from tests.inventory.cards import ADDRESS, CARD, RTX, Nvml

FIXTURES = sorted(Path(__file__).with_name("fixtures").glob("*.yaml"))
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
NO_NVML = Nvml({"nvmlInit": pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)})


def test_this_machine_is_captured_whole():
    inventory = capture_inventory()
    assert inventory.cpu.model != "unknown" and inventory.cpu.physical_cores
    assert inventory.memory.total_mib > inventory.memory.available_mib > 0
    assert inventory.os.name != "unknown" and inventory.os.kernel == platform.release()
    assert abs((datetime.now(UTC) - inventory.captured_at).total_seconds()) < 60


def test_a_captured_inventory_reads_back_as_it_was():
    inventory = capture_inventory()
    assert parse_record(Inventory, dump_record(inventory).encode(), Path("x.yaml")) == inventory


def test_the_command_prints_the_inventory_as_yaml():
    command = [sys.executable, "-m", "bench_pipeline.inventory"]
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    assert parse_record(Inventory, printed, Path("x.yaml")).cpu == capture_inventory().cpu


def test_the_devices_that_the_engine_reported_are_passed_through():
    device = EngineDevice(id="Vulkan0", name="AMD Radeon RX 7900 XTX", total_mib=24560)
    assert capture_inventory([device]).engine_devices == [device]


def test_a_machine_that_hides_everything_is_captured_with_a_sentence_for_what_failed(tree):
    inventory = capture_inventory(root=tree({}), nvml=NO_NVML)
    assert inventory.cpu.model == "unknown" and inventory.gpus == []
    assert inventory.gaps == ["CPU: ValueError: /proc/cpuinfo cannot be read."]


@pytest.mark.parametrize("name", ["read_cpu", "read_memory", "read_nvidia", "read_amd"])
def test_a_probe_that_breaks_spoils_no_other(monkeypatch, name):
    def broken(*arguments: object) -> None:
        raise RuntimeError("the driver is gone.")

    monkeypatch.setattr(capture, name, broken)
    inventory = capture_inventory()
    assert inventory.memory.total_mib > 0
    assert [gap for gap in inventory.gaps if gap.endswith(": RuntimeError: the driver is gone.")]


def test_cards_of_several_makers_stand_side_by_side(pci):
    inventory = capture_inventory(root=pci(ADDRESS, CARD), nvml=Nvml(RTX))
    assert [gpu.vendor for gpu in inventory.gpus] == ["nvidia", "amd"]


def test_no_host_name_serial_number_or_uuid_is_captured(tree, pci, monkeypatch):
    secret = "s3cr3t"
    monkeypatch.setattr(platform, "node", lambda: secret)
    dmi = ("product_serial", "product_uuid", "board_serial", "chassis_serial")
    tree(
        {
            "proc/cpuinfo": f"processor : 0\nmodel name : A CPU\nSerial : {secret}",
            "etc/hostname": secret,
            "etc/machine-id": secret,
            "etc/os-release": "PRETTY_NAME='An OS'",
            **{f"sys/class/dmi/id/{name}": secret for name in dmi},
        }
    )
    root = pci(ADDRESS, {**CARD, "serial_number": secret, "unique_id": secret})
    nvml = Nvml({**RTX, "nvmlDeviceGetSerial": secret, "nvmlDeviceGetUUID": secret})
    text = dump_record(capture_inventory(root=root, nvml=nvml))
    assert "A CPU" in text and "An OS" in text and RTX["nvmlDeviceGetName"] in text
    assert secret not in text


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
class TestCapturedOnAMachine:
    """Files that `python -m bench_pipeline.inventory` printed on the machine they are named for."""

    def test_it_is_an_inventory_without_gaps(self, path):
        inventory = parse_record(Inventory, path.read_bytes(), path)
        assert inventory.cpu.physical_cores and inventory.cpu.flags and inventory.os.kernel
        assert inventory.gaps == []

    def test_it_holds_no_uuid_and_no_serial_number(self, path):
        text = path.read_text()
        assert not UUID.search(text)
        assert "serial" not in text.lower()

    def test_an_nvidia_card_was_described_in_every_field(self, path):
        gpus = parse_record(Inventory, path.read_bytes(), path).gpus
        for gpu in (gpu for gpu in gpus if gpu.vendor == "nvidia"):
            unknown = {name for name in Gpu.model_fields if getattr(gpu, name) is None}
            assert unknown <= {"shared_memory_mib", "vulkan_driver", "asleep", "firmware"}
            assert gpu.power_min_w <= gpu.power_cap_w <= gpu.power_max_w

    def test_a_person_can_read_it(self, path):
        assert list(yaml.safe_load(path.read_text()))[:2] == ["captured_at", "cpu"]
