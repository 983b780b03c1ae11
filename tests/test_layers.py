"""Arrows point one way, no room is a crowd, and a rig that only measures needs little.

The floors are read from the import statements; that the rig's side really runs without
the control plane's dependencies is proven in an environment that has only the rig's.
"""

import ast
import json
import os
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from bench_pipeline.paths import checkout
from tests.once import once

ROOT = checkout().root
PACKAGE = ROOT / "bench_pipeline"

FLOORS: dict[str, list[set[str]]] = {
    "": [
        {"errors", "paths", "__version__"},
        {"progress"},
        {"records"},
        {"fetching", "measures"},
        {"inventory", "engines", "models", "plausibility"},
        {"harness", "processes"},
        {"senders"},
        {"importers", "warehouse"},
        {"site"},
        {"deploy"},
        {"farm"},
        {"defs"},
        {"definitions"},
        {"cli"},
        {"__main__"},
    ],
    "records": [
        {"base", "table"},
        {"campaign", "cell", "devices", "model", "rig", "site"},
        {"matching", "workload"},
        {"inventory"},
        {"engines", "server"},
        {"plan", "run"},
        {"yaml", "reference"},
        {"__main__"},
    ],
    "importers": [
        {"words"},
        {"rows", "file_names"},
        {"formats", "backends", "placement", "known_models"},
        {"documents", "cards", "engines_named", "model_names", "repetitions"},
        {"machines", "runs"},
        {"llama_bench", "published"},
    ],
    "plausibility": [{"rule"}, {"machine", "parts", "requests", "runs"}, {"judging"}],
    "engines": [
        {"guard", "secrets"},
        {"guarded"},
        {"llama_cpp"},
        {"dialects"},
        {"others"},
        {"builds"},
    ],
    "harness": [
        {"shared_file"},
        {"rig_lock", "blocks", "pace", "planning", "telemetry"},
        {"client", "disk", "power", "quiet"},
        {"run_record"},
        {"repetition", "serving"},
        {"cell", "curves", "long"},
        {"measurement"},
        {"session"},
        {"run"},
        {"carried"},
        {"__main__"},
    ],
    "warehouse": [
        {"frames", "schema", "files", "stamps", "store"},
        {"builds", "export", "disputes", "hashes", "rows"},
        {"admission", "content", "seal"},
        {"checking"},
        {"reading", "receiving"},
        {"ingest"},
        {"refresh"},
    ],
    "site": [
        {"wording", "source", "keys", "kept"},
        {"devices", "earlier"},
        {"hardware"},
        {"arrangements"},
        {"tables"},
        {"charts", "compare"},
        {"data", "runs", "trends"},
        {"groups", "models", "place", "rigs", "summary"},
        {"view"},
        {"pages"},
        {"crew"},
        {"build"},
    ],
    "farm": [
        {"access", "beats", "certificates", "storage"},
        {"declared", "post", "queues", "services"},
        {"founding", "joining", "launcher", "pulse", "watch"},
        {"control", "status", "worker"},
    ],
    "defs": [
        {"failures", "jobs", "partitions", "remote", "resources"},
        {"automation", "new_builds"},
        {"assets"},
        {"checks", "committed"},
        {"gathered"},
    ],
    "cli": [
        {"amounts", "backends", "fetching", "flow", "verdicts"},
        {"choices", "results"},
        {"adding", "bench", "listing", "migrating", "mine", "planning", "sharing", "ui"},
        {"farm"},
        {"commands"},
    ],
}
"""The rooms of each folder that has folders in it, lowest floor first: a room is a folder, or a
module that lies loose beside folders. A room may use what lies on lower floors, and itself."""

RIG_SIDE = {room for floor in FLOORS[""][:6] for room in floor} | {"importers"}
RIG_PACKAGES = {
    *("filelock", "httpx", "numpy", "psutil", "pydantic", "pydantic_core"),
    *("pynvml", "uvloop", "yaml"),
    "rich",  # for a bar, where it is installed: requirements/rig.in has it not
}
CONTROL_PLANE = {"deploy", "farm", "defs", "definitions", "cli", "__main__"}

CROWD = 16
"""Modules in one folder, `__init__` apart, that a reader still takes in."""
LONGEST_LINES = 400
TESTED_BY_THEIR_USERS = {"fetching"}
"""Downloads are cut, damaged and refused where models and engines come from."""


@dataclass(frozen=True)
class Import:
    place: str
    """File and line."""
    by: tuple[str, ...]
    """The module that imports, as parts of its path below the package."""
    name: str
    """What it imports, in full."""

    def of_ours(self) -> tuple[str, ...] | None:
        """The module or folder of ours that is imported, as parts; None: somebody else's."""
        top, *parts = self.name.split(".")
        if top != "bench_pipeline":
            return None
        while parts and not (
            PACKAGE.joinpath(*parts).is_dir()
            or PACKAGE.joinpath(*parts).with_suffix(".py").exists()
        ):
            parts.pop()  # a name inside a module
        return tuple(parts) or None  # None: the package's own face


