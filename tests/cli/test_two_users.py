"""Two users of one machine, each with a clone and a cache of his own, bench one after the other."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.harness.rig_lock import LOCK_VARIABLE, rig_lock
from bench_pipeline.paths import artefact_cache
from bench_pipeline.progress import Silent
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.yaml.files import read_run
from tests.checkouts import bare_environment
from tests.cli.benching import (
    BENCH,
    a_clone,
    in_the_background,
    runs_in,
    started,
    without_its_runs,
)
from tests.conftest import SMALL_MODEL
from tests.waiting import PATIENCE_S, wait_until

OTHER = 65534
"""`nobody`, who is there everywhere and may do nothing."""
AS_THE_OTHER = (*("setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", "--"),)


def as_the_other(*command: str) -> tuple[str, ...]:
    return (*AS_THE_OTHER, *command)


@pytest.fixture(scope="module")
def everybodys() -> Iterator[Path]:
    """A folder that others may enter, unlike pytest's; as /tmp, all may write to it."""
    if sys.platform == "win32" or os.getuid() != 0:
        pytest.skip("only root is two users")
    if not shutil.which("setpriv"):
        pytest.skip("no `setpriv` here, which makes another user of root")
    with tempfile.TemporaryDirectory(prefix="bench_pipeline-users-") as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


READY = "import dagster, subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"


@pytest.fixture
def python(everybodys: Path) -> Path:
    """This environment for the other user, who may not enter root's folders: if need be with the
    system's interpreter of the same version."""
    own = Path(sys.executable).resolve()
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for interpreter in (own, shutil.which(name, path=os.defpath)):
        environment = Path(tempfile.mkdtemp(dir=everybodys))
        environment.chmod(0o755)
        (environment / "bin").mkdir()
        (environment / "lib").symlink_to(Path(sys.prefix) / "lib")
        python = environment / "bin" / "python"
        python.symlink_to(interpreter or own)
        (environment / "pyvenv.cfg").write_text(f"home = {python.resolve().parent}\n")
        ready = as_the_other(str(python), "-c", READY)
        if not subprocess.run(ready, capture_output=True, check=False).returncode:
            return python
    pytest.skip("another user may not read this environment")


@pytest.fixture
def cache(everybodys: Path, engine: InstalledEngine, small_model: tuple[ModelFile, Path]) -> Path:
    """The other user's, with the engine and the small model in it."""
    ours, theirs = artefact_cache(), everybodys / "cache"
    engines = engine.binary.relative_to(ours).parts[:3]
    for folder in (ours.joinpath(*engines), small_model[1].parent):
        shutil.copytree(folder, theirs / folder.relative_to(ours), symlinks=True)
    return theirs


@pytest.fixture
def others_clone(everybodys: Path, benched: SimpleNamespace, cache: Path) -> Path:
    """One whose page is there and whose runs are not: little of it is to be made anew."""
    clone = shutil.copytree(benched.clone, everybodys / "clone", symlinks=True)
    without_its_runs(clone)
    subprocess.run(["chown", "-R", f"{OTHER}:{OTHER}", clone, cache], check=True)
    return clone


def test_the_second_is_told_of_the_first_waits_and_then_measures(
    everybodys: Path,
    others_clone: Path,
    cache: Path,
    python: Path,
    small_model: tuple[ModelFile, Path],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    lock = everybodys / "rig.lock"
    here = {LOCK_VARIABLE: str(lock)}
    there = {"HOME": str(cache.parent), "BENCH_PIPELINE_CACHE": str(cache)}
    clone = a_clone(tmp_path / "clone", small_model[0])
    first = started(clone, env=bare_environment() | here)
    request.addfinalizer(first.kill)
    wait_until(lambda: lock.with_suffix(".holder").exists() or first.poll() is not None, "the lock")
    command = as_the_other(str(python), *BENCH[1:], "--model", SMALL_MODEL, "--concurrency", "1")
    said = everybodys / "said"
    with said.open("w") as out:
        second = in_the_background(
            others_clone, command, env=bare_environment() | here | there, stderr=out
        )
    request.addfinalizer(second.kill)
    wait_until(lambda: "waiting for it" in said.read_text() or second.poll() is not None, "a word")
    assert f"holds this rig (pid {first.pid} since" in said.read_text()
    assert "of root); waiting for it." in said.read_text()
    assert runs_in(others_clone) == set()

    first.send_signal(signal.SIGINT)
    _, stderr = first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 130
    second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 0, said.read_text()
    assert "Traceback" not in stderr + said.read_text()
    (path,) = runs_in(others_clone)
    assert path.stat().st_uid == OTHER
    assert read_run(path).status == "ok"
    assert "of nobody" in lock.with_suffix(".holder").read_text()
    with rig_lock(Silent(), lock, wait_s=0):
        assert "of root" in lock.with_suffix(".holder").read_text()
