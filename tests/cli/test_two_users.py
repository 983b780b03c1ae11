"""Ctrl-C on a benchmark; and another user of the machine, with a clone and a cache of his own, who
waits for it and measures then."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.harness.rig_lock import LOCK_VARIABLE, rig_lock
from bench_pipeline.inventory.identity import this_rig
from bench_pipeline.paths import Project, artefact_cache
from bench_pipeline.progress import Silent
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.yaml.files import read_rigs, read_run
from tests.checkouts import bare_environment
from tests.cli.benching import in_the_background, its_server, runs_in, started, without_its_runs
from tests.conftest import SMALL_MODEL
from tests.engines.conftest import is_gone
from tests.waiting import PATIENCE_S, wait_until

OTHER = 65534
"""`nobody`, who is there everywhere and may do nothing."""
AS_THE_OTHER = (*("setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", "--"),)
MEASURE = ("-m", "bench_pipeline.harness", "--backend", "cpu", "--profile", "quick")
"""What `make bench` does between its jobs."""


def as_the_other(*command: str) -> tuple[str, ...]:
    return (*AS_THE_OTHER, *command)


@pytest.fixture(scope="module")
def everybodys() -> Iterator[Path]:
    """A folder that others may enter, unlike pytest's; as /tmp, all may write to it."""
    with tempfile.TemporaryDirectory(prefix="bench_pipeline-users-") as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


READY = "import psutil, subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"


def python_of_the_other(everybodys: Path) -> Path | str:
    """This environment for the other user, who may not enter root's folders: if need be with the
    system's interpreter of the same version. Or why there is none."""
    if sys.platform == "win32" or os.getuid() != 0:
        return "only root is two users"
    if not shutil.which("setpriv"):
        return "no `setpriv` here, which makes another user of root"
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
    return "another user may not read this environment"


def cache_of_the_other(everybodys: Path, engine: InstalledEngine, model: Path) -> Path:
    """With the engine and the small model in it."""
    ours, theirs = artefact_cache(), everybodys / "cache"
    engines = engine.binary.relative_to(ours).parts[:3]
    for folder in (ours.joinpath(*engines), model.parent):
        shutil.copytree(folder, theirs / folder.relative_to(ours), symlinks=True)
    return theirs


@pytest.fixture(scope="module")
def interrupted(
    benched: SimpleNamespace,
    everybodys: Path,
    engine: InstalledEngine,
    small_model: tuple[ModelFile, Path],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> SimpleNamespace:
    """A benchmark that Ctrl-C ended in the middle of an answer, while another user waited for it.

    clone, code, stderr   of the first
    server                pid of its engine
    lock                  which both of them took
    other                 `clone`, `code`, `said` of the other and what he had `measured_before`; or
                          why there is none
    """
    lock = everybodys / "rig.lock"
    here = bare_environment() | {LOCK_VARIABLE: str(lock)}
    python = python_of_the_other(everybodys)
    copies = [tmp_path_factory.mktemp("interrupted") / "clone", everybodys / "clone"]
    for copy in copies:  # whose page is there and whose runs are not
        without_its_runs(shutil.copytree(benched.clone, copy, symlinks=True))
    first = started(copies[0], env=here)
    request.addfinalizer(first.kill)
    server = its_server(first, copies[0]).pid

    other, second, said = python, None, everybodys / "said"
    if isinstance(python, Path):
        clone, cache = copies[1], cache_of_the_other(everybodys, engine, small_model[1])
        subprocess.run(["chown", "-R", f"{OTHER}:{OTHER}", clone, cache], check=True)
        rig = this_rig(read_rigs(Project(clone).rigs))
        assert rig is not None
        words = ("--rig", rig.slug, "--model", SMALL_MODEL, "--concurrency", "1")
        with said.open("w") as out:
            second = in_the_background(
                clone,
                as_the_other(str(python), *MEASURE, *words),
                env=here | {"HOME": str(everybodys), "BENCH_PIPELINE_CACHE": str(cache)},
                stderr=out,
            )
        request.addfinalizer(second.kill)
        wait_until(
            lambda: "waiting for it" in said.read_text() or second.poll() is not None, "a word"
        )
        other = SimpleNamespace(clone=clone, measured_before=runs_in(clone))

    first.send_signal(signal.SIGINT)
    _, stderr = first.communicate(timeout=PATIENCE_S)
    if second is not None:
        second.communicate(timeout=PATIENCE_S)
        other.code, other.said = second.returncode, said.read_text()
    return SimpleNamespace(
        clone=copies[0],
        pid=first.pid,
        code=first.returncode,
        stderr=stderr,
        server=server,
        lock=lock,
        other=other,
    )


def test_ctrl_c_stops_the_server_and_writes_nothing(interrupted: SimpleNamespace) -> None:
    assert interrupted.code == 130
    assert "Traceback" not in interrupted.stderr
    assert interrupted.stderr.strip().splitlines()[-1].startswith("interrupted: ")
    wait_until(lambda: is_gone(interrupted.server), "the server's end")
    assert runs_in(interrupted.clone) == set()
    home = str(Project(interrupted.clone).dagster_home)
    with dg.DagsterInstance.from_config(home) as instance:
        (newest,) = instance.get_runs(limit=1)
    assert newest.status is dg.DagsterRunStatus.CANCELED
    assert newest.remote_job_origin is not None, "else the timeline does not show it"
    assert newest.remote_job_origin.location_name == "bench_pipeline.definitions"
    assert newest.remote_job_origin.job_name == newest.job_name == "measure"


def test_the_second_user_is_told_of_the_first_waits_and_then_measures(
    interrupted: SimpleNamespace,
) -> None:
    other = interrupted.other
    if isinstance(other, str):
        pytest.skip(other)
    assert f"holds this rig (pid {interrupted.pid} since" in other.said
    assert "of root); waiting for it." in other.said
    assert other.measured_before == set()
    assert other.code == 0, other.said
    assert "Traceback" not in other.said
    (path,) = runs_in(other.clone)
    assert path.stat().st_uid == OTHER
    assert read_run(path).status == "ok"
    holder = interrupted.lock.with_suffix(".holder")
    assert "of nobody" in holder.read_text()
    with rig_lock(Silent(), interrupted.lock, wait_s=0):
        assert "of root" in holder.read_text()
