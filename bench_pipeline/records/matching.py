"""Which card an engine's device is.

Engine and driver count and name differently: CUDA may list the fastest card first, HIP calls
every card "AMD Radeon Graphics", Mesa adds its chip's name in brackets, lists of names know one
chip by several. So the PCI address decides where the engine's log gives it; else names that say
the same card, memory of the same size, and, for cards that are alike in both, the order, if both
list as many of them. What is left open stays open: a card taken for another brings that one's cap,
energy and memory with it.
"""

import re
from collections.abc import Callable, Sequence

from bench_pipeline.records.devices import EngineDevice, Gpu

_MAKERS = {
    "nvidia": r"nvidia|geforce|quadro|tesla|\bnvk\b",
    "amd": r"\bamd\b|\bati\b|radeon|instinct|firepro",
    "intel": r"intel|\barc\b|\biris\b|\buhd\b",
    "apple": r"apple",
}
_KINDS = {"CUDA": "nvidia", "ROCm": "amd", "MTL": "apple", "Metal": "apple", "SYCL": "intel"}
_ORNAMENTS = {
    *("amd", "ati", "nvidia", "intel", "apple", "corporation", "inc", "advanced", "micro"),
    *("devices", "graphics", "series", "gpu", "adapter"),
}
"""Words of a name that one list prints and another leaves out."""
_SOFTWARE = re.compile(r"llvmpipe|lavapipe|swiftshader|softpipe|basic render", re.IGNORECASE)
_LIBRARIES = {"BLAS", "ZenDNN"}
"""Devices of the engine's list without memory: `BLAS: Accelerate (0 MiB, 0 MiB free)` on every
Mac."""
_SLICE = re.compile(r"\s+MIG\s+\S+$")
_OVER_DIRECT3D = re.compile(r"^Microsoft Direct3D12 \((?P<card>.+)\)$")
"""How Mesa's Dozen, the Vulkan of WSL, names a card."""
_NUMBERED = re.compile(r"\b[0-9a-f]{4}:[0-9a-f]{4}$")

_SIZES = (0.88, 1.06)
"""The engine's size of a card over its driver's: a context, ECC and tables are taken off first, and
Vulkan adds a heap of its own."""

Alike = Callable[[EngineDevice, Gpu], bool]


def kind_of(device_id: str) -> str:
    """`CUDA` of `CUDA0`: devices of one kind are different cards, or should be."""
    return device_id.rstrip("0123456789")


def is_software(device: EngineDevice) -> bool:
    """Whether it is the CPU, dressed as a GPU."""
    return device.id in _LIBRARIES or _SOFTWARE.search(device.name) is not None


def slice_of(device: EngineDevice) -> bool:
    """Whether it is a part of a card (MIG)."""
    return _SLICE.search(device.name) is not None


def matched(devices: Sequence[EngineDevice], gpus: Sequence[Gpu]) -> dict[str, Gpu]:
    """The card of each device, by the device's id; one whose card cannot be told is left out."""
    found: dict[str, Gpu] = {}
    for kind in dict.fromkeys(kind_of(device.id) for device in devices):
        found |= _of_one_kind([d for d in devices if kind_of(d.id) == kind], gpus)
    return found


def as_used(device: EngineDevice, gpu: Gpu) -> Gpu:
    """The card as the device has it: whole, or a slice whose cap and bandwidth nobody tells."""
    if not slice_of(device):
        return _named_by(device, gpu)
    unknown = ("power_cap_w", "power_default_w", "power_min_w", "power_max_w", "memory_bus_bits")
    return gpu.model_copy(
        update={"name": device.name, "memory_mib": device.total_mib, **dict.fromkeys(unknown)}
    )


def named(devices: Sequence[EngineDevice], gpus: Sequence[Gpu]) -> list[Gpu]:
    """`gpus`, each by the name that the engine has for it where its driver's list has only its
    number: cards are newer than a system's lists, and small systems have none."""
    by_card = {id(gpu): name for name, gpu in matched(devices, gpus).items()}
    listed = {device.id: device for device in devices}
    return [_named_by(listed[by_card[id(g)]], g) if id(g) in by_card else g for g in gpus]


