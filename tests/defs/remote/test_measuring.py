"""A plan goes over ssh to a machine that sees nothing of this checkout, and its run comes home."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml

from bench_pipeline.defs.assets.runs import RUN_FILES
from bench_pipeline.defs.gathered import build_defs
from bench_pipeline.defs.remote.measuring import reached_by_ssh
from bench_pipeline.defs.remote.ssh import SSH_VARIABLE, Connection
from bench_pipeline.errors import RigError
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.plan_file import plan_of
from bench_pipeline.paths import Project
from bench_pipeline.progress import Silent
from bench_pipeline.records.yaml.files import dump_record, read_run, run_files
from tests.checkouts import with_model
from tests.defs.remote.conftest import Reached
from tests.harness.conftest import with_short_workloads
from tests.waiting import wait_until

RIG = "shared-vm-2core"
"""Whose partitions this checkout's definitions have."""


@pytest.fixture
def control(tin: Reached, tmp_path: Path, small_model, engine) -> Project:
    """A control plane that reaches a rig and is none itself."""
    project = with_short_workloads(tmp_path / "control")
    (project.workloads / "rag.yaml").unlink()
    for folder in (project.rigs, project.campaigns):
        for path in folder.glob("*.yaml"):
            path.unlink()
    with_model(project, small_model[0])
    setup = {"channel": "wheel", "build": engine.build, "threads": 1}
    rig = {"title": "Tin", "ssh": f"tin:{tin.home}", "backends": {"cpu": setup}}
    (project.rigs / f"{RIG}.yaml").write_text(yaml.safe_dump(rig))
    return project


@pytest.fixture
def launch(control: Project, small_model, instance: dg.DagsterInstance) -> Callable[[], list[str]]:
    """Asks for one run; what it failed with, if it did."""
    job = build_defs(project=control, reporter=Silent()).resolve_job_def("measure")
    wanted = {"models": [small_model[0].slug], "profile": "quick", "concurrencies": [1]}

    def launched() -> list[str]:
        result = job.execute_in_process(
            instance=instance,
            partition_key=f"{RIG}/cpu",
            run_config={"ops": {"benchmark_runs": {"config": wanted}}},
            raise_on_error=False,
        )
        return [
            event.step_failure_data.error.cause.message
            for event in result.all_events
            if event.is_step_failure
        ]

    return launched


def made_there(tin: Reached) -> list[Path]:
    return sorted(tin.home.glob("runs/*/content/benchmarks/runs/*/*/*.yaml"))


def test_a_run_is_made_there_and_comes_home_as_it_is(
    tin: Reached, control: Project, launch, instance: dg.DagsterInstance
) -> None:
    assert launch() == []
    (path,) = run_files(control.runs)
    (there,) = made_there(tin)
    assert path.read_bytes() == there.read_bytes()
    run = read_run(path)
    assert (run.rig, run.status) == (RIG, "ok")
    (record,) = instance.fetch_materializations(dg.AssetKey("benchmark_runs"), limit=9).records
    assert record.asset_materialization.metadata[RUN_FILES].value == [
        path.relative_to(control.runs).as_posix()
    ]
    told = " ".join(record.message for record in instance.all_logs(record.run_id))
    assert "Run 1 of 1" in told, "the run's log tells what happens there"
    assert launch() == []
    assert list(run_files(control.runs)) == [path], "what is there is not made again"


def test_a_rig_that_vanishes_is_one_clear_error_and_leaves_nothing(
    tin: Reached, control: Project, launch
) -> None:
    before = made_there(tin)

    def vanish() -> None:
        wait_until(tin.engines, "an engine at work")
        tin.unplug()

    thread = threading.Thread(target=vanish)
    thread.start()
    (error,) = launch()
    thread.join()
    assert "tin: the connection ended while it measured" in error and "mend: " in error
    tin.until_no_engine()
    assert list(run_files(control.runs)) == []
    assert made_there(tin) == before


def test_a_cancelled_run_ends_there_with_its_engine(
    tin: Reached, control: Project, small_model, engine
) -> None:
    rig, model = reached_by_ssh(control, RIG), small_model[0]
    assert rig is not None
    item = PlanItem(RIG, "cpu", engine.build, model.slug, model.sha256, concurrencies=(1,))
    plan = plan_of(control, rig.model_copy(update={"ssh": None}), [item])
    words = [f"{tin.home}/bin/python", "-P", "-m", "bench_pipeline.harness.carried.piped"]
    with (
        pytest.raises(KeyboardInterrupt),
        Connection("tin", [*words, str(tin.home), "cancelled"]) as connection,
    ):
        connection.send(json.dumps({"plan": dump_record(plan)}))
        for _line in connection.lines():
            if tin.engines():
                raise KeyboardInterrupt
    tin.until_no_engine()
    assert not list((tin.home / "runs" / "cancelled").rglob("2*.yaml"))
    assert not [p for p in psutil.process_iter() if "carried.piped" in " ".join(cmdline(p))]


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize(
    ("host", "key", "problem", "mend"),
    [
        ("off", "key", "cannot be reached: ", "see that it is on"),
        ("tin", "other_key", "it lets us not in: ", "ssh-copy-id tin"),
        ("unknown", "key", "its host key is not known here", "compare the key: ssh unknown"),
        ("changed", "key", "its host key is another than", "find out why first"),
    ],
)
def test_who_cannot_be_reached_is_told_with_its_mend(
    tin: Reached, monkeypatch: pytest.MonkeyPatch, host: str, key: str, problem: str, mend: str
) -> None:
    client = tin.folder / "client"
    other = tin.folder / f"client-{key}"
    other.write_text(client.read_text().replace("/key\n", f"/{key}\n"))
    monkeypatch.setenv(SSH_VARIABLE, f"ssh -F {other}")
    error = ended(host, "true")
    assert error.problem.startswith(problem) and mend in error.mend and error.where == host


def test_a_machine_without_the_install_is_told(tin: Reached) -> None:
    error = ended("tin", f"{tin.folder}/nothing/bin/python", "-m", "bench_pipeline")
    assert error.problem.startswith("there is no bench_pipeline in `bench` there")


def test_where_there_is_no_ssh_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SSH_VARIABLE, "no-such-ssh")
    with pytest.raises(RigError, match="openssh-client"), Connection("tin", ["true"]):
        pass


def ended(host: str, *words: str) -> RigError:
    with Connection(host, list(words)) as connection:
        connection.send("")
        assert list(connection.lines()) == []
        return connection.why_it_ended("bench", has_begun=False)
