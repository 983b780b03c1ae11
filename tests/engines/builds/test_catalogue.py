"""Which build is chosen, from the catalogue that the repository ships."""

import dataclasses

import pytest

from bench_pipeline.engines.builds.assets import Archive
from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import Host
from bench_pipeline.engines.builds.releases import NoAnswer
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
    """A choice for backend cpu; upstream's newest build is `upstreams`."""

    def choosing(host, asked=None, catalogue=catalogue, upstreams="b10300", **setup):
        return choose(catalogue, rig(**setup), "cpu", asked, host, latest=lambda _: upstreams)

    return choosing


def test_the_newest_build_that_the_cpu_can_run_is_the_default(choose_cpu):
    assert choose_cpu(SERVER_CPU).build == NEWEST
    assert choose_cpu(DESKTOP_CPU, channel="wheel").build == "b10068"


def test_newest_is_by_build_whichever_channel_has_it(choose_cpu):
    """Not the wheel that a CPU without AMX falls back to, though wheels ask nobody."""
    assert (choose_cpu(DESKTOP_CPU).channel, choose_cpu(DESKTOP_CPU).build) == (
        "github-release",
        "b10300",
    )
    assert choose_cpu(SERVER_CPU, upstreams="b10435").channel == "github-release"
    assert choose_cpu(SERVER_CPU, upstreams=NEWEST).channel == "wheel"


def test_without_an_answer_of_upstreams_what_is_there_is_taken_and_that_is_said(catalogue):
    said = []

    def silent(_):
        raise NoAnswer("no route to host", mend="wait", where="upstream")

    choice = choose(catalogue, rig(), "cpu", None, DESKTOP_CPU, latest=silent, say=said.append)
    assert choice.build == "b10068"
    assert said == ["Upstream gives no answer, so b10068 is the newest: no route to host"]
    with pytest.raises(NoAnswer):
        choose(catalogue, rig(), "cpu", None, ANCIENT_CPU, latest=silent)


def test_a_named_build_wins_over_the_rig_file_and_that_over_the_newest(choose_cpu):
    assert choose_cpu(SERVER_CPU, build="b10092", channel="wheel").build == "b10092"
    assert choose_cpu(SERVER_CPU, "b10068", build="b10092").build == "b10068"


def test_a_cpu_that_no_wheel_fits_takes_upstreams_newest_release(choose_cpu):
    choice = choose_cpu(ANCIENT_CPU)
    assert (choice.channel, choice.build) == ("github-release", "b10300")
    assert choice.archives == (Archive("llama-b10300-bin-ubuntu-x64.tar.gz"),)


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


def chosen(catalogue, backend, host, build="b11500", **setup):
    some_rig = Rig(slug="a-rig", title="A rig", backends={backend: BackendSetup(**setup)})
    return choose(catalogue, some_rig, backend, build, host)


@pytest.mark.parametrize(
    ("backend", "host", "names"),
    [
        ("cpu", ("Linux", "aarch64"), ["ubuntu-arm64.tar.gz"]),
        ("cpu", ("Linux", "arm64"), ["ubuntu-arm64.tar.gz"]),
        ("cpu", ("Darwin", "x86_64"), ["macos-x64.tar.gz"]),
        ("cpu", ("Darwin", "arm64"), ["macos-arm64.tar.gz"]),
        ("cpu", ("Windows", "AMD64"), ["win-cpu-x64.zip"]),
        ("metal", ("Darwin", "arm64"), ["macos-arm64.tar.gz"]),
        ("vulkan", ("Linux", "aarch64"), ["ubuntu-vulkan-arm64.tar.gz"]),
        ("vulkan", ("Windows", "x86_64"), ["win-vulkan-x64.zip"]),
        ("cuda", ("Linux", "aarch64"), ["ubuntu-cuda-{version}-arm64.tar.gz"]),
        ("rocm", ("Linux", "x86_64"), ["ubuntu-rocm-{version}-x64.tar.gz"]),
        ("rocm", ("Windows", "x86_64"), ["win-rocm-{version}-x64.zip", "win-hip-radeon-x64.zip"]),
        (
            "sycl",
            ("Linux", "x86_64"),
            ["ubuntu-sycl-fp32-x64.tar.gz", "ubuntu-sycl-fp16-x64.tar.gz"],
        ),
        ("openvino", ("Linux", "x86_64"), ["ubuntu-openvino-{version}-x64.tar.gz"]),
    ],
)
def test_upstreams_archives_of_every_system_are_catalogued(catalogue, backend, host, names):
    choice = chosen(catalogue, backend, Host(*host))
    assert [archive.name for archive in choice.archives] == [
        f"llama-b11500-bin-{name}" for name in names
    ]


@pytest.mark.parametrize(
    ("backend", "host"),
    [
        ("metal", SERVER_CPU),
        ("metal", Host("Darwin", "x86_64")),
        ("rocm", Host("Linux", "aarch64", glibc="2.39")),
        ("cuda", Host("Darwin", "arm64")),
        ("sycl", Host("Linux", "riscv64")),
    ],
)
def test_where_nobody_offers_a_binary_the_recipe_is_named(catalogue, backend, host):
    with pytest.raises(EngineError, match=f"no engine for backend `{backend}` on") as caught:
        chosen(catalogue, backend, host)
    assert "docs/engines.md" in caught.value.mend and "`path`" in caught.value.mend
    assert "github-release" not in caught.value.mend, "upstream has none either"


def test_the_driver_decides_which_cuda_is_fit(catalogue):
    host = dataclasses.replace(SERVER_CPU, cuda=12)
    (archive,) = chosen(catalogue, "cuda", host).archives
    assert archive.newest == 12
    (archive,) = chosen(catalogue, "rocm", host).archives
    assert archive.newest is None


def test_a_backend_that_the_rig_does_not_declare_is_refused(catalogue):
    with pytest.raises(EngineError, match="declares no backend `cuda`, only cpu"):
        choose(catalogue, rig(), "cuda", None, SERVER_CPU)
