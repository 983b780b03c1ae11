"""What `make` looks for on the system before it does anything, on a machine that lacks it.

The machine is this one, seen through a PATH that has only what the script itself calls: no browser,
and no apt-get, so that root is told like anybody else.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench_pipeline.paths import checkout

SCRIPT = checkout().root / "scripts" / "system_packages.sh"


def look(purpose: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPT), purpose],
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable} | environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def few_programs(tmp_path: Path) -> str:
    """A PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "id", "uname", "find", "grep", "ls", "fc-list", "redis-server"):
        (folder / name).symlink_to(shutil.which(name) or "")
    return str(folder)


@pytest.mark.parametrize("purpose", ["bench", "test"])
def test_a_machine_that_has_all_hears_nothing(purpose: str) -> None:
    done = look(purpose, **{**os.environ, "PYTHON": sys.executable})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_missing_is_named_with_the_command_for_it(few_programs: str) -> None:
    done = look("test", PATH=few_programs)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error: `make test` needs these system packages: chromium",
        "  mend: install them (Debian, Ubuntu: sudo apt-get install chromium)",
    ]


def test_measuring_needs_no_browser(few_programs: str) -> None:
    assert look("bench", PATH=few_programs).returncode == 0


def test_a_browser_that_playwright_installed_is_one_too(few_programs: str, tmp_path: Path) -> None:
    (tmp_path / "ms-playwright" / "chromium-1200").mkdir(parents=True)
    done = look("test", PATH=few_programs, XDG_CACHE_HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_python_that_does_not_start_is_left_to_the_environments_script() -> None:
    assert look("bench", PYTHON="/no/python").returncode == 0
