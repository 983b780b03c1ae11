"""The containers of docs/compose.yaml, as far as that can be seen without Docker: what they run,
what they keep and what they are made of is what the code has."""

import re
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from bench_pipeline.cli import commands
from bench_pipeline.paths import Project, checkout

ROOT = checkout().root
TEXT = (ROOT / "docs" / "compose.yaml").read_text()
FILE = yaml.safe_load(TEXT)
SERVICES = FILE["services"]
KEYS = {
    *("build", "command", "init", "network_mode", "profiles", "restart", "stop_grace_period"),
    *("stop_signal", "volumes"),
}
"""Those of a service that the Compose specification has and that stand here."""
INSIDE = Project(PurePosixPath("/bench_pipeline"))  # type: ignore[arg-type]


def words(service: dict[str, Any], **given: str) -> list[str]:
    """Its command, as Compose fills in the variables: `${NAME:-default}`."""

    def value(found: re.Match[str]) -> str:
        return given.get(found[1], found[2])

    return [re.sub(r"\$\{(\w+):-([^}]*)\}", value, word) for word in service["command"]]


@pytest.mark.parametrize("name", SERVICES)
def test_each_runs_a_command_that_we_have(name: str) -> None:
    service = SERVICES[name]
    assert service.keys() == KEYS
    assert service["profiles"] == [name], "neither starts where only the other is asked for"
    python, option, package, *rest = words(service, HOST="bench.example.org", RIG="my-rig")
    assert (python, option, package) == (".venv/bin/python", "-m", "bench_pipeline")
    options = commands.parser().parse_args(rest)
    assert options.run.__name__ == f"run_{name}"
    assert "my-rig" in rest if name == "rig" else options.host == "bench.example.org"


@pytest.mark.parametrize("name", SERVICES)
def test_each_keeps_what_is_to_outlive_it(name: str) -> None:
    kept = {}
    for volume in SERVICES[name]["volumes"]:
        source, target = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[:2]
        kept[target] = source
        if not source.startswith((".", "/")):
            assert source in FILE["volumes"]
    assert kept[str(INSIDE.content)] == "../content"
    assert str(INSIDE.farm) in kept
    if name == "rig":
        assert kept["/root/.cache/bench_pipeline"] == "cache"
        join = commands.parser().parse_args(words(SERVICES[name])[3:]).join
        assert kept[str(join)] == "./join.json"


def test_the_image_has_what_the_tests_need_of_the_system_for_a_farm() -> None:
    (recipe,) = {service["build"]["dockerfile_inline"] for service in SERVICES.values()}
    packages = (ROOT / "scripts" / "system_packages.sh").read_text()
    for package in ("redis-server", "postgresql", "libgomp1"):
        assert f" {package} " in recipe.replace("\n", " ")
        assert f"need {package} " in packages
    (script, wanted) = re.findall(r"^RUN sh (\S+) (\S+)$", recipe, re.MULTILINE)[0]
    assert (ROOT / script).is_file()
    assert (ROOT / "requirements" / f"{wanted}.txt").is_file()
    assert SERVICES["rig"]["build"]["context"] == ".."


def test_no_secret_of_a_checkout_goes_into_the_image() -> None:
    left_out = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".farm", ".venv", ".dagster_home"} <= set(left_out)
