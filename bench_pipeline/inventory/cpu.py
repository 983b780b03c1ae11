"""The CPU: model, cores, clock, the instruction sets that matter, whose guest it is."""

import platform
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from bench_pipeline.inventory.cgroup import allowed_cpus, cpu_list, cpu_quota
from bench_pipeline.inventory.sysfs import SYSTEM, read_number, read_text
from bench_pipeline.records.inventory import Cpu

_ENGINE_FLAGS = re.compile(
    r"ssse3|sse4_[12]|fma|f16c|bmi[12]|avx\w*|amx\w*"  # x86
    r"|fphp|asimd\w*|i8mm|bf16|sve\w*|sme(?!p)\w*"  # ARM; smep is x86's
    r"|lsx|lasx|vsx"  # LoongArch, POWER
)
"""Flags of /proc/cpuinfo for which an engine has code of its own; by family, so that a new
member (avx10, sme2) needs no change here."""

_APPLE_FEATURES = {
    "AdvSIMD": "asimd",
    "arm.FEAT_FP16": "asimdhp",
    "arm.FEAT_DotProd": "asimddp",
    "arm.FEAT_I8MM": "i8mm",
    "arm.FEAT_BF16": "bf16",
    "arm.FEAT_SME": "sme",
    "arm.FEAT_SME2": "sme2",
    "avx2_0": "avx2",
    "avx512f": "avx512f",
}
"""`sysctl hw.optional.*` to the name that Linux gives the same instructions."""

_ARM_CORES = {
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse-N1",
    ("0x41", "0xd40"): "Neoverse-V1",
    ("0x41", "0xd49"): "Neoverse-N2",
    ("0x41", "0xd4f"): "Neoverse-V2",
    ("0x41", "0xd84"): "Neoverse-V3",
    ("0x41", "0xd85"): "Cortex-X925",
    ("0x41", "0xd87"): "Cortex-A725",
    ("0xc0", "0xac3"): "Ampere-1",
    ("0xc0", "0xac4"): "Ampere-1a",
}
"""Maker and part of /proc/cpuinfo, as `lscpu` names them: machines with ACPI instead of a device
tree (DGX Spark, Grace, Graviton, Ampere) tell nothing else."""

_HOSTS = {"kvm": "KVM", "xen": "Xen", "hyperv": "Hyper-V"}
"""By the names of their paravirtual clocks, which a guest has even without DMI tables."""

_VIRTUAL_BOARDS = re.compile(
    r"QEMU|KVM|VMware|VirtualBox|Xen|Parallels|Apple Virtualization|Virtual Machine"
    r"|Amazon EC2 (?!.*metal)|Google Compute Engine|OpenStack",
    re.IGNORECASE,
)
"""Maker and product of boards that exist only as software."""


def read_cpu(root: Path = SYSTEM) -> Cpu:
    """This machine's CPU. ValueError or OSError where the system does not tell."""
    if platform.system() == "Linux":
        return linux_cpu(root)
    if platform.system() == "Darwin":
        return macos_cpu()
    import psutil  # only where nothing better tells

    return Cpu(
        model=platform.processor() or platform.machine(),
        architecture=platform.machine() or None,
        physical_cores=psutil.cpu_count(logical=False),
        logical_cores=psutil.cpu_count(),
    )


def engine_threads(cpu: Cpu) -> int:
    """How many threads the engine gets by default: usable cores less one, at least 1.

    The engine's threads spin while they wait for each other, so a thread that shares its
    core with the client and the telemetry holds up all the others: on two shared cores,
    two threads decode at a third of the speed of one. Nor may one be slower than the others:
    where cores are of two sorts it gets the fast ones, all of them, as the others have room for
    the client. A container's quota and affinity bound what is usable.
    """
    cores = cpu.physical_cores or cpu.logical_cores or 1
    usable = cores if cpu.usable_cores is None else max(1, min(cores, int(cpu.usable_cores)))
    fast = cpu.performance_cores
    if fast is not None and fast < usable:
        return fast
    return max(1, min(usable, fast or usable) - 1)


def linux_cpu(root: Path = SYSTEM) -> Cpu:
    """From /proc/cpuinfo and /sys/devices/system/cpu."""
    text = read_text(root / "proc/cpuinfo")
    if text is None:
        raise ValueError("/proc/cpuinfo cannot be read")
    processors = [_fields(block) for block in text.split("\n\n")]
    merged = {key: value for block in reversed(processors) for key, value in block.items()}
    flags = (merged.get("flags") or merged.get("Features") or "").split()
    shown = sum("processor" in block for block in processors)
    # lxcfs shows a container its share in /proc, and in /sys all that the machine has
    logical = max(shown, len(_topologies(root)))
    return Cpu(
        model=_model(merged, root) or _arm_cores(processors),
        architecture=platform.machine() or None,
        physical_cores=_physical_cores(root, processors),
        logical_cores=logical or None,
        performance_cores=_performance_cores(root),
        usable_cores=_usable_cores(root, logical, shown or logical),
        max_mhz=_max_mhz(root),
        flags=sorted(filter(_ENGINE_FLAGS.fullmatch, set(flags))),
        hypervisor=_hypervisor(root, flags),
    )


