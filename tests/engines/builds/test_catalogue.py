"""Which build is chosen, from the catalogue that the repository ships."""

import dataclasses

import pytest

from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import Host
from bench_pipeline.errors import EngineError
from bench_pipeline.records.engines import PathBuild
from bench_pipeline.records.rig import BackendSetup, Rig

NEWEST = "b10434"
AVX2 = frozenset({"avx2", "fma", "f16c", "bmi2"})
AMX = AVX2 | {
    *("avx512f", "avx512bw", "avx512vl", "avx512vbmi", "avx512_vnni", "avx512_bf16"),
    *("amx_tile", "amx_int8"),
}
SERVER_CPU = Host("Linux", "x86_64", AMX, glibc="2.36")
DESKTOP_CPU = dataclasses.replace(SERVER_CPU, cpu_flags=AVX2)
ANCIENT_CPU = dataclasses.replace(SERVER_CPU, cpu_flags=frozenset())


def rig(**setup) -> Rig:
    return Rig(slug="a-rig", title="A rig", backends={"cpu": BackendSetup(**setup)})


@pytest.fixture
def choose_cpu(catalogue):
    """A choice for backend cpu that asks upstream nothing."""

    def choosing(host, asked=None, catalogue=catalogue, **setup):
        return choose(catalogue, rig(**setup), "cpu", asked, host, latest=lambda _: "b99999")

    return choosing


def test_the_newest_build_that_the_cpu_can_run_is_the_default(choose_cpu):
    assert choose_cpu(SERVER_CPU).build == NEWEST
    assert choose_cpu(DESKTOP_CPU).build == "b10068"


def test_a_named_build_wins_over_the_rig_file_and_that_over_the_newest(choose_cpu):
    assert choose_cpu(SERVER_CPU, build="b10092", channel="wheel").build == "b10092"
    assert choose_cpu(SERVER_CPU, "b10068", build="b10092").build == "b10068"


def test_a_cpu_that_no_wheel_fits_takes_upstreams_newest_release(choose_cpu):
    choice = choose_cpu(ANCIENT_CPU)
    assert (choice.channel, choice.build) == ("github-release", "b99999")
    assert choice.asset == "llama-b99999-bin-ubuntu-x64.tar.gz"


def test_any_build_number_can_come_from_upstreams_releases(choose_cpu):
    assert choose_cpu(SERVER_CPU, "b12345").channel == "github-release"


def test_a_binary_on_the_rig_goes_before_wheels_and_only_on_its_rig(choose_cpu, catalogue):
    own = PathBuild(channel="path", build="mine", binary="/opt/s", backends=["cpu"], rigs=["a-rig"])
    elsewhere = own.model_copy(update={"build": "theirs", "rigs": ["another-rig"]})
    both = catalogue.model_copy(update={"paths": [elsewhere, own]})
    assert choose_cpu(SERVER_CPU, catalogue=both).build == "mine"
    assert choose_cpu(SERVER_CPU, catalogue=both, channel="wheel").build == NEWEST


def test_the_rig_files_channel_is_the_only_one_looked_at(choose_cpu):
    assert choose_cpu(SERVER_CPU, channel="github-release").channel == "github-release"


def test_a_cpu_that_can_run_none_is_told_what_is_missing_and_the_other_channels(choose_cpu):
    with pytest.raises(EngineError) as caught:
        choose_cpu(ANCIENT_CPU, channel="wheel")
    assert "b10068 needs avx2, fma, f16c, bmi2" in caught.value.problem
    assert "github-release" in caught.value.mend and "path" in caught.value.mend


def test_a_named_build_that_does_not_run_here_is_answered_with_those_that_do(choose_cpu):
    with pytest.raises(EngineError, match="b10434 needs avx512f") as caught:
        choose_cpu(DESKTOP_CPU, NEWEST, channel="wheel")
    assert caught.value.mend == "choose one that does: b10068"


@pytest.mark.parametrize("build", ["b1", "nightly"])
def test_an_unknown_build_is_answered_with_the_known_ones(choose_cpu, build):
    with pytest.raises(EngineError, match=f"unknown build `{build}`") as caught:
        choose_cpu(SERVER_CPU, build, channel="wheel")
    assert "b10434, b10092, b10068" in caught.value.mend


def test_a_platform_that_no_channel_serves_is_told_so(catalogue):
    some_rig = Rig(slug="a-rig", title="A rig", backends={"sycl": BackendSetup()})
    with pytest.raises(EngineError, match="no engine for backend `sycl` on Linux, x86_64"):
        choose(catalogue, some_rig, "sycl", None, SERVER_CPU)


def test_a_backend_that_the_rig_does_not_declare_is_refused(catalogue):
    with pytest.raises(EngineError, match="declares no backend `cuda`, only cpu"):
        choose(catalogue, rig(), "cuda", None, SERVER_CPU)
