"""The machine as a result names it: its processor, and the cards that computed."""

import re
from dataclasses import dataclass

from bench_pipeline.importers.backends import BY_REGISTRY
from bench_pipeline.importers.rows import Test
from bench_pipeline.importers.words import plain
from bench_pipeline.records.inventory import Cpu, Gpu, Inventory, Memory, OperatingSystem
from bench_pipeline.records.rig import Backend

UNKNOWN = "not recorded"
"""Where a record wants words and the file has none."""

_LIBRARIES = re.compile(
    r"(?:Accelerate|OpenBLAS|BLIS|AOCL|MKL|Intel MKL|oneMKL|NVPL|FlexiBLAS|ATLAS|BLAS|ZenDNN|AMX|"
    r"KleidiAI)(?: [\d.]+\w*)?",
    re.IGNORECASE,
)
"""What llama-bench lists beside the processor, as it computes there too."""

_VENDORS = {
    "nvidia": r"NVIDIA|GeForce|Tesla|Quadro|^Orin\b|^Xavier\b",
    "amd": r"\bAMD\b|Radeon|Instinct|\bgfx\d",
    "apple": r"Apple|^M\d\b",
    "intel": r"Intel|\bArc\b",
}
_SOFTWARE = re.compile(r"llvmpipe|lavapipe|SwiftShader|softpipe|Basic Render", re.IGNORECASE)
_INTEGRATED = re.compile(
    r"U?HD Graphics|Iris|Intel\(R\) Graphics|Arc\(TM\) Graphics|\bArc Graphics|"
    r"\bArc(?:\(TM\))? \w+ GPU\b|"  # of Lunar, Arrow and Panther Lake: cards are `... Graphics`
    r"Radeon(?:\(TM\)|™)? Graphics|Radeon(?:\(TM\)|™)? (?:RX )?Vega (?:3|6|7|8|10|11)\b|"
    r"Radeon(?:\(TM\)|™)? [5-9]\d0M\b|Radeon(?:\(TM\)|™)? 80[5-6]0S|"
    r"\((?:RADV )?(?:GFX115\d|GFX1103|GFX1036|PHOENIX|RAPHAEL_MENDOCINO|REMBRANDT|RENOIR|RAVEN|"
    r"VANGOGH)|^gfx(?:90c|1035|1036|1103|115\d)\b|"
    r"^Apple|GB10|Tegra|\b(?:Orin|Xavier|Thor)\b|Jetson|^V3D\b|^Mali-|\bAdreno\b",
    re.IGNORECASE,
)
_OF_A_BACKEND = {"cuda": "nvidia", "rocm": "amd", "metal": "apple"}
_OLD_MARK = re.compile(r"/(?=\s*(?:NVIDIA|AMD|Tesla|GeForce|Quadro|Radeon|Intel|Apple))")
"""Before 2025 CUDA's cards stood with a slash between them; a card's own name may have one."""


@dataclass(frozen=True)
class Cards:
    gpus: tuple[Gpu, ...]
    unknown: str = ""
    """Why no card can be named, where one computed."""


def processor(cpu_info: str) -> str:
    """The processor's name without the libraries that stand beside it; empty where none is."""
    parts = [part.strip() for part in cpu_info.split(",")]
    return ", ".join(part for part in parts if part and not _LIBRARIES.fullmatch(part))


def is_integrated(name: str) -> bool:
    return bool(_INTEGRATED.search(name))


def cards_of(test: Test, backend: Backend) -> Cards:
    """Those that held the model: of `devices` where it names them, of all but the integrated one
    beside a card of its own, of one under split mode `none`."""
    row = test.row
    if backend == "cpu":
        return Cards(())
    names = list(test.gpus_of_log) if not row.gpu_info.strip() else _listed(row.gpu_info)
    if not names:
        return Cards(())
    numbers = [re.search(r"\d+$", each.strip()) for each in re.split("[/,]", row.devices)]
    asked = [int(number[0]) for number in numbers if number and len(number[0]) < 4]
    own = _of_one_backend(names, backend, _gpu_backends(row.backends))
    if own is None:
        return Cards((), "Which of the GPUs computed: the file names each once for each backend.")
    candidates = list(enumerate(own))
    if len(asked) == len(numbers):
        known = dict(candidates)
        if not all(index in known for index in asked):
            return Cards((), "Which GPU computed: the file names fewer than it numbers.")
        chosen = [(index, known[index]) for index in asked]
    else:
        chosen = _without_idle_ones(candidates)
    chosen = _of_split(chosen, row.settings)
    return Cards(tuple(_gpu(index, name) for index, name in chosen))


