"""Which backend `bench` measures when nobody names one: the GPU's, where an engine can use it."""

import ctypes
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench_pipeline.engines.builds.catalogue import Choice, choose
from bench_pipeline.engines.builds.host import Host
from bench_pipeline.engines.builds.install import check_obtainable
from bench_pipeline.engines.builds.releases import TIMEOUT_S
from bench_pipeline.engines.builds.upstream import newest_today
from bench_pipeline.errors import EngineError
from bench_pipeline.inventory.declared_cards import api_of, cards, counted
from bench_pipeline.records.engines import EngineCatalogue, ReleaseChannel
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.rig import Backend, BackendName, Rig, plain_backend

_NEEDED: dict[Backend, tuple[str, str]] = {
    "vulkan": ("libvulkan.so.1", "the Vulkan loader (`libvulkan1` on Debian and Ubuntu)"),
    "rocm": ("libamdhip64.so", "ROCm"),
    "sycl": ("libze_loader.so.1", "Level Zero (`libze1` on Debian and Ubuntu)"),
}
"""What a build of others' finds on the system or not at all; one made here brings its own."""


@dataclass(frozen=True)
class Chosen:
    """`why`: after `Backend x`, in words."""

    backend: BackendName
    why: str


def is_loadable(library: str) -> bool:
    """Whether this system has a shared library; ROCm has a version in the name, and a folder."""
    if platform.system() != "Linux" or list(Path("/opt").glob(f"rocm*/lib/{library}*")):
        return True
    for name in (library, *(f"{library}.{version}" for version in range(5, 13))):
        try:
            ctypes.CDLL(name)
            return True
        except OSError:
            continue
    return False


def latest_soon(releases: ReleaseChannel) -> str:
    """Upstream's newest build; NoAnswer within seconds: there are other backends to turn to."""
    return newest_today(releases, timeout_s=TIMEOUT_S)


def default_backend(
    rig: Rig,
    inventory: Inventory,
    catalogue: EngineCatalogue,
    cache: Path,
    host: Host,
    *,
    build: str | None = None,
    latest: Callable[[ReleaseChannel], str] = latest_soon,
    obtainable: Callable[[Choice, Path], None] = check_obtainable,
    loadable: Callable[[str], bool] = is_loadable,
) -> Chosen:
    """The best of the rig's backends that a card, a build and the system are there for.

    `build` is the one that is asked for, if one is. Upstream may be asked for its builds; if it
    gives no answer, none of its builds is to be had.
    """
    reasons: list[str] = []
    for backend in rig.best_first:
        plain = plain_backend(backend)
        if plain == "cpu":
            continue
        names = card_names(inventory, plain)
        if not names:
            reasons.append(f"{backend} finds no card here")
            continue
        try:
            choice = choose(catalogue, rig, backend, build, host, latest=latest)
            obtainable(choice, cache)
        except EngineError as error:
            reasons.append(f"{backend} has no build here ({error.problem})")
            continue
        library, bringer = _NEEDED.get(plain, ("", ""))
        if library and choice.channel != "path" and not loadable(library):
            reasons.append(f"{backend} lacks {bringer}")
            continue
        passed_over = f", as {'; '.join(reasons)}" if reasons else ""
        return Chosen(backend, f"for {', '.join(names)}{passed_over}")
    if "cpu" in rig.backends:
        gaps = [gap.rstrip(".") for gap in inventory.gaps if not inventory.gpus]
        told = reasons or gaps
        return Chosen("cpu", f"as {'; '.join(told) if told else 'no GPU is found here'}")
    first = next(iter(rig.backends))
    return Chosen(first, f"the first that the rig declares; {'; '.join(reasons)}")


def card_names(inventory: Inventory, backend: Backend) -> list[str]:
    """The cards that `backend` computes on, each name once."""
    if backend == "metal" and not inventory.gpus and platform.system() == "Darwin":
        return [inventory.cpu.model]
    found = cards(inventory.gpus, backend)[0]
    if backend == "vulkan":
        return counted(gpu for gpu in found if gpu.vendor != "apple")
    if backend == "openvino":
        return counted(gpu for gpu in found if gpu.vendor == "intel")
    return counted(gpu for gpu in found if api_of(gpu) == backend)


def told(chosen: Chosen, rig: Rig) -> str:
    """The line that says what is measured, why, and how to choose otherwise."""
    others = [backend for backend in rig.backends if backend != chosen.backend]
    otherwise = f" (otherwise: BACKEND={' or '.join(others)})" if others else ""
    return f"Backend {chosen.backend}, {chosen.why}{otherwise}"