def _fields(block: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in block.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _model(fields: dict[str, str], root: Path) -> str | None:
    """ARM kernels print no model name: then the board's, where it has a device tree."""
    for key in ("model name", "cpu model", "cpu", "Model Name", "Model", "uarch"):
        if name := fields.get(key):
            return " ".join(name.split())
    if board := read_text(root / "proc/device-tree/model"):
        return board.rstrip("\0")
    return None


def _arm_cores(processors: list[dict[str, str]]) -> str:
    """Of each sort, the first one first; by numbers what has no name here."""
    numbers = [(p.get("CPU implementer"), p["CPU part"]) for p in processors if "CPU part" in p]
    names = [
        _ARM_CORES.get((maker or "", part), f"ARM CPU, implementer {maker}, part {part}")
        for maker, part in dict.fromkeys(numbers)
    ]
    return " + ".join(names) or f"unnamed {platform.machine()} CPU"


def _physical_cores(root: Path, processors: list[dict[str, str]]) -> int | None:
    """Threads of one core name the same siblings, on every architecture."""
    topologies = _topologies(root)
    for name in ("core_cpus_list", "thread_siblings_list"):  # the second before Linux 5.3
        siblings = {read_text(topology / name) for topology in topologies} - {None}
        if siblings:
            return len(siblings)
    cores = {(p.get("physical id"), p["core id"]) for p in processors if "core id" in p}
    return len(cores) or None


def _topologies(root: Path) -> list[Path]:
    """One for each hardware thread that is online."""
    return list(root.glob("sys/devices/system/cpu/cpu[0-9]*/topology"))


def _cores_of(root: Path, numbers: Iterable[int]) -> int:
    """How many cores these hardware threads are on."""
    siblings = set()
    for number in numbers:
        topology = root / f"sys/devices/system/cpu/cpu{number}/topology"
        listed = read_text(topology / "core_cpus_list") or read_text(
            topology / "thread_siblings_list"
        )
        siblings.add(listed or str(number))
    return len(siblings)


def _performance_cores(root: Path) -> int | None:
    """The fast ones, where the kernel tells two sorts apart: Intel's by two PMUs, ARM's by their
    capacity."""
    fast = cpu_list(read_text(root / "sys/devices/cpu_core/cpus") or "")
    if fast and read_text(root / "sys/devices/cpu_atom/cpus"):
        return _cores_of(root, fast)
    capacities: dict[int, float] = {}
    for file in root.glob("sys/devices/system/cpu/cpu[0-9]*/cpu_capacity"):
        if (capacity := read_number(file)) is not None:
            capacities[int(file.parent.name.removeprefix("cpu"))] = capacity
    # boost bins of one sort differ by a few percent
    most = max(capacities.values(), default=0)
    fast = frozenset(n for n, capacity in capacities.items() if capacity >= 0.8 * most)
    return _cores_of(root, fast) if 0 < len(fast) < len(capacities) else None


def _usable_cores(root: Path, logical: int, shown: int) -> float | None:
    """Cores' worth that quota, affinity and a container's own view of them (`shown`, of all
    `logical` ones) leave; None where they leave all."""
    allowed, quota = allowed_cpus(root), cpu_quota(root)
    everything = _cores_of(root, range(logical))
    found = []
    if allowed is not None and len(allowed) < logical:
        found.append(float(_cores_of(root, allowed)))
    if quota is not None:
        found.append(quota)
    if shown < logical:
        found.append(float(shown))
    least = min(found, default=everything)
    return least if 0 < least < everything else None


def _max_mhz(root: Path) -> float | None:
    """The fastest core's limit; guests have no cpufreq and get None."""
    files = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/cpuinfo_max_freq")
    limits_khz = [khz for file in files if (khz := read_number(file))]
    return max(limits_khz) / 1000 if limits_khz else None


def _hypervisor(root: Path, flags: list[str]) -> str | None:
    """`KVM`, `Xen (Xen HVM domU)`, `unknown`; None on real hardware.

    Of the DMI tables only maker and product are read: the rest holds serial numbers.
    """
    dmi = root / "sys/class/dmi/id"
    words = [read_text(dmi / "sys_vendor"), read_text(dmi / "product_name")]
    board = " ".join(word for word in words if word)
    firmware = read_text(root / "proc/device-tree/hypervisor/compatible")  # `linux,kvm`
    x86 = "sse2" in flags  # there a flag tells; elsewhere only board and firmware do
    if x86 and "hypervisor" not in flags:
        return None
    if not x86 and firmware is None and not _VIRTUAL_BOARDS.search(board):
        return None
    offered = read_text(root / "sys/devices/system/clocksource/clocksource0/available_clocksource")
    signs = " ".join(
        sign for sign in (firmware, offered, read_text(root / "sys/hypervisor/type")) if sign
    )
    kind = next((host for name, host in _HOSTS.items() if name in signs), None)
    if kind and board:
        return f"{kind} ({board})"
    return kind or board or "unknown"


def sysctl(name: str) -> str | None:
    answer = subprocess.run(
        ["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, timeout=10
    )
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def macos_cpu(ask: Callable[[str], str | None] = sysctl) -> Cpu:
    """From sysctl, which answers None for a name that this Mac does not have."""

    def whole(name: str) -> int | None:
        answer = ask(name)
        return int(answer) if answer and answer.isdecimal() else None

    model = ask("machdep.cpu.brand_string")
    if model is None:
        raise ValueError("sysctl machdep.cpu.brand_string gave no answer")
    hz = whole("hw.cpufrequency_max")  # Intel Macs only
    return Cpu(
        model=model,
        architecture=platform.machine() or None,
        physical_cores=whole("hw.physicalcpu"),
        logical_cores=whole("hw.logicalcpu"),
        performance_cores=(
            whole("hw.perflevel0.physicalcpu") if whole("hw.perflevel1.physicalcpu") else None
        ),
        max_mhz=hz / 1e6 if hz else None,
        flags=sorted(
            flag for name, flag in _APPLE_FEATURES.items() if whole(f"hw.optional.{name}")
        ),
        hypervisor="unknown" if whole("kern.hv_vmm_present") else None,
    )
