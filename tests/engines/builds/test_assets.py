"""Names of archives with a version in them, by names of real releases."""

import pytest

from bench_pipeline.engines.builds.assets import Archive, archive
from bench_pipeline.records.engines import Platform, ReleaseAsset

ROCM = Archive("llama-b1-bin-ubuntu-rocm-{version}-x64.tar.gz")
CUDA = "llama-b1-bin-ubuntu-cuda-{version}-x64.tar.gz"
CUDART = "cudart-llama-b1-bin-ubuntu-cuda-{version}-x64.tar.gz"
NAMES = [
    "cudart-llama-b1-bin-ubuntu-cuda-12.8-x64.tar.gz",
    "cudart-llama-b1-bin-ubuntu-cuda-13.4-x64.tar.gz",
    "llama-b1-bin-ubuntu-cuda-12.8-x64.tar.gz",
    "llama-b1-bin-ubuntu-cuda-13.4-arm64.tar.gz",
    "llama-b1-bin-ubuntu-cuda-13.4-x64.tar.gz",
    "llama-b1-bin-ubuntu-rocm-9.1-x64.tar.gz",
    "llama-b1-bin-ubuntu-rocm-10.0-x64.tar.gz",
    "llama-b1-bin-ubuntu-rocm-next-x64.tar.gz",
    "llama-b2-bin-ubuntu-rocm-11.0-x64.tar.gz",
    "llama-b1-bin-ubuntu-x64.tar.gz",
]


def names(found: list[Archive]) -> list[str]:
    return [each.name for each in found]


def test_of_several_versions_the_newest_by_number_comes_first() -> None:
    assert names(ROCM.versions_in(NAMES)) == [NAMES[6], NAMES[5]]


def test_a_name_without_a_version_is_that_name_or_none() -> None:
    assert names(Archive("llama-b1-bin-ubuntu-x64.tar.gz").versions_in(NAMES)) == [NAMES[-1]]
    assert Archive("llama-b1-bin-ubuntu-arm64.tar.gz").versions_in(NAMES) == []


@pytest.mark.parametrize(
    ("newest", "versions"),
    [(None, ["13.4", "12.8"]), (13, ["13.4", "12.8"]), (12, ["12.8"]), (11, [])],
)
def test_no_version_is_taken_that_the_machine_is_not_fit_for(newest, versions) -> None:
    found = Archive(CUDA, CUDART, newest).versions_in(NAMES)
    assert names(found) == [CUDA.replace("{version}", version) for version in versions]
    assert [each.libraries for each in found] == [
        CUDART.replace("{version}", version) for version in versions
    ]


def test_what_is_installed_is_known_by_its_folder() -> None:
    assert ROCM.versions_in(NAMES)[0].folder == "llama-b1-bin-ubuntu-rocm-10.0-x64"
    folders = [".lock", "llama-b1-bin-ubuntu-rocm-9.1-x64", "llama-b1-bin-ubuntu-x64"]
    assert names(ROCM.installed(folders)) == ["llama-b1-bin-ubuntu-rocm-9.1-x64.tar.gz"]


def test_a_pattern_of_the_catalogue_gets_its_build() -> None:
    entry = ReleaseAsset(
        pattern="llama-{build}-a-{version}.zip",
        libraries="cudart-{build}-{version}.zip",
        platform=Platform(system="Windows", machine="x86_64"),
    )
    assert archive(entry, "b7", 12) == Archive(
        "llama-b7-a-{version}.zip", "cudart-b7-{version}.zip", 12
    )