def _listed(gpu_info: str) -> list[str]:
    return [
        name.strip()
        for part in gpu_info.split(",")
        for name in _OLD_MARK.split(part)
        if name.strip()
    ]


def _gpu_backends(backends: str | None) -> list[str]:
    return [
        name.strip()
        for name in (backends or "").split(",")
        if name.strip() not in {"", "AMX", "BLAS", "CPU", "RPC"}
    ]


def _of_one_backend(names: list[str], backend: Backend, compiled: list[str]) -> list[str] | None:
    """A build with several backends lists a card once for each of them that knows it: `names`
    without the others' lines. None where they don't divide so."""
    vendor = _OF_A_BACKEND.get(backend)
    if vendor and any(vendor_of(name) == vendor for name in names):
        names = [name for name in names if vendor_of(name) == vendor]
    if len(compiled) < 2:
        return names
    known = [BY_REGISTRY.get(name, "cpu") for name in compiled]
    first = known.index(backend) if backend in known else 0
    cards: dict[str, list[str]] = {}
    for name in names:
        cards.setdefault(re.sub(r"\s*\(.*\)$", "", name), []).append(name)
    own = []
    for lines in cards.values():
        knows = [
            b for b in known if _OF_A_BACKEND.get(b, vendor_of(lines[0])) == vendor_of(lines[0])
        ]
        if len(lines) % max(1, len(knows)):
            return None
        each = len(lines) // max(1, len(knows))
        place = sum(b in knows for b in known[:first])
        own += lines[place * each : (place + 1) * each] if backend in knows else []
    return own


def _without_idle_ones(cards: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """A software rasterizer computes only where nothing else does; an integrated GPU only where
    there is no card."""
    real = [card for card in cards if not _SOFTWARE.search(card[1])] or cards[:1]
    return [card for card in real if not is_integrated(card[1])] or real[:1]


def _of_split(cards: list[tuple[int, str]], settings: dict[str, str]) -> list[tuple[int, str]]:
    if settings.get("split_mode") == "none" and len(cards) > 1:
        main = settings.get("main_gpu", "0")
        number = int(main) if main.isdecimal() else 0
        by_place = dict(enumerate(cards))
        return [by_place[number]] if number in by_place else cards[:1]
    shares = re.findall(r"\d+(?:\.\d+)?", settings.get("tensor_split", ""))
    if len(shares) >= len(cards) > 1 and any(float(share) for share in shares):
        return [card for card, share in zip(cards, shares, strict=False) if float(share)]
    return cards


def _gpu(index: int, name: str) -> Gpu:
    return Gpu(
        index=index,
        vendor=vendor_of(name),
        name=plain(name, 120),
        unified_memory=is_integrated(name),
    )


def vendor_of(name: str) -> str:
    return next((vendor for vendor, like in _VENDORS.items() if re.search(like, name)), "other")


def inventory_of(test: Test, cards: Cards) -> Inventory:
    row = test.row
    printed = {"cpu_info": row.cpu_info, "gpu_info": row.gpu_info, "backends": row.backends or ""}
    if test.gpus_of_log and not row.gpu_info.strip():
        printed["gpu_info"] = ", ".join(test.gpus_of_log)
    return Inventory(
        cpu=Cpu(model=plain(processor(row.cpu_info), 120) or UNKNOWN),
        memory=Memory(),
        os=OperatingSystem(name=UNKNOWN),
        gpus=list(cards.gpus),
        as_printed={key: plain(text, 300) for key, text in printed.items() if text.strip()},
    )
