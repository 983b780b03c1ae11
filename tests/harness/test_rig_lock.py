"""One benchmark on a rig, and a lock that no dead process can hold."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench_pipeline.errors import RigError
from bench_pipeline.harness.rig_lock import LOCK_VARIABLE, lock_path, rig_lock
from bench_pipeline.progress import Silent
from tests.checkouts import bare_environment

HOLDER = """
import sys, time
from pathlib import Path
from bench_pipeline.harness.rig_lock import rig_lock
from bench_pipeline.progress import Silent
with rig_lock(Silent(), Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    return tmp_path / "rig.lock"


@pytest.fixture
def holder_folder():
    """As /run/lock: everybody may write, and delete what is his own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


@pytest.fixture
def holder(lock_file: Path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock_file)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_benchmark_is_told_who_holds_the_rig(lock_file: Path, holder):
    with (
        pytest.raises(RigError, match=f"pid {holder.pid} since") as caught,
        rig_lock(Silent(), lock_file, wait_s=0.2),
    ):
        raise AssertionError("the lock was held by another process")
    assert "run this again" in caught.value.mend


def test_kill_9_of_the_holder_frees_the_rig(lock_file: Path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with rig_lock(Silent(), lock_file, wait_s=5):
        pass


def test_the_lock_is_free_after_an_error_inside(lock_file: Path):
    with pytest.raises(ValueError), rig_lock(Silent(), lock_file):
        raise ValueError
    with rig_lock(Silent(), lock_file, wait_s=0):
        pass


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root is two users")
def test_a_second_user_gets_the_lock_that_another_one_made(holder_folder: Path):
    lock_file = holder_folder / "rig.lock"
    before = os.umask(0o077)
    try:
        with rig_lock(Silent(), lock_file):
            pass
    finally:
        os.umask(before)
    as_nobody = HOLDER.replace("with rig_lock", "import os; os.setuid(65534)\nwith rig_lock")
    with subprocess.Popen(
        [sys.executable, "-c", as_nobody, str(lock_file)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        refused = pytest.raises(RigError, match=f"pid {other.pid} since .*Z of nobody")
        with refused, rig_lock(Silent(), lock_file, wait_s=0.2):
            raise AssertionError("two users at once")
        other.kill()


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root is two users")
def test_another_user_is_told_of_the_first_while_it_runs_and_goes_on_after(holder_folder: Path):
    lock_file = holder_folder / "rig.lock"
    program = HOLDER.replace("Silent", "PlainLines").replace(
        "with rig_lock", "import os; os.setuid(65534)\nwith rig_lock"
    )
    first = ExitStack()
    with first, ExitStack() as running:
        first.enter_context(rig_lock(Silent(), lock_file))
        other = running.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", program, str(lock_file)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        running.callback(other.kill)
        told = other.stdout.readline()
        assert f"holds this rig (pid {os.getpid()} since" in told
        assert "of root); waiting for it" in told
        first.close()
        assert other.stdout.readline() == "held\n"


def test_the_machine_has_one_lock_and_the_tests_have_another(monkeypatch: pytest.MonkeyPatch):
    ours = lock_path()
    assert bare_environment()[LOCK_VARIABLE] == str(ours)
    monkeypatch.delenv(LOCK_VARIABLE)
    assert lock_path().name == "bench_pipeline.lock" and lock_path() != ours
