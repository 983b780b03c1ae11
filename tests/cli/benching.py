"""A checkout that `make bench` takes to its page within seconds, and what was said meanwhile."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from bench_pipeline.paths import Project
from bench_pipeline.records.model import ModelFile
from tests.checkouts import (
    as_on_a_new_machine,
    bare_environment,
    copy_checkout,
    run_in,
    with_constant,
    with_model,
    with_rules,
    with_short_looks,
    with_starved_clients_heard,
    with_tiny_workloads,
)
from tests.engines.conftest import is_gone
from tests.waiting import PATIENCE_S, requests_begun, wait_until

BENCH = ("python", "-m", "bench_pipeline", "bench")


def a_clone(folder: Path, model: ModelFile) -> Path:
    """A checkout without runs, with tiny workloads of one wave and a curve of one point, whose
    default model is `model`; it and the engine lie in the cache already."""
    copy = as_on_a_new_machine(copy_checkout(folder))
    shutil.rmtree(Project(copy).runs)
    with_model(Project(copy), model)
    with_constant(copy, "models/catalogue.py", "DEFAULT_MODEL", model.slug)
    with_starved_clients_heard(copy)
    with_rules(copy, curve_depths="(32,)", curve_output_tokens="8", min_waves="1", max_waves="1")
    return with_tiny_workloads(with_short_looks(copy), tokens=60)


def without_its_runs(copy: Path) -> Path:
    """As `a_clone`, but for the warehouse, the site and Dagster's history that are there."""
    for path in [*runs_in(copy), *Project(copy).runs.rglob("*.server.log")]:
        path.unlink()
    return copy


def with_environment(copy: Path) -> Path:
    """`.venv/` as `make` leaves it behind there, of this environment's own parts."""
    environment = copy / ".venv"
    environment.mkdir(exist_ok=True)
    for part in ("bin", "lib", "pyvenv.cfg"):
        if not (environment / part).is_symlink():
            (environment / part).symlink_to(Path(sys.prefix) / part)
    script = (copy / "scripts" / "environment.sh").read_text()
    key = re.search(r"^key\(\) \{\n.*?^\}\n", script, re.M | re.S)
    assert key, "environment.sh names what an installation depends on"
    told = run_in(copy, "sh", "-ec", f"python=python3\n{key.group()}key run")
    assert told.returncode == 0, told.stderr
    (environment / "installed-run").write_text(told.stdout)
    return copy


def runs_in(clone: Path) -> set[Path]:
    folder = clone / "content" / "benchmarks" / "runs"
    return {path for path in folder.rglob("*.yaml") if not path.name.startswith("published-")}


def started(clone: Path, **options: Any) -> subprocess.Popen[str]:
    """A benchmark in the background, with output enough for a minute."""
    with_tiny_workloads(clone, tokens=1000)
    return in_the_background(clone, BENCH, **options)


def in_the_background(
    clone: Path, command: tuple[str, ...], **options: Any
) -> subprocess.Popen[str]:
    """`options`: of the process, other than usual."""
    usual: dict[str, Any] = {
        "cwd": clone,
        "env": bare_environment(),
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    return subprocess.Popen(command, **{**usual, **options})


def its_server(bench: subprocess.Popen[str], clone: Path) -> psutil.Process:
    """llama-server below `bench`, in the middle of an answer."""
    runs = Project(clone).runs
    wait_until(lambda: requests_begun(runs) or bench.poll() is not None, "a request")
    assert bench.poll() is None, bench.communicate()
    below = psutil.Process(bench.pid).children(recursive=True)
    (server,) = (process for process in below if process.name() == "llama-server")
    return server


def benched(folder: Path, model: ModelFile) -> None:
    """`folder/clone`, whose first benchmark was killed in the middle of an answer, whose second
    went to its end and whose third found everything measured; and `folder/said.json`."""
    clone = with_environment(a_clone(folder / "clone", model))
    bench = started(clone)
    server = its_server(bench, clone)
    os.kill(bench.pid, signal.SIGKILL)
    bench.communicate(timeout=PATIENCE_S)
    wait_until(lambda: is_gone(server.pid), "the server's end")
    left = [*runs_in(clone), *clone.rglob(".*.yaml.*")]
    with_tiny_workloads(clone, tokens=60)
    said: dict[str, Any] = {"left by the killed one": [str(path) for path in left]}
    for which in ("first", "second"):
        done = run_in(clone, "make", "bench")
        assert done.returncode == 0, done.stderr
        said[which] = {"stdout": done.stdout, "stderr": done.stderr}
        said[f"runs after the {which}"] = [str(path) for path in sorted(runs_in(clone))]
    (folder / "said.json").write_text(json.dumps(said))
