"""Which cards of a machine its rig file pins, for which backends, and as which of the engine's
devices."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from bench_pipeline.records.inventory import Gpu
from bench_pipeline.records.rig import Backend

Api = Literal["cuda", "rocm", "sycl", "metal"]

_OWN_API: dict[str, Api] = {"nvidia": "cuda", "amd": "rocm", "intel": "sycl", "apple": "metal"}
_DEVICES: dict[Backend, str] = {"cuda": "CUDA", "rocm": "ROCm", "sycl": "SYCL", "vulkan": "Vulkan"}
_OPEN_DRIVERS = ("nouveau", "nova")
"""Without NVIDIA's own driver there is no CUDA."""


def api_of(gpu: Gpu) -> Api | None:
    """The backend that its maker's software offers, if it does; Vulkan is everybody's."""
    if gpu.vendor == "nvidia" and (gpu.driver or "").startswith(_OPEN_DRIVERS):
        return None
    return _OWN_API.get(gpu.vendor)


def cards(gpus: Sequence[Gpu], asked: Backend | None = None) -> tuple[list[Gpu], list[Gpu]]:
    """Those to declare and those left out, each in the order of the bus.

    A processor's own GPU beside a real card is left out, unless it alone has the `asked` backend.
    NVIDIA's chips that share their processor's memory are what such machines are bought for.
    """
    ordered = sorted(gpus, key=_on_the_bus)
    real = [gpu for gpu in ordered if not gpu.unified_memory or gpu.vendor in ("nvidia", "apple")]
    if not real:
        return ordered, []
    wanted = [
        gpu
        for gpu in ordered
        if gpu in real
        or (asked and api_of(gpu) == asked and not any(api_of(g) == asked for g in real))
    ]
    return wanted, [gpu for gpu in ordered if gpu not in wanted]


def counted(gpus: Iterable[Gpu]) -> list[str]:
    """Each name once: `4 × NVIDIA GeForce RTX 3090`."""
    names = Counter(gpu.name for gpu in gpus)
    return [f"{count} × {name}" if count > 1 else name for name, count in names.items()]


def gpu_backends(gpus: Sequence[Gpu], asked: Backend | None = None) -> list[str]:
    """The rig file's lines for each backend that the machine's cards have."""
    declared, left_out = cards(gpus, asked)
    texts = []
    for api in _OWN_API.values():
        own = [gpu for gpu in declared if api_of(gpu) == api]
        if own and api == "metal":
            texts.append("  metal: {}\n")
        elif own:
            # what is left out is counted all the same: the engine lists it too
            texts.append(_pinned(api, own, [gpu for gpu in gpus if api_of(gpu) == api]))
    drawn = [gpu for gpu in declared if gpu.vendor != "apple"]
    # over Vulkan the engine leaves out integrated GPUs beside others
    if drawn := [gpu for gpu in drawn if not gpu.unified_memory] or drawn:
        texts.append(_pinned("vulkan", drawn, drawn))
    if left_out:
        texts.append(_left_out(left_out))
    return texts


def _pinned(backend: Backend, own: Sequence[Gpu], listed: Sequence[Gpu]) -> str:
    """One card of `own`, the first with the most memory; its number is its place in `listed`."""
    best = max(own, key=lambda gpu: gpu.memory_mib or 0)
    order = sorted(listed, key=_cards_first if backend == "sycl" else _on_the_bus)
    names = {id(gpu): f"{_DEVICES[backend]}{number}" for number, gpu in enumerate(order)}
    kinds = counted(own)
    if len(own) == 1:
        comment = [best.name]
    elif len(kinds) == 1:
        comment = [f"One of {kinds[0]}."]
    else:
        others = "; ".join(f"{names[id(gpu)]} is {gpu.name}" for gpu in own if gpu is not best)
        comment = [f"{best.name}, which has the most memory; {others}."]
    if len(order) > 1:
        by = "the PCI bus, integrated GPUs last" if backend == "sycl" else "the PCI bus"
        comment.append(f"Numbers go by {by}; compare with `llama-server --list-devices`.")
    if len(own) > 1:
        every = ",".join(names[id(gpu)] for gpu in own)
        comment.append(f"To share models among all: `device: {every}` and `split_mode: layer`.")
    lines = "".join(f"    # {_one_line(line)}\n" for line in comment)
    return (
        f"  {backend}:\n{lines}    device: {names[id(best)]}\n"
        "    split_mode: none\n    main_gpu: 0\n"
    )


def _on_the_bus(gpu: Gpu) -> tuple[str, int]:
    return gpu.pcie_address or "", gpu.index


def _cards_first(gpu: Gpu) -> tuple[bool, str, int]:
    """oneAPI's order: whatever the bus says, integrated GPUs come after cards."""
    return (gpu.unified_memory, *_on_the_bus(gpu))


def _left_out(gpus: Sequence[Gpu]) -> str:
    apis = sorted({api for gpu in gpus if (api := api_of(gpu))})
    add = f"; add `{'` or `'.join(apis)}` to measure it" if apis else ""
    return f"  # Left out, as it is integrated: {_one_line(', '.join(counted(gpus)))}{add}.\n"


def _one_line(text: str) -> str:
    """A line break would end a comment."""
    return " ".join(text.split())
