"""The sensor and the schedule as the daemon evaluates them: real ticks, run keys and queue."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon import sensor as sensor_daemon

from bench_pipeline.defs.new_builds import new_llama_cpp_build, weekly_sentinel
from bench_pipeline.engines.builds.releases import RELEASES_API
from bench_pipeline.inventory.identity import machine_id
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import write_run
from tests.conftest import without_runs
from tests.engines.builds.releases import Releases
from tests.factories import measured_run

# Dagster reads this deprecated property of its own when it describes a schedule.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning"
)

CPU, VULKAN, PINNED = "shared-vm-2core/cpu", "gaming-desktop/vulkan", "gaming-desktop/cuda"
QUEUE = {"module": "bench_pipeline.deploy.coordinator", "class": "RigQueue"}
"""Queues what is requested; no daemon here takes it from there."""


def with_policy(project: Project, **policy: object) -> None:
    document = yaml.safe_load(project.engines.read_text())
    places = [{"place": CPU}, {"place": VULKAN}, {"place": PINNED, "pinned": True}]
    document["new_builds"] = {"min_interval_hours": 0, "places": places} | policy
    project.engines.write_text(yaml.safe_dump(document))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the checkout of each test lies, whose definitions are loaded once."""
    return tmp_path_factory.mktemp("watched") / "checkout"


@pytest.fixture
def project(place: Path) -> Project:
    shutil.rmtree(place, ignore_errors=True)
    return without_runs(place)


@pytest.fixture
def watched(project: Project) -> Project:
    """Two places that take upstream's releases, a third one pinned; b10434 measured on one."""
    with_policy(project)
    rig = project.rigs / "shared-vm-2core.yaml"
    rig.write_text(rig.read_text().replace("channel: wheel\n    build: b10434", "threads: 1", 1))
    rig.write_text(rig.read_text().replace("    threads: 1\n    threads: 1", "    threads: 1"))
    write_run(measured_run(workloads=["chat"], concurrencies=[1]), project.runs)
    return project


class Daemon:
    """The daemon's loop over sensors, turned by hand."""

    def __init__(self, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext) -> None:
        self.instance, self._workspace = instance, workspace
        (location,) = workspace.create_request_context().code_locations
        (repository,) = location.get_repositories().values()
        self.sensor = repository.get_sensor("new_llama_cpp_build")
        instance.start_sensor(self.sensor)

    def look(self) -> InstigatorTick:
        logger = sensor_daemon.logging.getLogger("daemon")
        time.sleep(0.001)  # ticks are ordered by their time
        for error in sensor_daemon.execute_sensor_iteration(self._workspace, logger, None, None):
            assert error is None, error
        return self.instance.get_ticks(
            self.sensor.get_remote_origin_id(), self.sensor.selector_id, limit=1
        )[0]

    def cursor(self) -> dict:
        return json.loads(self._state().instigator_data.cursor or "{}")

    def lose_cursor(self) -> None:
        self._remember(None)

    def pass_the_wait(self) -> None:
        """As if the moment before which upstream wants no question had come."""
        self._remember(json.dumps({**self.cursor(), "not_before": datetime.now(UTC).isoformat()}))

    def _remember(self, cursor: str | None) -> None:
        state = self._state()
        changed = state.instigator_data._replace(cursor=cursor)
        self.instance.update_instigator_state(state.with_data(changed))

    def _state(self):
        return self.instance.get_instigator_state(
            self.sensor.get_remote_origin_id(), self.sensor.selector_id
        )

    def keys(self) -> list[str]:
        """Run keys of all runs ever requested, oldest first."""
        return [run.tags["dagster/run_key"] for run in reversed(self.instance.get_runs())]

    def finish_all(self) -> None:
        for run in self.instance.get_runs(filters=dg.RunsFilter(statuses=[QUEUED])):
            self.instance.report_run_canceled(run)


QUEUED = dg.DagsterRunStatus.QUEUED


