import re
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from bench_pipeline.defs.gathered import build_defs
from bench_pipeline.inventory.identity import machine_id
from bench_pipeline.paths import Project
from bench_pipeline.progress import Silent
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import write_run

HERE = "shared-vm-2core"
"""The rig that the tests take this machine for."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def put(project: Project) -> Callable[[Run], Path]:
    """Writes a run file where it belongs."""
    return lambda run: write_run(run, project.runs)


@pytest.fixture
def launch(
    project: Project, instance: dg.DagsterInstance
) -> Callable[..., dg.ExecuteInProcessResult]:
    """Runs a job on the project; a step that fails fails the result, and is not raised."""
    definitions = build_defs(project=project, reporter=Silent())

    def run(job: str, **options: object) -> dg.ExecuteInProcessResult:
        options = {"run_config": QUIET, "raise_on_error": False, **options}
        return definitions.resolve_job_def(job).execute_in_process(instance=instance, **options)

    return run


def be_here(project: Project) -> None:
    """Makes the project believe that this machine is `HERE`, with whatever build runs on it."""
    for path in project.rigs.glob("*.yaml"):
        lines = [
            line for line in path.read_text().splitlines() if not line.startswith("machine_id:")
        ]
        path.write_text("\n".join(lines) + "\n")
    path = project.rigs / f"{HERE}.yaml"
    text = re.sub(r"^    (build|channel): .*\n", "", path.read_text(), flags=re.M)
    path.write_text(f'{text}machine_id: "{machine_id()}"\n')


@pytest.fixture
def this_machine(project: Project) -> None:
    be_here(project)


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {
        check.check_name: check.description or ""
        for check in result.get_asset_check_evaluations()
        if not check.passed
    }


def made(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        event.materialization.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
    ]
