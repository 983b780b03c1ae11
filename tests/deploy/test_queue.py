"""Who goes first in the queue, by Dagster's own daemon; and at what hours a rig is left alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)

from bench_pipeline.deploy import coordinator
from bench_pipeline.deploy.coordinator import HELD_TAG, QUIET, FarmQueue, QuietHours, RigQueue
from bench_pipeline.deploy.hours import quiet_hours_kept
from bench_pipeline.deploy.instance import SINGLE_MACHINE
from bench_pipeline.farm.access import TEMPLATE
from bench_pipeline.inventory.identity import machine_id
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import BackendSetup, Rig
from tests.waiting import wait_until

NIGHT, DAY = datetime(2026, 1, 5, 23, 30, tzinfo=UTC), datetime(2026, 1, 6, 5, 0, tzinfo=UTC)
BACKFILL = {"dagster/backfill": "abc"}
SENSOR = {"dagster/sensor_name": "new_llama_cpp_build"}
AUTOMATION = {"dagster/from_automation_condition": "true"}
WEEKLY = {"dagster/schedule_name": "weekly_sentinel"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Of one rig that sleeps at night and one that does not."""
    project = Project(tmp_path)
    project.rigs.mkdir(parents=True)
    declared = {"title": "a", "backends": {"cpu": {}}}
    (project.rigs / "awake.yaml").write_text(yaml.safe_dump(declared))
    sleeps = {**declared, "quiet_hours": ["20:00-05:00"]}
    (project.rigs / "sleeps.yaml").write_text(yaml.safe_dump(sleeps))
    monkeypatch.setattr(coordinator, "checkout", lambda: project)
    return project


@contextmanager
def with_queue_of(template: Path) -> Iterator[dg.DagsterInstance]:
    settings = yaml.safe_load(template.read_text())
    overrides = {name: settings[name] for name in ("run_coordinator", "concurrency")}
    with dg.instance_for_test(overrides=overrides) as instance:
        yield instance


@pytest.fixture(scope="module")
def farm_s() -> Iterator[dg.DagsterInstance]:
    with with_queue_of(TEMPLATE) as instance:
        yield instance


@pytest.fixture
def instance(farm_s: dg.DagsterInstance) -> dg.DagsterInstance:
    """With a farm's queue, and nothing in it."""
    for run in farm_s.get_runs():
        farm_s.delete_run(run.run_id)
    return farm_s


def asked(
    instance: dg.DagsterInstance, place: str | None, tags: dict[str, str] | None = None
) -> str:
    """A run in the queue, by day; of no place, what makes the tables and pages."""
    server = GrpcServerCodeLocationOrigin(host="localhost", socket="none", location_name="here")
    run = instance.create_run_for_job(
        dg.GraphDefinition("nothing").to_job(),
        tags={**({"dagster/partition": place} if place else {}), **(tags or {})},
        status=dg.DagsterRunStatus.QUEUED,
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(server, "a"), "nothing"),
    )
    assert isinstance(instance.run_coordinator, RigQueue)
    instance.run_coordinator.tag_with_rig(run, DAY)
    return run.run_id


def launched_next(instance: dg.DagsterInstance) -> list[str]:
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=5, page_size=2)
    limits = instance.get_concurrency_config()
    return [run.run_id for run in daemon._get_runs_to_dequeue(instance, limits, None)]


def test_a_person_goes_first_then_a_new_build_then_a_campaign(
    instance: dg.DagsterInstance, project: Project
) -> None:
    campaign = asked(instance, "awake/cpu", BACKFILL)
    weekly = asked(instance, "awake/cpu", WEEKLY)
    build = asked(instance, "awake/cpu", SENSOR)
    person = asked(instance, "awake/cpu")
    in_a_hurry = asked(instance, "awake/cpu", {**BACKFILL, "dagster/priority": "99"})
    order = []
    while found := launched_next(instance):
        assert len(found) == 1, "one thing at a time on a rig"
        order += found
        instance.delete_run(found[0])
    assert order == [in_a_hurry, person, weekly, build, campaign]


def test_a_campaign_spreads_over_rigs(instance: dg.DagsterInstance, project: Project) -> None:
    places = ("awake/cpu", "awake/vulkan", "another/cpu", "another/vulkan")
    asked_for = [asked(instance, place, BACKFILL) for place in places]
    assert launched_next(instance) == [asked_for[0], asked_for[2]]