@cache
def imports() -> tuple[Import, ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        by = inside.with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{inside}: relative import"
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [Import(f"{inside}:{node.lineno}", by, name) for name in names]
    return tuple(found)


def floor(folder: str, room: str) -> int:
    return next(n for n, rooms in enumerate(FLOORS[folder]) if room in rooms)


def test_every_room_has_its_floor() -> None:
    for folder, floors in FLOORS.items():
        home = PACKAGE / folder
        rooms = {path.stem for path in home.glob("*.py") if path.stem != "__init__"}
        rooms |= {path.parent.name for path in home.glob("*/__init__.py")}
        named = [room for rooms in floors for room in rooms if room != "__version__"]
        assert sorted(named) == sorted(rooms), folder
    divided = {
        str(path.parent.parent.relative_to(PACKAGE)) for path in PACKAGE.glob("*/*/__init__.py")
    }
    assert divided <= {*FLOORS, "."}


def test_imports_point_downwards() -> None:
    wrong = []
    for each in imports():
        other = each.of_ours()
        if other is None:
            continue
        shared = 0
        while shared < min(len(each.by), len(other)) and each.by[shared] == other[shared]:
            shared += 1
        folder = "/".join(each.by[:shared])
        if folder not in FLOORS or shared in (len(each.by), len(other)):
            continue  # within one room
        if each.by[shared] == "__init__":
            continue  # a folder's face hands on what lies in it
        if floor(folder, other[shared]) >= floor(folder, each.by[shared]):
            wrong.append(f"{each.place} imports {each.name}")
    assert wrong == []


def test_no_files_import_each_other_not_even_in_a_wide_circle() -> None:
    arrows: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for each in imports():
        if other := each.of_ours():
            file = other if not PACKAGE.joinpath(*other).is_dir() else (*other, "__init__")
            arrows.setdefault(each.by, set()).add(file)
    TopologicalSorter(arrows).prepare()  # CycleError names the files of a circle


def test_no_folder_is_a_crowd_and_no_file_a_scroll() -> None:
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        modules = [path for path in folder.glob("*.py") if path.stem != "__init__"]
        assert len(modules) <= CROWD, folder
    for part in ("bench_pipeline", "benchmarks", "tests"):
        for kind in ("py", "js", "sql", "css", "html"):
            for path in (ROOT / part).rglob(f"*.{kind}"):
                if "vendor" not in path.parts:
                    assert len(path.read_text().splitlines()) <= LONGEST_LINES, path


def test_each_folder_says_what_belongs_in_it() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_the_tests_mirror_the_folders() -> None:
    """Who looks for the tests of a folder finds them under the same path."""
    for path in PACKAGE.rglob("__init__.py"):
        folder = path.parent.relative_to(PACKAGE)
        if folder.parts and folder.name not in TESTED_BY_THEIR_USERS:
            assert (ROOT / "tests" / folder).is_dir(), folder


def test_the_rig_s_side_imports_only_the_rig_s_packages() -> None:
    allowed = RIG_PACKAGES | sys.stdlib_module_names | {"bench_pipeline"}
    wrong = [
        f"{each.place} imports {each.name}"
        for each in imports()
        if each.by[0] in RIG_SIDE and each.name.split(".")[0] not in allowed
    ]
    assert wrong == []


def test_only_the_control_plane_knows_dagster() -> None:
    wrong = [
        each.place
        for each in imports()
        if each.name.split(".")[0].startswith("dagster") and each.by[0] not in CONTROL_PLANE
    ]
    assert wrong == []


def test_what_the_type_check_passes_over_is_imported_by_none_of_ours() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    (skipped,) = [each for each in settings["overrides"] if each["follow_imports"] == "skip"]
    packages = {name.removesuffix(".*") for name in skipped["module"]}
    assert "sqlalchemy" in packages
    assert [e.place for e in imports() if e.name.split(".")[0] in packages] == []


def locked(name: str) -> dict[str, list[str]]:
    """What `requirements/NAME.txt` pins, each with its hashes."""
    pinned: dict[str, list[str]] = {}
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        word = line.removesuffix("\\").strip()
        if word.startswith("--hash="):
            pinned[next(reversed(pinned))].append(word)
        elif word and not word.startswith("#"):
            pinned[word] = []
    return pinned


def make_rig_environment(folder: Path) -> None:
    """With what requirements/rig.txt pins and nothing else, not even pip: the files that this
    environment has of it, compiled as they are, which were installed by the same hashes."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for pin in map(Requirement, locked("rig")):
        if pin.marker and not pin.marker.evaluate():
            continue
        found = distribution(pin.name)
        assert found.version in pin.specifier, f"{found.name} {found.version} is installed"
        tops = {file.parts[0] for file in found.files or [] if ".." not in file.parts}
        for top in tops - {path.name for path in packages.iterdir()}:
            (packages / top).symlink_to(str(found.locate_file(top)))


def test_the_rig_s_packages_are_pinned_as_this_environment_s_are() -> None:
    rig, tests = locked("rig"), locked("test")
    assert all(rig.values()), "each has its hashes"
    assert rig == {pin: tests.get(pin) for pin in rig}


@pytest.fixture(scope="session")
def rig_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "rig-environment", make_rig_environment) / "bin" / "python"


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
    for part in ("records", "measures", "inventory", "engines", "models", "harness", "importers"):
        paths = [path for path in (PACKAGE / part).rglob("*.py") if path.stem[0] != "_"]
        assert paths
        for path in paths:
            module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            assert module in found["imported"]


MEASURE = """
import importlib.metadata, json
sizes = {
    found.name: sum(
        f.locate().stat().st_size
        for f in found.files if f.suffix != ".pyc" and f.locate().exists()
    ) / 2**20
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
