"""Engines of other families, really installed and started.

They come from a lock file of their own into an environment of their own in the artefact cache, so
that a second test run finds them there.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

from bench_pipeline.engines import guard
from bench_pipeline.engines.guarded import free_port
from bench_pipeline.engines.llama_cpp.asking import local_client
from bench_pipeline.paths import artefact_cache, checkout
from tests.engines.conftest import is_gone
from tests.waiting import wait_until

LOCKS = checkout().root / "requirements"
DASLLAMA, TRANSFORMERS, SLOW = "engines-test", "engines-transformers", "engines-slow"
"""The first two of `make test`, the third, with vLLM, of `make engines-test`."""
FOLDERS = {DASLLAMA: "tested-others", TRANSFORMERS: "tested-transformers", SLOW: "tested-slow"}


def environment(which: str) -> Path:
    """The folder of commands of an environment with what the lock file names; skips where torch's
    build for CPUs is not to be had, which is on no package index that everybody has."""
    lock = LOCKS / f"{which}.txt"
    folder = artefact_cache() / "engines" / FOLDERS[which]
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(f"{sys.version}\n{lock.read_text()}".encode()).hexdigest()
    made, here = folder / "made-of", folder / "environment"
    with FileLock(folder / "lock"):
        if not (made.exists() and made.read_text() == key):
            made.unlink(missing_ok=True)
            shutil.rmtree(here, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(here)], check=True)
            pip = [sys.executable, "-m", "pip", "--python", str(here / "bin" / "python"), "install"]
            pip += ["--quiet", "--no-deps", "--no-compile", "--require-hashes", "-r", str(lock)]
            done = subprocess.run(pip, stderr=subprocess.PIPE, text=True)
            if "No matching distribution found for torch" in done.stderr:
                pytest.skip("torch's build for CPUs is not to be had here: docs/engines.md")
            assert done.returncode == 0, done.stderr
            made.write_text(key)
    return here / "bin"


@contextmanager
def served(command: Sequence[str], log: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Starts it, `{port}` filled in, under our guard; its base URL once it answers."""
    port = free_port()
    argv = [word.format(port=port) for word in command]
    watcher = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(log)]
    with subprocess.Popen(
        [*watcher, str(guard.GRACE_S), str(guard.MEMORY_LIMIT_BYTES), *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **env},
        start_new_session=True,
    ) as guarding:
        assert guarding.stdin is not None and guarding.stdout is not None
        try:
            pid = json.loads(guarding.stdout.readline())["pid"]
            url = f"http://127.0.0.1:{port}"
            with local_client(url, timeout_s=5) as client:
                wait_until(
                    lambda: guarding.poll() is not None or _answers(client),
                    f"{Path(argv[0]).name} to answer",
                    log.read_text,
                )
            assert guarding.poll() is None, log.read_text()
            yield url
        finally:
            guarding.stdin.close()  # as if we had died: it is killed, with all it started
    wait_until(lambda: is_gone(pid), "it to end with its guard")


def _answers(client: httpx.Client) -> bool:
    with suppress(httpx.HTTPError):
        return client.get("/v1/models").status_code == 200
    return False