def test_what_is_published_by_itself_waits_for_what_is_measured_on_the_same_machine(
    project: Project,
) -> None:
    declared = {"title": "a", "backends": {"cpu": {}}, "machine_id": machine_id()}
    (project.rigs / "here.yaml").write_text(yaml.safe_dump(declared))
    with with_queue_of(SINGLE_MACHINE) as instance:
        here, elsewhere = asked(instance, "here/cpu"), asked(instance, "awake/cpu")
        by_itself, by_hand = asked(instance, None, AUTOMATION), asked(instance, None)
        assert {*launched_next(instance)} == {here, elsewhere, by_hand}
        for run in (here, elsewhere, by_hand):
            instance.delete_run(run)
        assert launched_next(instance) == [by_itself]


def test_a_farm_s_control_plane_publishes_whatever_is_measured(
    instance: dg.DagsterInstance, project: Project
) -> None:
    declared = {"title": "a", "backends": {"cpu": {}}, "machine_id": machine_id()}
    (project.rigs / "here.yaml").write_text(yaml.safe_dump(declared))
    here, by_itself = asked(instance, "here/cpu"), asked(instance, None, AUTOMATION)
    assert {*launched_next(instance)} == {here, by_itself}


def test_what_waits_for_a_rig_is_held_in_its_quiet_hours(
    instance: dg.DagsterInstance, project: Project
) -> None:
    before, other = asked(instance, "sleeps/cpu"), asked(instance, "awake/cpu")
    hours, rigs = QuietHours(instance, project), ["awake", "sleeps"]
    assert hours.keep(rigs, DAY) == []
    assert launched_next(instance) == [before, other]
    assert hours.keep(rigs, NIGHT) == ["sleeps: quiet hours, nothing is begun there"]
    assert hours.keep(rigs, NIGHT) == []
    assert launched_next(instance) == [other]
    # a control plane that starts at night, or after it, finds what the one before had held
    assert QuietHours(instance, project).keep(rigs, NIGHT) != []
    assert launched_next(instance) == [other]
    assert QuietHours(instance, project).keep(rigs, DAY) == ["sleeps: its quiet hours are over"]
    assert launched_next(instance) == [before, other]


def test_one_machine_s_quiet_hours_are_kept_while_its_pages_are_served(project: Project) -> None:
    file = project.rigs / "sleeps.yaml"
    file.write_text(file.read_text().replace("20:00-05:00", "00:00-00:00"))
    with with_queue_of(SINGLE_MACHINE) as instance:
        held, other = asked(instance, "sleeps/cpu"), asked(instance, "awake/cpu")
        with quiet_hours_kept(project):
            assert launched_next(instance) == [other]
        file.write_text((project.rigs / "awake.yaml").read_text())
        with quiet_hours_kept(project):
            wait_until(lambda: held in launched_next(instance), "it to be let go")


@pytest.mark.parametrize(("hours", "is_held"), [("00:00-00:00", True), (None, False)])
def test_what_is_asked_for_in_quiet_hours_is_held_from_the_first_moment(
    project: Project, hours: str | None, is_held: bool
) -> None:
    declared = {"title": "a", "backends": {"cpu": {}}}
    told = {**declared, **({"quiet_hours": [hours]} if hours else {})}
    (project.rigs / "a.yaml").write_text(yaml.safe_dump(told))
    assert (FarmQueue().tags_for("a", DAY).get(HELD_TAG) == QUIET) == is_held


@pytest.mark.parametrize(
    ("hours", "at", "is_quiet"),
    [
        (["20:00-05:00"], "19:59", False),
        (["20:00-05:00"], "20:00", True),
        (["20:00-05:00"], "04:59", True),
        (["20:00-05:00"], "05:00", False),
        (["09:00-12:00", "13:00-17:00"], "12:30", False),
        (["09:00-12:00", "13:00-17:00"], "13:00", True),
        ([], "03:00", False),
    ],
)
def test_quiet_hours_may_pass_midnight(hours: list[str], at: str, is_quiet: bool) -> None:
    rig = Rig(slug="a", title="a", quiet_hours=hours, backends={"cpu": BackendSetup()})
    moment = datetime.fromisoformat(f"2026-01-05T{at}:30+00:00")
    assert rig.is_quiet(moment) == is_quiet