def _named_by(device: EngineDevice, gpu: Gpu) -> Gpu:
    if _NUMBERED.search(gpu.name) is None or slice_of(device) or _is_generic(device.name):
        return gpu
    name = re.sub(r"\s*\([^()]*\)\s*$", "", _OVER_DIRECT3D.sub(r"\g<card>", device.name))
    return gpu.model_copy(update={"name": name})


def why_unmatched(
    devices: Sequence[EngineDevice], gpus: Sequence[Gpu], device_ids: Sequence[str]
) -> str | None:
    """A sentence where there are cards, and which of them one of `device_ids` is cannot be told;
    another where one is a part of a card."""
    found, listed = matched(devices, gpus), {device.id: device for device in devices}
    open_ones = [name for name in device_ids if name not in found]
    told = [listed[name] for name in open_ones if name in listed]
    if gpus and open_ones and not (told and all(is_software(device) for device in told)):
        names = "; ".join(_named(listed.get(name), name) for name in open_ones)
        return (
            f"which card here the engine computes on cannot be told ({names}): neither PCI address "
            "nor name, size and order say so; power cap, energy and memory's ceiling are unknown"
        )
    if parts := [name for name in device_ids if name in found and slice_of(listed[name])]:
        return (
            f"{', '.join(parts)} is a slice of a card that others may use too: power cap, energy "
            "and memory's ceiling of the slice are unknown"
        )
    return None


def _named(device: EngineDevice | None, name: str) -> str:
    if device is None:
        return f"{name}, which the engine does not list"
    size = "" if device.total_mib is None else f", {device.total_mib:,.0f} MiB"
    return f"{name}: {device.name}{size}"


def _of_one_kind(devices: Sequence[EngineDevice], gpus: Sequence[Gpu]) -> dict[str, Gpu]:
    numbers: dict[str, int] = {}
    places = {gpu.pcie_address: number for number, gpu in enumerate(gpus) if gpu.pcie_address}
    left = []
    for device in devices:
        if device.pcie_address in places:
            numbers[device.id] = places[device.pcie_address]
        elif (device.pcie_address is None or not places) and not is_software(device):
            left.append(device)
    for alike in (_name_and_size, _size_alone, _shared_memory, _name_alone):
        spare = [number for number in range(len(gpus)) if number not in numbers.values()]
        numbers |= _pairs([d for d in left if d.id not in numbers], spare, gpus, alike)
    left = [device for device in left if device.id not in numbers]
    spare = [number for number in range(len(gpus)) if number not in numbers.values()]
    numbers |= _only_ones(left, spare, gpus)
    return {name: gpus[number] for name, number in numbers.items()}


def _pairs(
    devices: Sequence[EngineDevice], spare: Sequence[int], gpus: Sequence[Gpu], alike: Alike
) -> dict[str, int]:
    """Devices and cards that are alike, in order, where there are as many of both."""
    groups: dict[tuple[int, ...], list[EngineDevice]] = {}
    for device in devices:
        candidates = tuple(number for number in spare if alike(device, gpus[number]))
        groups.setdefault(candidates, []).append(device)
    found: dict[str, int] = {}
    for candidates, members in groups.items():
        wanted_by = [other for other in groups if set(other) & set(candidates)]
        if len(candidates) == len(members) and wanted_by == [candidates]:
            found |= {m.id: number for m, number in zip(members, candidates, strict=True)}
        elif len(candidates) == 1 and wanted_by == [candidates] and _listed_twice(members):
            found |= {member.id: candidates[0] for member in members}
    return found


def _listed_twice(devices: Sequence[EngineDevice]) -> bool:
    """Two Vulkan drivers may serve one card, and the engine lists it under both."""
    drivers = {device.driver for device in devices}
    return None not in drivers and len(drivers) == len(devices)


def _name_and_size(device: EngineDevice, gpu: Gpu) -> bool:
    fits = slice_of(device) or _same_size(device, gpu) is not False
    return fits and _same_name(device, gpu)


