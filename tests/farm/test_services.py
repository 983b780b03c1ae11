"""Redis and Postgres as a farm starts them: real ones, on free ports."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench_pipeline.errors import BenchError
from bench_pipeline.farm import founding
from bench_pipeline.farm.access import Access
from bench_pipeline.farm.control import OnlyOne, services
from bench_pipeline.farm.founding import DATA_VARIABLE, Farm, found_farm
from bench_pipeline.farm.queues import redis_client
from bench_pipeline.farm.services import Service, wait_for
from bench_pipeline.paths import Project
from tests.farm.machines import enterable_folder, free_ports

ONCE = Retry(NoBackoff(), 0)
"""By itself redis-py asks eleven times, seconds apart, who is not to be answered at all."""


@dataclass
class Running:
    farm: Farm
    redis: Service
    postgres: Service
    rig_home: Path

    def ask(self, question: str, access: Access | None = None, **words: Any) -> Any:
        """Of Postgres, as the control plane or as another."""
        who, home = (access, self.rig_home) if access else (self.farm.control, self.home)
        place = who.postgres_connection(home)
        connection = psycopg2.connect(**{**place, **words})
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(question)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    @property
    def home(self) -> Path:
        return self.farm.home


def kill(service: Service) -> None:
    service.process.send_signal(signal.SIGKILL)
    service.process.wait()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with enterable_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", "")
        patch.setenv(DATA_VARIABLE, str(folder / "postgres"))
        farm = found_farm(Project(folder), "127.0.0.1", *free_ports(2))
        rig_home = folder / "rig"
        farm.rig.write(rig_home)
        with services(farm) as (of_redis, of_postgres):
            yield Running(farm, of_redis, of_postgres, rig_home)


def test_a_rig_may_use_rows_and_change_no_table_setting_or_user(running: Running) -> None:
    assert running.ask("select count(*) from runs", running.farm.rig) == [(0,)]
    for forbidden in (
        "create table mine (a int)",
        "drop table runs",
        "truncate runs",
        "copy (select 1) to program 'true'",
        "alter role control password 'mine'",
        "alter system set log_statement = 'all'",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            running.ask(forbidden, running.farm.rig)


def test_a_rig_may_use_queues_and_not_configure_them(running: Running) -> None:
    client = redis_client(running.farm.rig, running.rig_home)
    client.lpush("its-queue", "a")
    assert client.rpop("its-queue") == b"a"
    for command in (("CONFIG", "GET", "*"), ("FLUSHALL",), ("ACL", "LIST"), ("SHUTDOWN",)):
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command)


def test_neither_service_speaks_without_tls_or_to_a_stranger(running: Running) -> None:
    rig = running.farm.rig
    with pytest.raises(psycopg2.OperationalError, match=r"no pg_hba.conf entry"):
        running.ask("select 1", rig, sslmode="disable")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        running.ask("select 1", rig, password="guessed")
    with pytest.raises(redis.exceptions.ConnectionError):
        redis.Redis(port=rig.redis_port, socket_timeout=5, retry=ONCE).ping()
    stranger = redis.Redis(
        port=rig.redis_port, ssl=True, ssl_ca_certs=str(running.home / "authority.pem"), retry=ONCE
    )
    with pytest.raises(redis.exceptions.AuthenticationError):
        stranger.ping()


def test_what_waits_and_what_is_known_outlives_a_kill_of_both(running: Running) -> None:
    client = redis_client(running.farm.control, running.home)
    client.lpush("rig.a", "a run")
    with dg.DagsterInstance.from_config(str(running.home)) as instance:
        instance.daemon_cursor_storage.set_cursor_values({"a": "row"})
        for service in (running.redis, running.postgres):
            assert service.revive() is None
            kill(service)
            assert "was started again" in (service.revive() or "")
        wait_for(client.ping, running.redis)
        wait_for(lambda: running.ask("select 1"), running.postgres)
        assert client.lrange("rig.a", 0, -1) == [b"a run"]
        assert instance.daemon_cursor_storage.get_cursor_values({"a"}) == {"a": "row"}


def test_a_page_that_is_asked_for_after_postgres_restarted_is_answered(running: Running) -> None:
    """The webserver keeps connections, of which none is one any more."""
    with dg.DagsterInstance.from_config(str(running.home)) as instance:
        instance.optimize_for_webserver(statement_timeout=5000, pool_recycle=3600, max_overflow=20)

        def page() -> int:
            assert instance.schedule_storage is not None
            instance.schedule_storage.all_instigator_state()
            instance.get_asset_keys()
            return instance.get_runs_count()

        assert page() == 0
        ours = (
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        )
        running.ask(f"{ours} and usename = 'control'")
        assert page() == 0
        instance.add_dynamic_partitions("some", ["a"])  # within a transaction
        assert instance.get_dynamic_partitions("some") == ["a"]


def test_a_second_control_plane_on_one_database_is_refused(running: Running) -> None:
    refused = pytest.raises(BenchError, match="another control plane")
    with OnlyOne(running.farm), refused, OnlyOne(running.farm):
        raise AssertionError("two at once")
    with OnlyOne(running.farm):
        pass


def test_after_postgres_was_killed_the_one_control_plane_is_still_the_only_one(
    running: Running,
) -> None:
    another = "another control plane"
    with OnlyOne(running.farm) as first:
        first.hold()
        kill(running.postgres)
        with pytest.raises(psycopg2.OperationalError):
            first.hold()
        assert "was started again" in (running.postgres.revive() or "")
        wait_for(lambda: running.ask("select 1"), running.postgres)
        first.hold()
        with pytest.raises(BenchError, match=another), OnlyOne(running.farm):
            raise AssertionError("two at once")
        running.ask("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
        with OnlyOne(running.farm), pytest.raises(BenchError, match=another):
            first.hold()


def test_found_again_it_is_the_same_farm(running: Running) -> None:
    farm = running.farm
    ports = (farm.rig.redis_port, farm.rig.postgres_port)
    project = Project(farm.folder.parent)
    assert found_farm(project, "127.0.0.1", *ports) == farm
    with pytest.raises(BenchError, match="its rigs look there"):
        found_farm(project, "another-name", *ports)


def test_a_service_that_cannot_start_says_why(running: Running) -> None:
    settings = running.farm.folder / "wrong.conf"
    settings.write_text("no-such-setting 1\n")
    with Service(["redis-server", str(settings)], running.farm.folder / "wrong.log") as service:
        service.process.wait()
        with pytest.raises(BenchError, match="it does not answer: Bad directive"):
            wait_for(lambda: 1 / 0, service)


def test_the_database_s_own_user_is_never_root() -> None:
    owner = founding.owner_of_database()
    assert owner is None or owner.pw_uid != 0
