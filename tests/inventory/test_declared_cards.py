"""Which cards a rig file pins, on machines as people own them."""

from typing import Any

import pytest
import yaml

from bench_pipeline.inventory.declared_cards import cards, counted, gpu_backends
from bench_pipeline.records.inventory import Gpu


def gpu(name: str, bus: int = 1, gib: float = 16, **more: Any) -> Gpu:
    vendor = more.pop("vendor", None) or (
        "nvidia"
        if "GeForce" in name or "NVIDIA" in name
        else "amd"
        if "Radeon" in name
        else "intel"
    )
    address = f"0000:{bus:02x}:00.0"
    return Gpu(
        index=0, vendor=vendor, name=name, pcie_address=address, memory_mib=gib * 1024, **more
    )


RYZEN = gpu("Radeon Graphics", 0x0E, 0.5, unified_memory=True)
UHD = gpu("Intel UHD 770", 0, 0.1, unified_memory=True)


def backends(*gpus: Gpu, asked: Any = None) -> dict[str, dict[str, Any]]:
    return yaml.safe_load("".join(gpu_backends(gpus, asked))) or {}


def devices(*gpus: Gpu, asked: Any = None) -> dict[str, str | None]:
    return {name: setup.get("device") for name, setup in backends(*gpus, asked=asked).items()}


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        ([], {}),
        ([gpu("GeForce RTX 4070")], {"cuda": "CUDA0", "vulkan": "Vulkan0"}),
        ([gpu("Radeon RX 9060 XT")], {"rocm": "ROCm0", "vulkan": "Vulkan0"}),
        ([gpu("Intel Arc A770")], {"sycl": "SYCL0", "vulkan": "Vulkan0"}),
        ([gpu("Apple M4", vendor="apple", unified_memory=True)], {"metal": None}),
        ([gpu("NVIDIA NVK", driver="nouveau of Linux 6.17")], {"vulkan": "Vulkan0"}),
        ([gpu("A GPU", vendor="other")], {"vulkan": "Vulkan0"}),
        # alone, an integrated GPU is what the machine has
        ([RYZEN], {"rocm": "ROCm0", "vulkan": "Vulkan0"}),
        ([UHD], {"sycl": "SYCL0", "vulkan": "Vulkan0"}),
        # beside a real card it is not, wherever on the bus it stands
        ([gpu("GeForce RTX 4070"), RYZEN, UHD], {"cuda": "CUDA0", "vulkan": "Vulkan0"}),
        # of which oneAPI lists cards first, ROCm what comes first on the bus
        ([UHD, gpu("Intel Arc A770", 3)], {"sycl": "SYCL0", "vulkan": "Vulkan0"}),
        (
            [UHD, gpu("Intel Arc A380", 3, 6), gpu("Intel Arc B580", 7, 12)],
            {"sycl": "SYCL1", "vulkan": "Vulkan1"},
        ),
        (
            [gpu("Radeon RX 9060 XT", 0x10), RYZEN],
            {"rocm": "ROCm1", "vulkan": "Vulkan0"},
        ),
        # cards of two makers
        (
            [gpu("Radeon RX 7900 XTX", 3, 24), gpu("GeForce RTX 4070", 1, 12)],
            {"cuda": "CUDA0", "rocm": "ROCm0", "vulkan": "Vulkan1"},
        ),
        # the card with the most memory, by its number on the bus
        (
            [gpu("GeForce GTX 1650", 2, 4), gpu("GeForce RTX 4090", 5, 24)],
            {"cuda": "CUDA1", "vulkan": "Vulkan1"},
        ),
        (
            [gpu("GeForce RTX 4090", 5, 24), gpu("GeForce RTX 4090", 2, 24)],
            {"cuda": "CUDA0", "vulkan": "Vulkan0"},
        ),
        # a chip that shares its processor's memory is what such a machine is bought for
        (
            [gpu("NVIDIA GB10", 0xF, unified_memory=True), gpu("GeForce RTX 3060", 1, 12)],
            {"cuda": "CUDA1", "vulkan": "Vulkan0"},
        ),
    ],
)
def test_each_backend_is_pinned_to_the_card_that_computes(gpus, expected) -> None:
    assert devices(*gpus) == expected


def test_an_integrated_gpu_is_declared_where_its_backend_is_asked_for() -> None:
    both = gpu("GeForce RTX 4070"), RYZEN
    assert devices(*both, asked="rocm") == {
        "cuda": "CUDA0",
        "rocm": "ROCm0",
        "vulkan": "Vulkan0",
    }
    assert "rocm" not in devices(*both, asked="cuda")
    assert cards(both)[1] == [RYZEN]


def test_what_is_left_out_is_said() -> None:
    text = "".join(gpu_backends([gpu("GeForce RTX 4070"), RYZEN]))
    assert "# Left out, as it is integrated: Radeon Graphics; add `rocm` to measure it." in text


def test_several_cards_alike_are_named_once_with_how_to_use_all() -> None:
    four = [gpu("NVIDIA A100", bus) for bus in (7, 1, 4, 2)]
    text = "".join(gpu_backends(four)).split("vulkan:")[0]
    assert text.count("A100") == 1 and "# One of 4 × NVIDIA A100." in text
    assert "`device: CUDA0,CUDA1,CUDA2,CUDA3` and `split_mode: layer`" in text


def test_cards_of_several_kinds_are_each_named_once() -> None:
    both = [gpu("GeForce GTX 1650", 2, 4), gpu("GeForce RTX 4090", 5, 24)]
    text = "".join(gpu_backends(both)).split("vulkan:")[0]
    assert "# GeForce RTX 4090, which has the most memory; CUDA0 is GeForce GTX 1650." in text
    assert [text.count(name) for name in ("4090", "1650")] == [1, 1]


def test_names_are_counted_in_the_order_of_the_bus() -> None:
    found = [gpu("GeForce B", 3), gpu("GeForce A", 1), gpu("GeForce B", 2)]
    assert counted(cards(found)[0]) == ["GeForce A", "2 × GeForce B"]


def test_a_line_break_in_a_name_ends_no_comment() -> None:
    assert backends(gpu("GeForce\nbackends: {}"))["cuda"]["device"] == "CUDA0"
