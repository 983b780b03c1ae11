"""Which commands get this checkout's instance, and which are left alone."""

import os
from pathlib import Path

import pytest

from bench_pipeline.deploy.bench_pipeline_cli import MODULE, prepare
from bench_pipeline.paths import Project, checkout

PYTHON = "/somewhere/.venv/bin/python"
MATERIALIZE = "DAGSTER_CLI_ASSET_MATERIALIZE_MODULE_NAME"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / "bench_pipeline" / "deploy").mkdir(parents=True)
    for name in ("definitions.py", "deploy/dagster.single.yaml"):
        text = (checkout().root / "bench_pipeline" / name).read_text()
        (tmp_path / "bench_pipeline" / name).write_text(text)
    return tmp_path


def after(clone: Path, *argv: str, **environment: str) -> dict[str, str]:
    """What the environment has more than `environment` when `argv` starts in `clone`."""
    found = dict(environment)
    prepare([PYTHON, *argv], str(clone), found)
    return {name: value for name, value in found.items() if name not in environment}


@pytest.mark.parametrize(
    "program",
    [
        ("/somewhere/.venv/bin/dagster",),
        ("/somewhere/.venv/bin/dg",),
        ("C:\\venv\\Scripts\\dagster.exe".replace("\\", os.path.sep),),
        ("-m", "dagster"),
        ("-W", "error", "/somewhere/.venv/bin/dagster-daemon"),
    ],
)
def test_a_program_of_dagster_gets_the_checkout_s_instance(
    clone: Path, program: tuple[str, ...]
) -> None:
    home = Project(clone).dagster_home
    assert after(clone, *program, "run") == {"DAGSTER_HOME": str(home)}
    assert "enabled: false" in (home / "dagster.yaml").read_text()


def test_a_folder_below_the_checkout_is_in_it(clone: Path) -> None:
    below = clone / "content" / "models"
    below.mkdir(parents=True)
    assert after(below, "-m", "dagster", "instance", "info")["DAGSTER_HOME"].startswith(str(clone))


@pytest.mark.parametrize(
    "argv",
    [
        ("-m", "bench_pipeline", "dagster"),
        ("/usr/bin/pytest", "dagster"),
        ("script.py", "/bin/dagster"),
        ("-c", "/bin/dagster"),
        (),
    ],
)
def test_other_programs_are_left_alone(clone: Path, argv: tuple[str, ...]) -> None:
    assert after(clone, *argv) == {}
    assert not Project(clone).dagster_home.exists()


def test_outside_of_a_checkout_nothing_is_set(tmp_path: Path) -> None:
    assert after(tmp_path, "-m", "dagster", "asset", "list") == {}


def test_an_instance_and_settings_that_somebody_chose_stay(clone: Path) -> None:
    assert after(clone, "-m", "dagster", "dev", DAGSTER_HOME="/mine") == {}
    settings = Project(clone).dagster_home / "dagster.yaml"
    settings.parent.mkdir()
    settings.write_text("telemetry: {enabled: true}\n")
    after(clone, "-m", "dagster", "dev")
    assert settings.read_text() == "telemetry: {enabled: true}\n"


def test_commands_that_need_a_module_are_told_ours(clone: Path) -> None:
    for words, name in (
        (("asset", "materialize"), MATERIALIZE),
        (("asset", "list"), "DAGSTER_CLI_ASSET_LIST_MODULE_NAME"),
        (("job", "execute"), "DAGSTER_CLI_JOB_EXECUTE_MODULE_NAME"),
    ):
        assert after(clone, "-m", "dagster", *words)[name] == MODULE
    assert set(after(clone, "-m", "dagster", "sensor", "list")) == {"DAGSTER_HOME"}


@pytest.mark.parametrize("pointer", [("-f", "other.py"), ("-fother.py",), ("--python-file=a.py",)])
def test_who_names_definitions_is_left_with_them(clone: Path, pointer: tuple[str, ...]) -> None:
    assert MATERIALIZE not in after(clone, "-m", "dagster", "asset", "materialize", *pointer)
