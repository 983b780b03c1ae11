"""What the pages say of a machine and of the device of a row."""

import pytest

from bench_pipeline.records.devices import EngineDevice, Gpu
from bench_pipeline.records.inventory import Cpu, Settings
from bench_pipeline.site.hardware import hardware_of, settings_facts, summary
from bench_pipeline.warehouse.rows.device import device_of
from tests.factories import measured_run

APU = Gpu(
    index=0,
    vendor="amd",
    name="AMD Radeon 890M Graphics",
    memory_mib=768,
    unified_memory=True,
    shared_memory_mib=30720,
)


def machine(gpus=(), devices=(), **more):
    inventory = measured_run(workloads=["chat"], concurrencies=[1]).inventory
    return inventory.model_copy(
        update={"gpus": list(gpus), "engine_devices": list(devices), **more}
    )


def row_of(inventory, backend, *argv, **row):
    run = measured_run(backend=backend, workloads=["chat"], concurrencies=[1])
    server = run.servers[0].model_copy(update={"argv": ["llama-server", *argv]})
    run = run.model_copy(update={"inventory": inventory, "servers": [server]})
    device = device_of(run)
    words = hardware_of(
        {
            "inventory_json": inventory.model_dump_json(),
            "backend": backend,
            "cpu": "any",
            "gpu": device.gpu,
            "gpu_memory_mib": device.gpu_memory_mib,
            "power_cap_w": None,
            "driver": None,
            "rig": "r",
            **row,
        },
        "A box",
        (),
    )
    return device, words.text


def test_shared_memory_is_named_by_carve_out_and_what_may_be_mapped():
    there = machine([APU], [EngineDevice(id="Vulkan0", name=APU.name, total_mib=31488)])
    device, text = row_of(there, "vulkan", "--device", "Vulkan0")
    assert text == "AMD Radeon 890M Graphics · 768 MiB + up to 30 GiB shared"
    assert device.gpu_memory_mib == 31488
    assert "with 768 MiB + up to 30 GiB shared." in summary(there)


def test_a_card_that_its_driver_only_numbers_has_the_engine_s_name():
    halo = APU.model_copy(update={"name": "AMD GPU 1002:1586", "shared_memory_mib": 122880})
    device = EngineDevice(
        id="Vulkan0", name="AMD Radeon 8060S Graphics (RADV STRIX_HALO)", total_mib=123648
    )
    there = machine([halo], [device])
    _, text = row_of(there, "vulkan", "--device", "Vulkan0")
    assert text == "AMD Radeon 8060S Graphics · 768 MiB + up to 120 GiB shared"
    assert "AMD Radeon 8060S Graphics with 768 MiB" in summary(there)
    unnamed = device.model_copy(update={"name": "AMD Radeon Graphics (RADV GFX1151)"})
    assert "AMD GPU 1002:1586 with 768 MiB" in summary(machine([halo], [unnamed]))


def test_memory_that_is_wholly_the_system_s_is_the_engine_s_figure():
    board = Gpu(index=0, vendor="nvidia", name="NVIDIA Thor", unified_memory=True)
    there = machine([board], [EngineDevice(id="CUDA0", name="NVIDIA Thor", total_mib=120000)])
    device, text = row_of(there, "cuda", "--device", "CUDA0")
    assert (device.gpu_memory_mib, text) == (120000, "Thor · memory shared with the CPU")
    assert "Thor in memory shared with the CPU." in summary(there)


@pytest.mark.parametrize(
    ("devices", "gpu_ran", "words"),
    [
        ([("MTL0", "Apple M1 Max", 24576)], True, "Apple M1 Max with 24 GiB as the engine lists"),
        ([("Vulkan0", "llvmpipe (LLVM 19)", 9)], False, "No GPU: the engine computes on the CPU"),
        ([("BLAS", "Accelerate", 0)], False, "No GPU: the engine computes on the CPU"),
        ([], False, "No GPU: the engine computes on the CPU"),
        ([], True, "Its GPU was not read"),
    ],
)
def test_no_gpu_is_said_only_where_none_computed(devices, gpu_ran, words):
    listed = [EngineDevice(id=id, name=name, total_mib=mib) for id, name, mib in devices]
    assert words in summary(machine(devices=listed), gpu_ran)


def test_cards_that_only_the_engine_lists_are_counted():
    arc, geforce = "Intel(R) Arc(TM) B580 Graphics", "NVIDIA GeForce RTX 3060"
    devices = [
        *(EngineDevice(id=f"Vulkan{n}", name=arc, total_mib=12288) for n in (0, 1)),
        EngineDevice(id="Vulkan2", name=geforce, total_mib=12288),
        EngineDevice(id="CUDA0", name=geforce, total_mib=12288),
    ]
    words = summary(machine(devices=devices))
    assert "2 × Intel Arc B580 Graphics with 12 GiB" in words
    assert "and GeForce RTX 3060 with 12 GiB" in words


def test_a_cap_of_several_cards_is_of_all_of_them():
    cards = [
        Gpu(
            index=n,
            vendor="nvidia",
            name="NVIDIA RTX A2000",
            memory_mib=12288,
            pcie_address=f"0000:0{n}:00.0",
        )
        for n in (1, 2)
    ]
    devices = [EngineDevice(id=f"CUDA{n}", name="NVIDIA RTX A2000") for n in (0, 1)]
    options = ("--device", "CUDA0,CUDA1")
    _, text = row_of(machine(cards, devices), "cuda", *options, power_cap_w=120)
    assert text == "2 × RTX A2000 · 24 GiB · 120 W in all"
    alone = (*options, "--split-mode", "none", "--main-gpu", "1")
    _, text = row_of(machine(cards, devices), "cuda", *alone, power_cap_w=50)
    assert text == "RTX A2000 · 12 GiB · 50 W"


def test_one_of_several_that_cannot_be_told_keeps_the_engine_s_name_and_size():
    cards = [Gpu(index=n, vendor="nvidia", name="NVIDIA L4", memory_mib=23034) for n in (0, 1)]
    there = machine(cards, [EngineDevice(id="CUDA0", name="NVIDIA L4", total_mib=22500)])
    device, _ = row_of(there, "cuda", "--device", "CUDA0")
    assert (device.gpu, device.gpu_memory_mib, device.driver) == ("NVIDIA L4", 22500, None)


def test_a_container_s_share_is_told_beside_the_machine_s():
    cpu = Cpu(model="EPYC", physical_cores=64, usable_cores=6)
    assert summary(machine(cpu=cpu)).startswith("EPYC (6 of 64 cores) with")


def test_settings_are_facts_of_the_run_and_nothing_where_none_are_known():
    known = machine(
        settings=Settings(
            governor="schedutil", power_source="battery", kernel_parameters={"ttm.pages_limit": "9"}
        )
    )
    facts = settings_facts({"inventory_json": known.model_dump_json(), "backend": "cpu"})
    assert [(label, words) for label, words, _ in facts] == [
        ("Clock governor", "schedutil"),
        ("Power from", "battery"),
        ("Kernel parameters", "ttm.pages_limit=9"),
    ]
    bare = {"inventory_json": machine().model_dump_json(), "backend": "vulkan"}
    assert settings_facts(bare) == []
