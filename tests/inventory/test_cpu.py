"""The CPU, from /proc/cpuinfo and /sys as kernels write them. The Mac's answers stand here as
Apple documents sysctl: they are not proven on a Mac."""

import platform

import pytest

from bench_pipeline.inventory.cpu import engine_threads, linux_cpu, macos_cpu, read_cpu
from bench_pipeline.paths import checkout
from bench_pipeline.records.inventory import Cpu
from bench_pipeline.records.yaml.files import read_engines

CLOCKSOURCES = "sys/devices/system/clocksource/clocksource0/available_clocksource"


def x86(flags: str, threads: int = 2) -> str:
    block = "processor\t: {}\nmodel name\t: Intel(R) Xeon(R)  Processor\nflags\t\t: {}"
    return "\n\n".join(block.format(number, flags) for number in range(threads))


def topology(*siblings: str) -> dict[str, str]:
    folder = "sys/devices/system/cpu/cpu{}/topology/core_cpus_list"
    return {folder.format(number): cores for number, cores in enumerate(siblings)}


def test_this_machine_has_a_cpu():
    cpu = read_cpu()
    assert cpu.model and cpu.logical_cores >= cpu.physical_cores >= 1
    assert cpu.architecture == platform.machine()


def test_threads_that_share_a_core_count_once(tree):
    root = tree({"proc/cpuinfo": x86("sse2", 4), **topology("0,2", "1,3", "0,2", "1,3")})
    cpu = linux_cpu(root)
    assert (cpu.physical_cores, cpu.logical_cores) == (2, 4)


def test_without_a_topology_the_core_ids_are_counted(tree):
    blocks = [f"processor : {n}\nphysical id : 0\ncore id : {n // 2}" for n in range(4)]
    assert linux_cpu(tree({"proc/cpuinfo": "\n\n".join(blocks)})).physical_cores == 2


def test_the_fastest_core_gives_the_clock(tree):
    frequency = "sys/devices/system/cpu/cpu{}/cpufreq/cpuinfo_max_freq"
    root = tree(
        {
            "proc/cpuinfo": x86("sse2"),
            frequency.format(0): "3800000",
            frequency.format(1): "5100000",
        }
    )
    assert linux_cpu(root).max_mhz == 5100


def test_only_flags_that_matter_to_an_engine_are_kept(tree):
    root = tree({"proc/cpuinfo": x86("fpu sse2 smep vmx avx2 fma amx_int8 avx512_bf16 avx10_1")})
    assert linux_cpu(root).flags == ["amx_int8", "avx10_1", "avx2", "avx512_bf16", "fma"]


def test_every_flag_that_the_engine_catalogue_asks_for_is_kept(tree):
    wheels = read_engines(checkout().engines).wheels
    wanted = {flag for wheel in wheels for flag in wheel.platform.cpu_flags}
    assert wanted
    assert wanted <= set(linux_cpu(tree({"proc/cpuinfo": x86(" ".join(wanted))})).flags)


@pytest.mark.parametrize(
    ("flags", "files", "hypervisor"),
    [
        ("sse2", {"sys/class/dmi/id/sys_vendor": "ASUS"}, None),
        ("sse2 hypervisor", {}, "unknown"),
        ("sse2 hypervisor", {CLOCKSOURCES: "tsc kvm-clock"}, "KVM"),
        (
            "sse2 hypervisor",
            {
                CLOCKSOURCES: "tsc kvm-clock acpi_pm",
                "sys/class/dmi/id/sys_vendor": "Amazon EC2",
                "sys/class/dmi/id/product_name": "m7i.large",
            },
            "KVM (Amazon EC2 m7i.large)",
        ),
        ("sse2 hypervisor", {"sys/hypervisor/type": "xen"}, "Xen"),
        # ARM has no flag for it
        ("", {"sys/class/dmi/id/sys_vendor": "QEMU"}, "QEMU"),
        ("", {"proc/device-tree/hypervisor/compatible": "linux,kvm\0"}, "KVM"),
        ("", {"sys/class/dmi/id/sys_vendor": "Ampere"}, None),
    ],
)
def test_a_guest_says_whose_it_is(tree, flags, files, hypervisor):
    assert linux_cpu(tree({"proc/cpuinfo": x86(flags), **files})).hypervisor == hypervisor


@pytest.mark.parametrize(
    ("files", "model"),
    [
        ({}, "Neoverse-N1"),
        (
            {"proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"},
            "Raspberry Pi 5 Model B Rev 1.0",
        ),
    ],
)
def test_an_arm_cpu_without_a_name_is_called_by_its_board_or_cores(tree, files, model):
    text = (
        "processor\t: 0\nFeatures\t: fp asimd asimddp sve i8mm\n"
        "CPU implementer\t: 0x41\nCPU part\t: 0xd0c"
    )
    cpu = linux_cpu(tree({"proc/cpuinfo": text, **files}))
    assert cpu.model == model
    assert cpu.flags == ["asimd", "asimddp", "i8mm", "sve"]


@pytest.mark.parametrize(
    ("parts", "model"),
    [
        (["0xd87", "0xd87", "0xd85", "0xd85"], "Cortex-A725 + Cortex-X925"),
        (["0xfff", "0xfff"], "ARM CPU, implementer 0x41, part 0xfff"),
    ],
    ids=["two sorts", "unknown"],
)
def test_every_sort_of_an_arm_cpu_s_cores_is_named(tree, parts, model):
    blocks = [
        f"processor\t: {n}\nCPU implementer\t: 0x41\nCPU part\t: {part}"
        for n, part in enumerate(parts)
    ]
    assert linux_cpu(tree({"proc/cpuinfo": "\n\n".join(blocks)})).model == model


