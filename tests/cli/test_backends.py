"""Which backend is measured when nobody names one, on machines as people own them."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.cli.backends import default_backend, is_loadable, told
from bench_pipeline.engines.builds.catalogue import Choice, ReleaseBuild
from bench_pipeline.engines.builds.host import Host
from bench_pipeline.engines.builds.releases import NoAnswer
from bench_pipeline.errors import EngineError
from bench_pipeline.paths import checkout
from bench_pipeline.records.inventory import Cpu, Gpu, Inventory, Memory, OperatingSystem
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.yaml.files import read_engines

CATALOGUE = read_engines(checkout().engines)
LINUX = Host("Linux", "x86_64", frozenset({"avx2", "fma", "f16c", "bmi2"}), "2.39", cuda=13)
GEFORCE = Gpu(index=0, vendor="nvidia", name="GeForce RTX 4070", pcie_address="0000:01:00.0")
RADEON = Gpu(index=0, vendor="amd", name="Radeon RX 9060 XT", pcie_address="0000:03:00.0")
RYZEN = Gpu(index=1, vendor="amd", name="Radeon Graphics", unified_memory=True)
ARC = Gpu(index=0, vendor="intel", name="Arc A770", pcie_address="0000:05:00.0")
APPLE = Gpu(index=0, vendor="apple", name="Apple M4", unified_memory=True)


def machine(*gpus: Gpu, gaps: Collection[str] = ()) -> Inventory:
    return Inventory(
        cpu=Cpu(model="A CPU"),
        memory=Memory(total_mib=65536),
        os=OperatingSystem(name="Any"),
        gpus=list(gpus),
        gaps=list(gaps),
    )


def rig(*backends: str, **setups: BackendSetup) -> Rig:
    declared = {backend: BackendSetup() for backend in backends} | setups
    return Rig(slug="box", title="Box", backends=declared)  # type: ignore[arg-type]


def chosen(
    place: Rig,
    found: Inventory,
    *,
    host: Host = LINUX,
    lacking: Collection[str] = (),
    unpublished: Collection[str] = (),
    **more: Any,
) -> tuple[str, str]:
    """Backend and why. `lacking`: libraries that this system has not; `unpublished`: backends
    for which upstream's newest release has no archive."""

    def obtainable(choice: Choice, cache: Path) -> None:
        if isinstance(choice, ReleaseBuild) and choice.backend in unpublished:
            raise EngineError("release b11500 has no archive", mend="")

    asked = {"latest": lambda _: "b11500", "obtainable": obtainable} | more
    found_one = default_backend(
        place,
        found,
        CATALOGUE,
        Path("/nowhere"),
        host,
        loadable=lambda name: name not in lacking,
        **asked,
    )
    return found_one.backend, found_one.why


@pytest.mark.parametrize(
    ("place", "found", "backend"),
    [
        (rig("cpu"), machine(), "cpu"),
        (rig("cpu", "cuda", "vulkan"), machine(GEFORCE), "cuda"),
        (rig("cpu", "rocm", "vulkan"), machine(RADEON), "rocm"),
        (rig("cpu", "rocm", "vulkan"), machine(RYZEN), "rocm"),
        (rig("cpu", "sycl", "vulkan"), machine(ARC), "vulkan"),
        (rig("cpu", "sycl"), machine(ARC), "sycl"),
        (rig("cpu", "cuda", "rocm", "vulkan"), machine(RADEON), "rocm"),
        (rig("vulkan", "cpu"), machine(GEFORCE), "vulkan"),
        (rig("cpu", "vulkan"), machine(), "cpu"),
        (rig("cuda"), machine(), "cuda"),
    ],
)
def test_it_is_that_of_the_card_that_is_there(place, found, backend) -> None:
    assert chosen(place, found)[0] == backend


def test_metal_is_apples() -> None:
    mac = Host("Darwin", "arm64")
    assert chosen(rig("cpu", "metal"), machine(APPLE), host=mac) == ("metal", "for Apple M4")


def test_cards_alike_are_counted() -> None:
    assert chosen(rig("cpu", "cuda"), machine(GEFORCE, GEFORCE))[1] == "for 2 × GeForce RTX 4070"


def test_without_a_build_of_its_own_a_card_computes_over_vulkan_and_it_is_said_why() -> None:
    backend, why = chosen(
        rig("cpu", "cuda", "vulkan"), machine(GEFORCE), unpublished={"cuda", "rocm"}
    )
    assert backend == "vulkan"
    assert why == (
        "for GeForce RTX 4070, as cuda has no build here (release b11500 has no archive)"
    )


def test_upstream_that_gives_no_answer_has_no_build() -> None:
    def silent(_: object) -> str:
        raise NoAnswer("upstream cannot be asked: no route to host", mend="", where="upstream")

    backend, why = chosen(rig("cpu", "cuda", "vulkan"), machine(GEFORCE), latest=silent)
    assert backend == "vulkan", "a wheel has it"
    assert "no route to host" in why


@pytest.mark.parametrize(
    ("place", "found", "library", "bringer"),
    [
        (rig("cpu", "vulkan"), machine(GEFORCE), "libvulkan.so.1", "the Vulkan loader"),
        (rig("cpu", "rocm"), machine(RADEON), "libamdhip64.so", "ROCm"),
    ],
)
def test_what_the_system_lacks_for_a_backend_is_named(place, found, library, bringer) -> None:
    backend, why = chosen(place, found, lacking={library})
    assert backend == "cpu"
    assert bringer in why


def test_a_build_made_here_needs_nobody_elses_word() -> None:
    own = BackendSetup(channel="path", build="mine")
    catalogue_entry = {"channel": "path", "build": "mine", "binary": "/opt/llama-server"}
    paths = [catalogue_entry | {"backends": ["rocm"], "rigs": ["box"]}]
    catalogue = CATALOGUE.model_validate(CATALOGUE.model_dump() | {"paths": paths})
    found = default_backend(
        rig("cpu", rocm=own),
        machine(RADEON),
        catalogue,
        Path("/nowhere"),
        LINUX,
        obtainable=lambda choice, cache: None,
        loadable=lambda name: False,
    )
    assert found.backend == "rocm"


def test_why_no_card_is_found_is_told_with_the_processor() -> None:
    gap = "NVML: Driver Not Loaded, though the PCI bus has an NVIDIA device at 0000:01:00.0."
    assert chosen(rig("cpu"), machine(gaps=[gap])) == ("cpu", f"as {gap.rstrip('.')}")
    assert chosen(rig("cpu"), machine()) == ("cpu", "as no GPU is found here")


def test_a_build_that_is_asked_for_decides_with() -> None:
    backend, why = chosen(
        rig("cpu", vulkan=BackendSetup(channel="wheel")), machine(GEFORCE), build="b10434"
    )
    assert backend == "cpu", "this processor cannot run it"
    assert "b10434 needs avx512f" in why


def test_the_line_says_how_to_choose_otherwise() -> None:
    place = rig("cpu", "cuda", "vulkan")
    found = default_backend(
        place,
        machine(GEFORCE),
        CATALOGUE,
        Path("/nowhere"),
        LINUX,
        latest=lambda _: "b11500",
        obtainable=lambda choice, cache: None,
        loadable=lambda name: True,
    )
    assert told(found, place) == (
        "Backend cuda, for GeForce RTX 4070 (otherwise: BACKEND=cpu or vulkan)"
    )


def test_a_library_is_loadable_if_this_system_has_it() -> None:
    assert is_loadable("libc.so.6")
    assert not is_loadable("libnobody-has-this.so")
