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


def look(purpose: str, *beside: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPT), purpose, *beside],
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


@pytest.fixture
def roots_programs(few_programs: str) -> str:
    """A PATH as `few_programs` on which somebody is root, with an apt-get that only tells, in
    `asked`, what it is asked for."""
    folder = Path(few_programs)
    (folder / "id").unlink()
    asked = f'echo "$@" >>{folder / "asked"}'
    for name, does in (("id", "echo 0"), ("apt-get", asked), ("apt-cache", '[ "$1" = show ]')):
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o755)
    return few_programs


def installed(programs: str) -> list[str]:
    """Packages of the last installation that was asked for."""
    asked = Path(programs, "asked").read_text().splitlines()
    return asked[-1].partition("--no-install-recommends ")[2].split()


def test_root_is_given_the_browser_without_windows_too(roots_programs: str) -> None:
    look("test", PATH=roots_programs)
    assert installed(roots_programs) == ["chromium", "chromium-headless-shell"]


def test_where_no_browser_without_windows_can_be_had_nobody_misses_it(roots_programs: str) -> None:
    Path(roots_programs, "apt-cache").unlink()
    look("test", PATH=roots_programs)
    assert installed(roots_programs) == ["chromium"]


def test_what_is_to_run_beside_an_installation_has_ended_with_it(
    roots_programs: str, tmp_path: Path
) -> None:
    done = look("test", "sh", "-c", f"echo begun; read never; echo >{tmp_path}/ended; exit 1")
    assert (done.returncode, done.stdout) == (0, ""), "here nothing is missing"
    done = look("test", "sh", "-c", f"echo begun; : >{tmp_path}/ended", PATH=roots_programs)
    assert "begun" in done.stdout.splitlines()
    assert (tmp_path / "ended").exists()
    assert done.returncode == 1, "chromium is still missing"


def test_measuring_needs_no_browser(few_programs: str) -> None:
    assert look("bench", PATH=few_programs).returncode == 0


def test_a_browser_that_playwright_installed_is_one_too(few_programs: str, tmp_path: Path) -> None:
    (tmp_path / "ms-playwright" / "chromium-1200").mkdir(parents=True)
    done = look("test", PATH=few_programs, XDG_CACHE_HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_python_that_does_not_start_is_left_to_the_environments_script() -> None:
    assert look("bench", PYTHON="/no/python").returncode == 0
