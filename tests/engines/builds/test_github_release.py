"""Upstream's releases, from a local server: the archive holds the real binaries once, else what
says that it is one."""

import dataclasses
import socket
import tarfile
from random import Random

import pytest

from bench_pipeline.engines.builds.assets import Archive
from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.engines.builds.install import check_obtainable, install
from bench_pipeline.engines.builds.releases import RELEASES_API
from bench_pipeline.engines.builds.upstream import ask_newest, newest_today
from bench_pipeline.errors import EngineError
from bench_pipeline.fetching import http as downloads
from bench_pipeline.records.engines import ReleaseAsset
from bench_pipeline.records.rig import BackendSetup, Rig
from tests.engines.builds.archives import Upstream, pack_release
from tests.engines.conftest import shell_script

BUILD = "b20000"
RIG = Rig(slug="a-rig", title="A", backends={"cpu": BackendSetup(channel="github-release")})


@pytest.fixture(scope="module")
def archive(request, tmp_path_factory):
    """Of the binary that is its parameter, or of a script that says its version, beside libraries
    of some megabytes."""
    folder = tmp_path_factory.mktemp("upstream")
    if (fixture := getattr(request, "param", None)) is not None:
        binary = request.getfixturevalue(fixture).binary
    else:
        (folder / "bin").mkdir()
        binary = folder / "bin" / "llama-server"
        shell_script(binary, f"echo 'version: {BUILD.removeprefix('b')} (0123abc)'")
        for name, size_bytes in (("libggml.so", 1_000), ("libllama.so", 11_000_000)):
            binary.with_name(name).write_bytes(Random(1).randbytes(size_bytes))
    path = folder / f"llama-{BUILD}-bin-here-x64.tar.gz"
    pack_release(binary, path)
    return path


@pytest.fixture
def upstream(archive, monkeypatch):
    monkeypatch.setattr(downloads, "RETRY_WAITS_S", (0.01, 0.01, 0.01))
    with Upstream(archive, BUILD) as serving:
        yield serving


@pytest.fixture
def choice(catalogue, upstream, wheel_build, monkeypatch):
    """What a rig whose channel is `github-release` chooses when it names no build."""
    here = ReleaseAsset(pattern="llama-{build}-bin-here-x64.tar.gz", platform=wheel_build.platform)
    releases = catalogue.releases.model_copy(
        update={"api": upstream.url, "assets": {"cpu": [here]}}
    )
    monkeypatch.delenv(RELEASES_API)
    ours = catalogue.model_copy(update={"releases": releases})

    def newest(channel):
        return ask_newest(channel, None).build

    return choose(ours, RIG, "cpu", None, this_host(), latest=newest)


def left_in(cache) -> list[str]:
    files = (path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock")
    return [path.name for path in files]


@pytest.mark.parametrize("archive", ["engine"], indirect=True)
def test_the_newest_release_is_installed_and_runs(choice, upstream, engine, tmp_path):
    found = install(choice, tmp_path)
    assert (found.build, found.channel, found.commit) == (BUILD, "github-release", engine.commit)
    assert found.binary_sha256 == engine.binary_sha256, "links and copies hash alike"
    install(choice, tmp_path)
    assert len(upstream.downloads()) == 1
    assert not [name for name in left_in(tmp_path) if name.endswith(".tar.gz")]


def test_a_download_that_is_cut_is_taken_up_where_it_stopped(choice, upstream, tmp_path):
    upstream.cut_after, upstream.cuts = 5_000_000, 2
    install(choice, tmp_path)
    assert upstream.downloads() == [None, "bytes=5000000-", "bytes=10000000-"]


def test_a_download_that_stays_cut_resumes_in_the_next_try(choice, upstream, tmp_path):
    upstream.cut_after, upstream.cuts = 1_000_000, 4
    with pytest.raises(EngineError, match="stopped at 4,000,000 bytes") as caught:
        install(choice, tmp_path)
    assert "resumes" in caught.value.mend
    install(choice, tmp_path)
    assert upstream.downloads()[-1] == "bytes=4000000-"


def test_an_archive_that_is_not_what_upstream_says_is_removed(choice, upstream, tmp_path):
    upstream.digest = "sha256:" + "0" * 64
    with pytest.raises(EngineError, match=r"upstream says .* 0000"):
        install(choice, tmp_path)
    assert left_in(tmp_path) == []


def test_an_old_release_without_a_digest_is_taken(choice, upstream, tmp_path):
    upstream.digest = None
    assert install(choice, tmp_path).build == BUILD


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (404, "upstream has no such release"),
        (403, "too many questions this hour"),
        (500, "upstream answers 500"),
    ],
)
def test_a_refusal_is_one_clear_error(choice, upstream, tmp_path, status, problem):
    upstream.api_status = status
    with pytest.raises(EngineError, match=problem):
        install(choice, tmp_path)


