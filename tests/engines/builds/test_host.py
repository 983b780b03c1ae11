import pytest

from bench_pipeline.engines.builds.host import Host, _cuda, this_host
from bench_pipeline.records.engines import Platform

LINUX = Host("Linux", "x86_64", frozenset({"avx2", "fma"}), glibc="2.36")


def needs(**different) -> Platform:
    return Platform(**({"system": "Linux", "machine": "x86_64"} | different))


def test_this_machine_lacks_nothing_that_it_says_it_has():
    here = this_host()
    own = needs(system=here.system, machine=here.machine, cpu_flags=sorted(here.cpu_flags))
    assert here.lacks(own) == []


def test_missing_cpu_flags_are_named_in_the_order_of_the_catalogue():
    assert LINUX.lacks(needs(cpu_flags=["avx2", "avx512f", "amx_int8"])) == ["avx512f", "amx_int8"]


def test_another_system_or_instruction_set_is_all_that_is_named():
    assert LINUX.lacks(needs(system="Darwin", cpu_flags=["sse9"])) == ["Darwin on x86_64"]
    assert LINUX.lacks(needs(machine="arm64")) == ["Linux on arm64"]


def test_arm_is_one_instruction_set_by_two_names():
    assert Host("Darwin", "arm64").lacks(needs(system="Darwin", machine="aarch64")) == []


def test_an_older_or_absent_glibc_is_named_with_what_is_here():
    assert LINUX.lacks(needs(min_glibc="2.35")) == []
    assert LINUX.lacks(needs(min_glibc="2.100")) == ["glibc 2.100 (here 2.36)"]
    assert Host("Linux", "x86_64").lacks(needs(min_glibc="2.35")) == ["glibc 2.35 (here none)"]


class Driver:
    """NVML with one driver and some cards, given by their compute capabilities."""

    class NVMLError(Exception):
        pass

    def __init__(self, version: int, *cards: tuple[int, int]) -> None:
        self.version, self.cards = version, cards

    def nvmlInit(self) -> None:
        if not self.version:
            raise self.NVMLError("no driver")

    def nvmlShutdown(self) -> None:
        pass

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:
        return self.version

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetCudaComputeCapability(self, index: int) -> tuple[int, int]:
        return self.cards[index]


@pytest.mark.parametrize(
    ("driver", "newest"),
    [
        (Driver(0), None),
        (Driver(13000), None),
        (Driver(13010, (12, 0)), 13),
        (Driver(12080, (8, 9), (12, 0)), 12),
        (Driver(13010, (12, 0), (6, 1)), 12),  # a GTX 1080 beside a newer card
    ],
)
def test_driver_and_oldest_card_say_which_cuda_is_fit(driver, newest):
    assert _cuda(driver) == newest