@pytest.fixture(scope="module")
def loaded(place: Path) -> Iterator[tuple[dg.DagsterInstance, WorkspaceProcessContext]]:
    """An instance, and a workspace of the definitions of the checkout at `place`."""
    # Here, as every worker imports every file of tests, and this one takes a second.
    from dagster._core.test_utils import (
        InProcessTestWorkspaceLoadTarget,
        create_test_daemon_workspace_context,
    )

    code = place.with_name("definitions_of_test.py")
    code.write_text(
        "from pathlib import Path\n"
        "from bench_pipeline.defs.gathered import build_defs\n"
        "from bench_pipeline.paths import Project\n"
        f"defs = build_defs(project=Project(Path({str(place)!r})))\n"
    )
    if not place.exists():
        without_runs(place)
    origin = LoadableTargetOrigin(executable_path=sys.executable, python_file=str(code))
    target = InProcessTestWorkspaceLoadTarget(InProcessCodeLocationOrigin(origin))
    with (
        dg.instance_for_test(overrides={"run_coordinator": QUEUE}) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        yield instance, workspace


@pytest.fixture
def emptied(
    loaded: tuple[dg.DagsterInstance, WorkspaceProcessContext],
) -> tuple[dg.DagsterInstance, WorkspaceProcessContext]:
    """With nothing that another test left behind."""
    instance, _ = loaded
    instance.wipe()
    assert instance.schedule_storage is not None
    instance.schedule_storage.wipe()
    return loaded


@pytest.fixture
def daemon(
    watched: Project,
    upstream: Releases,
    emptied: tuple[dg.DagsterInstance, WorkspaceProcessContext],
    monkeypatch: pytest.MonkeyPatch,
) -> Daemon:
    monkeypatch.setenv(RELEASES_API, upstream.url)
    monkeypatch.setattr(sensor_daemon, "is_under_min_interval", lambda *_: False)
    return Daemon(*emptied)


def skipped(tick: InstigatorTick, reason: str) -> bool:
    assert tick.status is TickStatus.SKIPPED, tick
    assert reason in (tick.skip_reason or "")
    return True


class InTwoHours(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + timedelta(hours=2)


def test_requests_are_made_exactly_once_whatever_upstream_does(
    daemon: Daemon, upstream: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    # first sight
    first = daemon.look()
    assert first.status is TickStatus.SUCCESS
    made = [f"b11500:{CPU}:all", f"b11500:{VULKAN}:all"]
    assert sorted(daemon.keys()) == sorted(made)
    daemon.finish_all()

    # the same build again: upstream says so without sending it
    assert skipped(daemon.look(), "b11500 is requested already")
    assert upstream.answered == [200, 304]

    # nothing of use: the reason is told, the cursor stays
    cursor = daemon.cursor()
    upstream.down()
    assert skipped(daemon.look(), "upstream cannot be asked")
    upstream.up()
    for answer, reason in (
        ((200, {}, b'{"tag_name": "b115'), "no release of a build"),
        ((200, {}, b'{"tag_name": 7}'), "no release of a build"),
        ((503, {}, b""), "answers 503"),
    ):
        upstream.instead = answer
        assert skipped(daemon.look(), reason)
    assert daemon.cursor() == cursor

    # a newer build while upstream wants no question: not asked until then
    upstream.publish("b11502")
    reset = datetime.now(UTC) + timedelta(hours=1)
    upstream.instead = (403, {"X-RateLimit-Reset": str(int(reset.timestamp()))}, b"{}")
    assert skipped(daemon.look(), "wants no question before")
    questions = len(upstream.asked)
    assert skipped(daemon.look(), "wants no question before")
    assert len(upstream.asked) == questions
    upstream.instead = None
    daemon.pass_the_wait()

    # then it is requested
    assert daemon.look().status is TickStatus.SUCCESS
    made += [f"b11502:{CPU}:all", f"b11502:{VULKAN}:all"]
    assert sorted(daemon.keys()) == sorted(made)
    assert "not_before" not in daemon.cursor()
    daemon.finish_all()

    # the cursor is lost: run keys know what was requested
    daemon.lose_cursor()
    assert daemon.cursor() == {}
    assert not daemon.look().run_ids
    assert sorted(daemon.keys()) == sorted(made)
    assert skipped(daemon.look(), "b11502 is requested already")


def test_a_build_is_noticed_by_the_version_that_names_it(
    daemon: Daemon, upstream: Releases
) -> None:
    upstream.publish("b11510")
    upstream.version, upstream.names = "v0.6.0", "b11500"
    assert daemon.look().status is TickStatus.SUCCESS
    assert skipped(daemon.look(), "b11500 is requested already")
    assert (upstream.answered, upstream.others[-1]) == ([200, 304], ("b11500", 304))
    daemon.finish_all()
    upstream.version, upstream.names = "v0.6.1", "b11510"
    assert daemon.look().status is TickStatus.SUCCESS
    assert daemon.keys()[-1] in (f"b11510:{CPU}:all", f"b11510:{VULKAN}:all")


def test_a_request_names_build_baseline_and_the_sentinel(daemon: Daemon) -> None:
    daemon.look()
    runs = {run.tags["dagster/partition"]: run for run in daemon.instance.get_runs()}
    assert set(runs) == {CPU, VULKAN}
    run = runs[CPU]
    assert (run.job_name, run.status) == ("measure", QUEUED)
    tags = ("bench/build", "bench/baseline", "bench/rig")
    assert [run.tags[tag] for tag in tags] == ["b11500", "b10434", "shared-vm-2core"]
    assert run.run_config["ops"] == {
        "engine_builds": {"config": {"build": "b11500", "beside": ["b10434"]}},
        "benchmark_runs": {
            "config": {
                "models": ["smollm2-135m-instruct-q4_1", "gemma-3-270m-q4_k_m"],
                "build": "b11500",
                "beside": ["b10434"],
                "profile": "full",
                "remeasure": False,
            }
        },
    }
    assert "bench/baseline" not in runs[VULKAN].tags, "nothing was measured there yet"


def test_requests_do_not_pile_up_before_a_rig_that_is_off(
    daemon: Daemon, upstream: Releases
) -> None:
    daemon.look()
    upstream.publish("b11501")
    assert skipped(daemon.look(), "an earlier request is still in the queue")
    daemon.finish_all()
    assert len(daemon.look().run_ids) == 2


def test_builds_between_two_intervals_are_passed_over(
    daemon: Daemon, upstream: Releases, watched: Project
) -> None:
    with_policy(watched, min_interval_hours=1, places=[{"place": CPU}])
    daemon.look()
    daemon.finish_all()
    upstream.publish("b11501")
    assert skipped(daemon.look(), "b11501 has to wait until")
    upstream.publish("b11502")
    assert skipped(daemon.look(), "b11502 has to wait until")
    with_policy(watched, places=[{"place": CPU}])
    assert len(daemon.look().run_ids) == 1
    assert daemon.keys() == [f"b11500:{CPU}:all", f"b11502:{CPU}:all"]


def looked_at(project: Project, instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    with dg.build_sensor_context(instance=instance, resources={"project": project}) as context:
        return new_llama_cpp_build(context)


def reason_of(outcome: dg.SensorResult | dg.SkipReason) -> str:
    found = outcome.skip_reason if isinstance(outcome, dg.SensorResult) else outcome
    text = found.skip_message if isinstance(found, dg.SkipReason) else found
    return text or ""


def test_upstream_is_not_asked_where_no_place_takes_its_releases(
    project: Project, upstream: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RELEASES_API, upstream.url)
    with_policy(project, places=[{"place": CPU}, {"place": PINNED, "pinned": True}])
    with dg.DagsterInstance.ephemeral() as instance:
        write_run(measured_run(workloads=["chat"], concurrencies=[1]), project.runs)
        assert f"{CPU}: b10434 or a newer build is measured" in reason_of(
            looked_at(project, instance)
        )
    assert upstream.asked == []


def test_a_place_that_no_rig_declares_is_named(
    watched: Project, upstream: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RELEASES_API, upstream.url)
    with_policy(watched, places=[{"place": "attic/cpu"}])
    with dg.DagsterInstance.ephemeral() as instance:
        assert reason_of(looked_at(watched, instance)) == "attic/cpu: no rig file declares it"
        with_policy(watched, places=[])
        assert "watches no place" in reason_of(looked_at(watched, instance))


def test_this_machine_s_own_rig_is_watched_without_being_named_and_no_other_machine_is(
    watched: Project, upstream: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RELEASES_API, upstream.url)
    rig = watched.rigs / "shared-vm-2core.yaml"
    lines = [line for line in rig.read_text().splitlines() if not line.startswith("machine_")]
    rig.write_text("\n".join([*lines, f'machine_id: "{machine_id()}"', ""]))
    with_policy(watched, places=[{"place": VULKAN}])
    with dg.DagsterInstance.ephemeral() as instance:
        found = looked_at(watched, instance)
        assert isinstance(found, dg.SensorResult)
        assert [r.run_key for r in found.run_requests or ()] == [f"b11500:{CPU}:all"]
        with_policy(watched, places=[{"place": VULKAN}, {"place": CPU, "pinned": True}])
        reason = reason_of(looked_at(watched, instance))
        assert f"{VULKAN}: is another machine than this one, `shared-vm-2core`" in reason
        another = watched.rigs / f"{VULKAN.partition('/')[0]}.yaml"
        another.write_text(another.read_text() + "ssh: me@another:bench\n")
        found = looked_at(watched, instance)
        assert isinstance(found, dg.SensorResult)
        assert [r.run_key for r in found.run_requests or ()] == [f"b11500:{VULKAN}:all"]
    assert f"{CPU}: pinned" in reason


@pytest.fixture
def week(
    watched: Project, emptied: tuple[dg.DagsterInstance, WorkspaceProcessContext]
) -> Callable[[datetime], list[dg.RunRequest | dg.SkipReason]]:
    """What the schedule requests at a moment."""

    def at(moment: datetime) -> list[dg.RunRequest | dg.SkipReason]:
        with dg.build_schedule_context(
            instance=emptied[0], scheduled_execution_time=moment, resources={"project": watched}
        ) as context:
            return list(weekly_sentinel(context))

    return at


def test_each_week_a_place_measures_its_build_once_more(watched: Project, week) -> None:
    with_policy(watched, places=[{"place": CPU}])
    write_run(
        measured_run(build="b10068", seed=2, workloads=["chat"], concurrencies=[1]), watched.runs
    )
    (request,) = week(datetime(2026, 11, 22, 2, 0, tzinfo=UTC))
    assert request.run_key == f"2026-W47:{CPU}:all"
    assert request.partition_key == CPU
    config = request.run_config["ops"]["benchmark_runs"]["config"]
    assert (config["build"], config["beside"], config["remeasure"]) == ("b10434", ["b10068"], True)
    (next_week,) = week(datetime(2026, 11, 29, 2, 0, tzinfo=UTC))
    assert next_week.run_key != request.run_key


def test_a_week_without_anything_measured_says_so(watched: Project, week) -> None:
    with_policy(watched, places=[{"place": VULKAN, "pinned": True}])
    document = yaml.safe_load(watched.engines.read_text())
    watched.engines.write_text(yaml.safe_dump(document | {"wheels": []}))
    (reason,) = week(datetime(2026, 11, 22, 2, 0, tzinfo=UTC))
    assert reason.skip_message == f"{VULKAN}: no build was measured there yet"
