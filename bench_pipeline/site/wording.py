"""How values are written on every page: one rounding, one spelling of each name.

Rates are tokens per second and times milliseconds, both to one decimal; sizes in GiB.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from bench_pipeline.records.run import LLAMA_CPP

BACKEND_NAMES = {
    "cuda": "CUDA",
    "vulkan": "Vulkan",
    "rocm": "ROCm",
    "metal": "Metal",
    "cpu": "CPU",
    "sycl": "SYCL",
    "openvino": "OpenVINO",
}

FAILURES = {
    "oom": "does not fit in memory",
    "load": "did not load",
    "hang": "stopped answering",
    "crash": "crashed",
    "timeout": "ran out of time",
    "contaminated": "contaminated, discarded",
    "spilled": "does not fit: spilled to system memory",
    "miscounted": "miscounted, discarded",
    "unclocked": "read too late, discarded",
    "refused": "refused: not measurable as asked",
}

STRANGER = "sent by somebody unknown here"
ONE_CLOCK = "one clock"

FLAGS = {
    "busy-host": "host not quiet",
    "others-cpu": "other programs computed",
    "throttled": "throttled",
    "drifted": "machine drifted",
    "drifted-within": "drifted while measured",
    "implausible": "contradicts itself or physics",
    "disputed": "contradicts other runs",
    "stranger": STRANGER,
    "one-clock": ONE_CLOCK,
    "own-length": "replies of their own length",
    "unverified": "memory not verified",
    "queued": "fits a queue, not streams at once",
}
"""What a figure's row says of `warehouse.flags`, in this order."""

UNTOLD = {
    "cached_tokens": "cached tokens",
    "fixed_length": "a fixed length",
    "gaps": "when each token came",
    "own_clock": "times of each request",
}
"""What a family of engines cannot tell or be told, by `records.run.Untold`."""

STOPS = {
    "converged": "until it converged",
    "repetitions": "all repetitions made",
    "budget": "its time was used up",
}

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

DASH = "–"
MISSING = "—"


def decimal(value: float | None, places: int = 1) -> str:
    """`861.4`; a dash for None."""
    return MISSING if value is None else f"{value:.{places}f}"


def deviation(value: float) -> str:
    """`12.8`, `0.3`, and `0.04` where one decimal would say that there was none."""
    return next(
        (decimal(value, places) for places in (1, 2, 3) if round(value, places)), decimal(value)
    )


def rate(tok_s: float | None) -> str:
    return decimal(tok_s, rate_places(tok_s))


def rate_places(tok_s: float | None) -> int:
    """Decimals of a speed: two below 1 tok/s, of a model that outgrew its machine."""
    return 2 if tok_s is not None and tok_s < 1 else 1


def span(low: float | None, high: float | None, places: int = 1) -> str:
    """`206.5 – 216.7`; one number where both read the same; empty if either is unknown."""
    if low is None or high is None:
        return ""
    ends = decimal(low, places), decimal(high, places)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} {DASH} {ends[1]}"


def percent(share: float | None, places: int = 0) -> str:
    """`93 %` for 0.93; a dash for None."""
    return MISSING if share is None else f"{share * 100:.{places}f} %"


def percent_span(low: float | None, high: float | None, places: int = 0) -> str:
    """`90 – 95 %`; empty if either is unknown."""
    if low is None or high is None:
        return ""
    return f"{span(low * 100, high * 100, places)} %"


def build(engine: str, build: str) -> str:
    """`b10434`, and `dasllama 0.6.6` of another family than most are of."""
    return build if engine == LLAMA_CPP else f"{engine} {build}"


def untold(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(UNTOLD.get(name, name) for name in names)


def flags(codes: Iterable[str]) -> tuple[str, ...]:
    """In words; one that nobody has worded yet as it is."""
    order = list(FLAGS)
    known = sorted(codes, key=lambda c: (order.index(c) if c in FLAGS else len(order), c))
    return tuple(FLAGS.get(code, code) for code in known)


def source(provenance: str, provisional: bool, flags: Collection[str]) -> str:
    """What a figure is to be taken for: `measured`, or why not quite as that."""
    if provenance != "measured":
        return provenance
    if provisional:
        return "provisional"
    return "flagged" if flags else "measured"


def trimmed(value: float) -> str:
    """At most one decimal, without a trailing zero: `250`, `11.9`."""
    return f"{value:.1f}".removesuffix(".0")


def gib(mib: float) -> str:
    return f"{trimmed(mib / 1024)} GiB"


def gib_span(low_mib: float | None, high_mib: float | None) -> str:
    """`0.21 – 0.35 GiB`; empty if either is unknown."""
    if low_mib is None or high_mib is None:
        return ""
    return f"{span(low_mib / 1024, high_mib / 1024, 2)} GiB"


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"


def size(size_bytes: int) -> str:
    """`812 bytes`, `34.9 kB`, `1.2 MB`: of a file to download."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    if size_bytes < 999_950:
        return f"{size_bytes / 1e3:.1f} kB"
    return megabytes(size_bytes)


def backend_name(backend: str) -> str:
    """`CUDA`; of one of several setups of it `CUDA 2x`."""
    plain, *suffix = backend.split("-")
    return " ".join([BACKEND_NAMES.get(plain, plain), *suffix])


def failure(kind: str | None) -> str:
    return FAILURES.get(kind or "", "failed")


def month(released: str | None) -> str:
    """`2026-04` → `April 2026`; anything else as it is."""
    year, _, number = (released or "").partition("-")
    if number.isdigit() and 1 <= int(number) <= 12:
        return f"{MONTHS[int(number) - 1]} {year}"
    return released or "date unknown"


def moment(when: datetime) -> str:
    """A UTC time as `2026-11-22 15:45 UTC`."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 row`, `12 rows`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def driver(version: str) -> str:
    """`driver 580.95.05`, or the words as they are where they already say so."""
    return version if version.startswith(("driver", "drv")) else f"driver {version}"