def test_a_mac_answers_through_sysctl():
    answers = {
        "machdep.cpu.brand_string": "Apple M4 Max",
        "hw.physicalcpu": "16",
        "hw.logicalcpu": "16",
        "hw.optional.AdvSIMD": "1",
        "hw.optional.arm.FEAT_I8MM": "1",
        "hw.optional.arm.FEAT_SME": "0",
        "kern.hv_vmm_present": "0",
    }
    cpu = macos_cpu(answers.get)
    assert (cpu.model, cpu.physical_cores, cpu.max_mhz) == ("Apple M4 Max", 16, None)
    assert cpu.flags == ["asimd", "i8mm"]
    assert cpu.hypervisor is None


@pytest.mark.parametrize(
    ("physical", "logical", "threads"), [(8, 16, 7), (2, 2, 1), (1, 2, 1), (None, 4, 3)]
)
def test_the_engine_leaves_a_core_to_client_and_telemetry(physical, logical, threads):
    cpu = Cpu(model="any", physical_cores=physical, logical_cores=logical)
    assert engine_threads(cpu) == threads


def test_the_engine_gets_a_thread_even_where_no_core_was_counted():
    assert engine_threads(Cpu(model="any")) == 1


def cores(number, threads_each=2):
    """/proc and /sys of so many cores, threads numbered side by side."""
    files = {
        "proc/cpuinfo": "\n\n".join(
            f"processor\t: {n}\nmodel name\t: any\nflags\t\t: sse2"
            for n in range(number * threads_each)
        )
    }
    for n in range(number * threads_each):
        first = n // threads_each * threads_each
        siblings = str(first) if threads_each == 1 else f"{first}-{first + threads_each - 1}"
        files[f"sys/devices/system/cpu/cpu{n}/topology/core_cpus_list"] = siblings
    return files


def test_of_two_sorts_of_cores_the_engine_gets_all_of_the_fast_ones(tree):
    two_sorts = {"sys/devices/cpu_core/cpus": "0-11", "sys/devices/cpu_atom/cpus": "12-23"}
    cpu = linux_cpu(tree({**cores(12), **two_sorts}))
    assert (cpu.physical_cores, cpu.performance_cores, engine_threads(cpu)) == (12, 6, 6)


def test_an_arm_cpu_s_fast_cores_are_those_of_the_highest_capacity(tree):
    capacities = {0: 400, 1: 400, 2: 760, 3: 760, 4: 1024, 5: 980}
    files = {f"sys/devices/system/cpu/cpu{n}/cpu_capacity": str(c) for n, c in capacities.items()}
    cpu = linux_cpu(tree({**cores(6, threads_each=1), **files}))
    assert (cpu.performance_cores, engine_threads(cpu)) == (2, 2)


def test_cores_of_one_sort_have_no_fast_ones(tree):
    files = {f"sys/devices/system/cpu/cpu{n}/cpu_capacity": "1024" for n in range(4)}
    assert linux_cpu(tree({**cores(4, 1), **files})).performance_cores is None
    assert linux_cpu(tree(cores(4, 1))).performance_cores is None


@pytest.mark.parametrize(
    ("files", "usable", "threads"),
    [
        ({"sys/fs/cgroup/cpu.max": "250000 100000"}, 2.5, 1),
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, None, 15),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "600000"}, None, 15),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "600000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            6.0,
            5,
        ),
        ({"proc/self/status": "Name:\tx\nCpus_allowed_list:\t0-3,8-9"}, 3.0, 2),
        ({"proc/self/status": "Cpus_allowed_list:\t0-127"}, None, 15),
        ({"sys/fs/cgroup/cpuset.cpus.effective": "0-15"}, 8.0, 7),
        (
            {
                "proc/self/cgroup": "0::/machine/box",
                "sys/fs/cgroup/machine/box/cpu.max": "max 100000",
                "sys/fs/cgroup/machine/cpu.max": "1200000 100000",
            },
            12.0,
            11,
        ),
    ],
    ids=["quota", "none", "half told", "version 1", "affinity", "all", "cpuset", "from above"],
)
def test_quota_and_affinity_bound_the_threads(tree, files, usable, threads):
    cpu = linux_cpu(tree({**cores(16), **files}))
    assert (cpu.physical_cores, cpu.usable_cores) == (16, usable)
    assert engine_threads(cpu) == threads


@pytest.mark.parametrize(
    ("allowed", "usable", "threads"),
    [("3,7,12,15", 4.0, 3), ("4-7", 2.0, 1), ("0-31", 4.0, 3)],
    ids=["a thread each of four cores", "two whole cores", "by quota"],
)
def test_what_lxcfs_shows_a_container_bounds_the_threads(tree, allowed, usable, threads):
    four = {"proc/cpuinfo": cores(2)["proc/cpuinfo"]}
    status = {"proc/self/status": f"Cpus_allowed_list:\t{allowed}"}
    cpu = linux_cpu(tree({**cores(16), **four, **status}))
    assert (cpu.physical_cores, cpu.logical_cores, cpu.usable_cores) == (16, 32, usable)
    assert engine_threads(cpu) == threads
