"""Which Dagster runs wait in Redis, read from what Dagster's launcher really sends."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from dagster._core.instance.ref import InstanceRef
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import pack_value

from bench_pipeline.farm.queues import run_in, waiting_runs


class Lists:
    """Redis's two commands, over what is in memory."""

    def __init__(self, lists: dict[str, list[str]], unacknowledged: list[str]) -> None:
        self._lists, self._unacknowledged = lists, unacknowledged

    def lrange(self, name: str, first: int, last: int) -> list[str]:
        assert (first, last) == (0, -1)
        return self._lists.get(name, [])

    def hvals(self, name: str) -> list[str]:
        assert name == "unacked"
        return self._unacknowledged


@pytest.fixture
def app() -> Iterator[Celery]:
    with Celery(broker="memory://") as app:
        yield app


def sent(app: Celery, run_id: str) -> dict:
    """A message as Celery puts it on the wire, with the task that the launcher makes."""
    origin = JobPythonOrigin("measure", RepositoryPythonOrigin("python", _pointer()))
    instance = InstanceRef.from_dir(str(Path(__file__).parent))
    packed = pack_value(ExecuteRunArgs(origin, run_id, instance, set_exit_code_on_failure=True))
    message = app.amqp.create_task_message(
        "id", "execute_job", args=(), kwargs={"execute_job_args_packed": packed}
    )
    assert run_in({"execute_job_args_packed": packed}) == run_id
    return {"body": base64.b64encode(json.dumps(message.body).encode()).decode()}


def _pointer():
    from dagster._core.code_pointer import ModuleCodePointer

    return ModuleCodePointer("bench_pipeline.definitions", "defs", None)


def test_runs_of_each_priority_count_and_those_that_were_never_acknowledged(app: Celery) -> None:
    one, two, three = (sent(app, name) for name in ("one", "two", "three"))
    redis = Lists(
        {"rig.a": [json.dumps(one)], "rig.b\x06\x163": [json.dumps(two)]},
        [json.dumps([three, "rig.b", "rig.b.execute_job"])],
    )
    assert waiting_runs(redis, ["rig.a", "rig.b", "rig.bb"]) == {
        "rig.a": {"one"},
        "rig.b": {"two", "three"},
        "rig.bb": set(),
    }
