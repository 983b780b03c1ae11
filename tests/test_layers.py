"""Arrows point one way, and a rig that only measures needs little.

The lower layers are read from the import statements; that the rig's side really runs without
the control plane's dependencies is proven in an environment that has only the rig's.
"""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from bench_pipeline.paths import checkout

ROOT = checkout().root
PACKAGE = ROOT / "bench_pipeline"

LAYERS = [
    {"errors", "paths", "progress", "__version__"},
    {"records"},
    {"downloads", "measures", "wheels"},
    {"inventory", "engines", "models"},
    {"harness"},
    {"warehouse"},
    {"site"},
]
"""Lowest first. A module may import lower layers and its own package, never its neighbours.
What is named nowhere is the control plane, on top of them all."""

RIG_SIDE = set().union(*LAYERS[:5])
RIG_PACKAGES = {
    *("filelock", "httpx", "numpy", "psutil", "pydantic", "pydantic_core"),
    *("pynvml", "uvloop", "yaml"),
    "rich",  # for a bar, where it is installed: requirements/rig.in has it not
}


def rank(part: str) -> int:
    return next((n for n, layer in enumerate(LAYERS) if part in layer), len(LAYERS))


def imports() -> Iterator[tuple[str, str, str]]:
    """(place, part of the package it is in, full name of what it imports)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        part = inside.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{inside}: relative import"
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                yield f"{inside}:{node.lineno}", part, name


def test_imports_point_downwards() -> None:
    wrong = []
    for place, part, name in imports():
        top, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if top != "bench_pipeline" or other == part or rank(part) == len(LAYERS):
            continue
        if rank(other) >= rank(part):
            wrong.append(f"{place} imports {name}")
    assert wrong == []


def test_the_rig_s_side_imports_only_the_rig_s_packages() -> None:
    allowed = RIG_PACKAGES | sys.stdlib_module_names | {"bench_pipeline"}
    wrong = [
        f"{place} imports {name}"
        for place, part, name in imports()
        if part in RIG_SIDE and name.split(".")[0] not in allowed
    ]
    assert wrong == []


def test_only_the_control_plane_knows_dagster() -> None:
    wrong = [
        place
        for place, part, name in imports()
        if name.split(".")[0].startswith("dagster") and rank(part) < len(LAYERS)
    ]
    assert wrong == []


@pytest.fixture(scope="session")
def rig_python(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Python of an environment with requirements/rig.txt and nothing else, not even pip."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "rig-environment"
    python = folder / "bin" / "python"
    with FileLock(f"{folder}.lock"):  # several workers of one test run, one environment
        if not (folder / "complete").exists():
            command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
            subprocess.run(command, check=True)
            pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
            pip += ["--no-deps", "--no-compile", "--require-hashes"]
            requirements = str(ROOT / "requirements" / "rig.txt")
            subprocess.run([*pip, "-r", requirements], check=True)
            (folder / "complete").touch()
    return python


def ask(python: Path, code: str, cwd: Path) -> Any:
    """What `code` prints as JSON, in a folder from which nothing can be imported by accident."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [str(python), "-c", code],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


IMPORT_ALL = """
import importlib.util, json, pkgutil
import bench_pipeline
parts = set({parts!r})
names = [
    module.name
    for module in pkgutil.walk_packages(bench_pipeline.__path__, "bench_pipeline.",
                                        onerror=lambda name: None)
    if module.name.split(".")[1] in parts
]
for name in names:
    importlib.import_module(name)
heavy = [name for name in ("dagster", "pandas", "altair", "duckdb", "jinja2")
         if importlib.util.find_spec(name)]
print(json.dumps({{"imported": names, "heavy": heavy}}))
"""


def test_the_rig_s_side_runs_without_the_control_plane_s_packages(
    rig_python: Path, tmp_path: Path
) -> None:
    found = ask(rig_python, IMPORT_ALL.format(parts=sorted(RIG_SIDE)), tmp_path)
    assert found["heavy"] == []
    for part in ("records", "measures", "inventory", "engines", "models", "harness"):
        paths = [path for path in (PACKAGE / part).rglob("*.py") if path.stem[0] != "_"]
        assert paths
        for path in paths:
            module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            assert module in found["imported"]


MEASURE = """
import importlib.metadata, json
sizes = {
    found.name: sum(f.locate().stat().st_size for f in found.files if f.locate().exists()) / 2**20
    for found in importlib.metadata.distributions()
}
print(json.dumps(sizes))
"""


@pytest.fixture
def sizes_mib(rig_python: Path, tmp_path: Path) -> dict[str, float]:
    return ask(rig_python, MEASURE, tmp_path)


def test_the_rig_s_side_does_not_creep(sizes_mib: dict[str, float]) -> None:
    """numpy alone is more than half of it; whatever comes on top should be noticed."""
    largest = sorted(sizes_mib.items(), key=lambda item: -item[1])[:5]
    assert len(sizes_mib) <= 17, sorted(sizes_mib)
    assert sum(sizes_mib.values()) <= 85, largest
