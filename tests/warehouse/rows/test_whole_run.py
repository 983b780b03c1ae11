"""Which device a run is shown under."""

import pytest

from bench_pipeline.records.inventory import EngineDevice, Gpu
from bench_pipeline.warehouse.rows.whole_run import rows_of
from tests.factories import H100, measured_run

IGPU = Gpu(index=1, vendor="amd", name="AMD Radeon Graphics", memory_mib=512)
RTX = Gpu(index=0, vendor="nvidia", name="NVIDIA GeForce RTX 5070", memory_mib=12227, driver="595")
OTHER_H100 = H100.model_copy(update={"index": 1})


@pytest.mark.parametrize(
    ("backend", "gpus", "devices", "pinned", "expected"),
    [
        ("cpu", [RTX], [], None, (None, None, None)),
        ("cuda", [RTX], [], None, (RTX.name, 12227, "595")),
        ("rocm", [], [], None, (None, None, None)),
        # the iGPU is listed first, and excluded
        (
            "vulkan",
            [IGPU, RTX],
            [("Vulkan0", "AMD Radeon Graphics (RADV)"), ("Vulkan1", RTX.name)],
            "Vulkan1",
            (RTX.name, 12227, "595"),
        ),
        (
            "cuda",
            [H100, OTHER_H100],
            [("CUDA0", H100.name), ("CUDA1", H100.name)],
            "CUDA0,CUDA1",
            (f"2 × {H100.name}", 2 * 81559, H100.driver),
        ),
        # a software rasterizer beside a real GPU is not that GPU
        ("vulkan", [RTX], [("Vulkan0", "llvmpipe")], "Vulkan0", ("llvmpipe", 7936, None)),
    ],
    ids=["cpu", "the only one", "none found", "pinned", "two", "software"],
)
def test_the_device_is_the_one_that_computed(backend, gpus, devices, pinned, expected):
    run = measured_run(backend=backend, workloads=["chat"], concurrencies=[1])
    inventory = run.inventory.model_copy(
        update={
            "gpus": gpus,
            "engine_devices": [
                EngineDevice(id=id, name=name, total_mib=7936) for id, name in devices
            ],
        }
    )
    argv = ["llama-server", *(["--device", pinned] if pinned else [])]
    servers = [run.servers[0].model_copy(update={"argv": argv})]
    changed = run.model_copy(update={"inventory": inventory, "servers": servers})
    [row] = rows_of(changed, "x")["runs"]
    assert (row["gpu"], row["gpu_memory_mib"], row["driver"]) == expected


@pytest.mark.parametrize(
    ("build", "number"), [("b10434", 10434), ("cuda-1a68ec9", None), ("b12x", None)]
)
def test_only_a_build_of_the_engines_own_count_has_a_number(build, number):
    [row] = rows_of(measured_run(build=build, workloads=["chat"], concurrencies=[1]), "x")["runs"]
    assert row["build_number"] == number


def test_energy_is_left_out_where_telemetry_has_a_gap():
    run = measured_run(backend="cuda", workloads=["chat"], concurrencies=[1])
    [cell] = run.cells
    gap = [part.model_copy(update={"complete": False}) for part in cell.telemetry]
    holey = run.model_copy(update={"cells": [cell.model_copy(update={"telemetry": gap})]})
    [whole], [unsure] = rows_of(run, "x")["measurements"], rows_of(holey, "x")["measurements"]
    assert whole["power_mean_w"] == 350.0
    assert whole["joules_per_token"] > 0
    assert (unsure["power_mean_w"], unsure["joules_per_token"]) == (None, None)