def test_a_release_without_the_archive_names_those_it_has(choice, upstream, tmp_path):
    other = dataclasses.replace(choice, archives=(Archive("llama-for-mars.zip"),))
    with pytest.raises(EngineError, match=r"no archive `llama-for-mars\.zip`") as caught:
        install(other, tmp_path)
    assert upstream.archive.name in caught.value.mend
    assert "docs/engines.md" in caught.value.mend


def versioned(choice, pattern=f"llama-{BUILD}-bin-{{version}}-x64.tar.gz", **more):
    """The choice of an archive whose version nobody knows beforehand."""
    return dataclasses.replace(choice, archives=(Archive(pattern, **more),))


def test_a_version_in_the_name_is_learnt_from_the_release_once(
    choice, upstream, archive, tmp_path, monkeypatch
):
    named = archive.with_name(f"llama-{BUILD}-bin-7.14-x64.tar.gz")
    named.hardlink_to(archive)
    monkeypatch.setattr(upstream, "archive", named)
    try:
        open_choice = versioned(choice)
        check_obtainable(open_choice, tmp_path)
        assert upstream.downloads() == []
        found = install(open_choice, tmp_path)
        asked = len(upstream.requests)
        assert install(open_choice, tmp_path) == found
        check_obtainable(open_choice, tmp_path)
        assert len(upstream.requests) == asked, "what lies here needs no question"
    finally:
        named.unlink()
    assert f"llama-{BUILD}-bin-7.14-x64" in found.binary.parts


def test_a_second_archive_lays_its_libraries_beside_the_binary(choice, upstream, tmp_path):
    libraries = tmp_path / "cudart-llama-here.tar.gz"
    with tarfile.open(libraries, "w:gz") as packed:
        for name in ("libcudart.so.13", "libggml.so", "README"):
            (tmp_path / name).write_text(f"other {name}")
            packed.add(tmp_path / name, f"cudart/{name}")
    upstream.beside = libraries
    name = f"llama-{BUILD}-bin-here-x64.tar.gz"
    found = install(versioned(choice, name, libraries=libraries.name), tmp_path / "cache")
    assert (found.library_dir / "libcudart.so.13").read_text() == "other libcudart.so.13"
    plain = install(choice, tmp_path / "plain")
    assert found.binary_sha256 != plain.binary_sha256, "libraries beside it are part of what runs"
    assert found.version_line == plain.version_line, "its own libraries stay"
    assert not [name for name in left_in(tmp_path / "cache") if name.endswith(".tar.gz")]


def test_libraries_that_a_release_lacks_are_not_missed(choice, tmp_path):
    name = f"llama-{BUILD}-bin-here-x64.tar.gz"
    install(versioned(choice, name, libraries="cudart.tar.gz"), tmp_path)


def test_a_release_for_too_new_a_cuda_alone_is_none(choice, upstream, archive, tmp_path):
    pattern = f"llama-{BUILD}-bin-here-x{{version}}.tar.gz"
    with pytest.raises(EngineError, match="for CUDA 12 or older"):
        check_obtainable(versioned(choice, pattern, newest=12), tmp_path)
    check_obtainable(versioned(choice, pattern, newest=64), tmp_path)


def test_an_archive_still_on_its_way_up_is_worth_waiting_for(choice, upstream, tmp_path):
    upstream.state = "starter"
    with pytest.raises(EngineError, match=r"has no archive .* to download yet") as caught:
        install(choice, tmp_path)
    assert caught.value.mend.startswith("wait until upstream has built it")
    assert upstream.downloads() == []


def test_upstream_out_of_reach_points_to_the_other_channels(catalogue):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        api = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(EngineError, match="cannot be asked") as caught:
        newest_today(catalogue.releases.model_copy(update={"api": api}), timeout_s=5)
    assert "`wheel` or `path`" in caught.value.mend
