"""Copies of this checkout, for tests that run its commands as a user would."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import yaml

from bench_pipeline.engines.builds.releases import RELEASES_API
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.harness.rig_lock import LOCK_VARIABLE
from bench_pipeline.inventory.identity import this_rig
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.yaml.files import read_rigs
from tests.short_runs import LOOK_S, OF_A_CLIENT, READ_BYTES
from tests.waiting import PATIENCE_S

BIN = Path(sys.executable).parent

TINY_WORKLOAD = """\
title: {title}
order: {order}
explanation: Short, for a test.
prompt_tokens: 40
output_tokens: {tokens}
quick_output_tokens: {tokens}
body: Name some towns that lie beside a large river, and say which river it is.
"""


def committed_runs() -> list[Path]:
    """The run files that git knows: what `make bench` made here, on whatever machine, proves
    nothing."""
    project = checkout()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", str(project.runs)],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [project.root / name for name in listed.split("\0") if name.endswith(".yaml")]


def copy_checkout(target: Path) -> Path:
    """The files that git would commit now, in `target`; compiled already where they are here."""
    root = checkout().root
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        compiled = [cache_from_source(name)] if name.endswith(".py") else []
        for file in (name, *compiled):
            if (root / file).is_file():
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / file, target / file)
    return target


def as_on_a_new_machine(copy: Path) -> Path:
    """Without the rig that this machine is, and its runs: `make bench` may have made both."""
    project = Project(copy)
    while (rig := this_rig(read_rigs(project.rigs))) is not None:
        (project.rigs / f"{rig.slug}.yaml").unlink()
        shutil.rmtree(project.runs / rig.slug, ignore_errors=True)
    return copy


def without_measured_runs(copy: Path) -> Path:
    """Only the figures taken over from other pages are left to be published: few and small."""
    for path in Project(copy).runs.rglob("*.yaml"):
        if not path.name.startswith("published-"):
            path.unlink()
    return copy


def with_tiny_workloads(copy: Path, tokens: int) -> Path:
    """Replaces the workloads by two whose answers have `tokens` tokens."""
    folder = copy / "content" / "workloads"
    for path in folder.glob("*.yaml"):
        path.unlink()
    for order, title in enumerate(("short", "shorter"), start=1):
        text = TINY_WORKLOAD.format(title=title, order=order, tokens=tokens)
        (folder / f"{title}.yaml").write_text(text)
    return copy


def with_model(project: Project, model: ModelFile) -> None:
    """Declares `model`, whose file is in the artefact cache."""
    entry = model.model_dump(mode="json", exclude={"slug"}, exclude_defaults=True)
    (project.models / f"{model.slug}.yaml").write_text(yaml.safe_dump(entry))


def with_rules(copy: Path, **rules: str) -> Path:
    """Sets these rules in each profile, as they would stand in the source."""
    place = copy / "bench_pipeline" / "harness" / "planning" / "profiles.py"
    text = place.read_text()
    for name, value in rules.items():
        text, found = re.subn(rf"\b{name}=.*,\n", f"{name}={value},\n", text)
        assert found == len(PROFILES), name
    place.write_text(text)
    return copy


def with_constant(copy: Path, module: str, name: str, value: object) -> None:
    """Sets it in the source, at the line that begins with its name."""
    place = copy / "bench_pipeline" / module
    line = re.compile(rf"^{name} = .*$", re.MULTILINE)
    text, found = line.subn(f"{name} = {value!r}", place.read_text())
    assert found == 1, name
    place.write_text(text)


def with_short_looks(copy: Path) -> Path:
    """Looks at the machine as briefly as `short_runs`, and waits for none to become quiet."""
    with_rules(copy, quiet_patience_s="0")
    with_constant(copy, "harness/quiet.py", "LOOK_S", LOOK_S)
    read = "_LEAST_BYTES, _MOST_BYTES"
    with_constant(copy, "inventory/bandwidth.py", read, (READ_BYTES, READ_BYTES))
    return copy


def with_starved_clients_heard(copy: Path) -> Path:
    """A short reply is over within a blink of the client's: what that does to its times is
    looked at in tests/harness/client, here it would end every command on a busy machine."""
    for name, limit in OF_A_CLIENT.items():
        with_constant(copy, "measures/formulas.py", name, limit)
    return copy


def bare_environment() -> dict[str, str]:
    """What a login shell has after `activate`, where the artefact cache is, and the tests' own
    lock; no more."""
    kept = ("HOME", "LANG", "XDG_CACHE_HOME", "BENCH_PIPELINE_CACHE", LOCK_VARIABLE, RELEASES_API)
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return environment | {"PATH": f"{BIN}{os.pathsep}{os.defpath}"}


def run_in(
    copy: Path, *command: str, timeout_s: float = PATIENCE_S, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`environment`: other than that of a shell after `activate`."""
    return subprocess.run(
        command,
        cwd=copy,
        env=bare_environment() | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