def _size_alone(device: EngineDevice, gpu: Gpu) -> bool:
    """For cards that one side does not name: `Battlemage G21 [Intel Graphics]` is a card too."""
    named = not _nameless(device, gpu) and not (_same_maker(device, gpu) and _is_generic(gpu.name))
    return not named and _same_size(device, gpu) is True


def _shared_memory(device: EngineDevice, gpu: Gpu) -> bool:
    """An APU's GPU counts its carve-out, what it may map of the system's memory, or both."""
    return gpu.unified_memory and (_same_name(device, gpu) or _nameless(device, gpu))


def _name_alone(device: EngineDevice, gpu: Gpu) -> bool:
    return _same_name(device, gpu) and not _is_generic(device.name)


def _only_ones(
    devices: Sequence[EngineDevice], spare: Sequence[int], gpus: Sequence[Gpu]
) -> dict[str, int]:
    """A maker's only device and only card, unless their sizes say otherwise."""
    found: dict[str, int] = {}
    for maker in _MAKERS:
        theirs = [device for device in devices if _maker(device) == maker]
        cards = [number for number in spare if gpus[number].vendor == maker]
        alone = sum(gpu.vendor == maker for gpu in gpus) == 1
        if len(theirs) == len(cards) == 1 and alone:
            [device], [number] = theirs, cards
            if gpus[number].unified_memory or _same_size(device, gpus[number]) is not False:
                found[device.id] = number
    return found


def _maker(device: EngineDevice) -> str | None:
    if maker := _KINDS.get(kind_of(device.id)):
        return maker
    made = (m for m, like in _MAKERS.items() if re.search(like, device.name, re.IGNORECASE))
    return next(made, None)


def _same_maker(device: EngineDevice, gpu: Gpu) -> bool:
    maker = _maker(device)
    return maker is None or gpu.vendor in (maker, "other")


def _same_size(device: EngineDevice, gpu: Gpu) -> bool | None:
    """None: one of them does not say."""
    if device.total_mib is None or gpu.memory_mib is None:
        return None
    return _SIZES[0] <= device.total_mib / gpu.memory_mib <= _SIZES[1]


def _same_name(device: EngineDevice, gpu: Gpu) -> bool:
    return _same_maker(device, gpu) and bool(name_forms(device.name) & name_forms(gpu.name))


def _nameless(device: EngineDevice, gpu: Gpu) -> bool:
    said = _is_generic(device.name) or _NUMBERED.search(gpu.name) is not None
    return said and _same_maker(device, gpu)


def _is_generic(name: str) -> bool:
    """`AMD Radeon Graphics`: the name of many."""
    return not any(character.isdigit() for form in name_forms(name) for character in "".join(form))


def name_forms(name: str) -> frozenset[frozenset[str]]:
    """The words of each name that `name` stands for, without order and ornaments.

    `AMD Radeon RX 7900 XTX (RADV NAVI31)` is one, `AMD Radeon RX 6800/6800 XT` are two, and of
    `Battlemage G21 [Arc B580]` the words in brackets are the product's; those of
    `Intel(R) Graphics [0xe20b]` are a chip's that oneAPI has no name for.
    """
    text = _OVER_DIRECT3D.sub(r"\g<card>", _SLICE.sub("", name))
    text = re.sub(r"\((?:R|TM|C)\)", " ", text, flags=re.IGNORECASE)
    text = re.sub(r"\s*\[0x[0-9a-f]+\]$", "", text, flags=re.IGNORECASE)
    if product := re.search(r"\[(.+)\]", text):
        text = product[1]
    while (shorter := re.sub(r"\s*\([^()]*\)\s*$", "", text)) != text:
        text = shorter
    first, *others = re.split(r"\s*/\s*", text.casefold().strip())
    head: list[str] = []
    for word in first.split():
        if any(character.isdigit() for character in word):
            break
        head.append(word)
    names = [first.split(), *([*head, *other.split()] for other in others)]
    return frozenset(frozenset(words) - _ORNAMENTS for words in names)
