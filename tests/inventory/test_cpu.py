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
        ({}, "ARM CPU, implementer 0x41, part 0xd0c"),
        (
            {"proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"},
            "Raspberry Pi 5 Model B Rev 1.0",
        ),
    ],
)
def test_an_arm_cpu_without_a_name_is_called_by_its_board_or_numbers(tree, files, model):
    text = (
        "processor\t: 0\nFeatures\t: fp asimd asimddp sve i8mm\n"
        "CPU implementer\t: 0x41\nCPU part\t: 0xd0c"
    )
    cpu = linux_cpu(tree({"proc/cpuinfo": text, **files}))
    assert cpu.model == model
    assert cpu.flags == ["asimd", "asimddp", "i8mm", "sve"]


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
