"""Redis: what Celery is told of it, everywhere in the same words, and what waits there."""

import base64
import json
import socket
from pathlib import Path
from typing import Any

from bench_pipeline.farm.access import AUTHORITY, Access, tls_of_redis

CONTROL_QUEUE = "control"
"""Of everything that happens on no rig: publishing, imports."""


def broker_and_backend(access: Access) -> tuple[str, str]:
    """Results are kept apart from queues. With passwords: for this process alone."""
    return access.broker_url(0), access.broker_url(1)


def celery_settings(home: Path) -> dict[str, Any]:
    tls = tls_of_redis(home)
    return {
        "broker_use_ssl": tls,
        "redis_backend_use_ssl": tls,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # for as long as the control plane is away
        "broker_transport_options": {
            # a task is acknowledged before it begins, so this is for what was never begun
            "visibility_timeout": 600,
            "socket_keepalive": True,
            "socket_keepalive_options": _keepalive(),
            "health_check_interval": 30,
        },
        "worker_prefetch_multiplier": 1,
        "task_acks_late": False,
        "result_expires": 7 * 86400,
        "task_default_queue": CONTROL_QUEUE,
    }


def _keepalive() -> dict[int, int]:
    """A worker that only waits hears nothing of a control plane that lost its power, nor of a
    router that forgot the connection: it asks, and gives up in a minute what does not answer."""
    wanted = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): s for name, s in wanted.items() if hasattr(socket, name)}


def redis_client(access: Access, home: Path) -> Any:
    import redis

    return redis.Redis.from_url(
        access.broker_url(0),
        ssl_ca_certs=str(home / AUTHORITY),
        socket_connect_timeout=10,
        socket_timeout=30,
    )


def waiting_runs(client: Any, queues: list[str]) -> dict[str, set[str]]:
    """Ids of Dagster runs, by queue. Those that were taken and never acknowledged count too: they
    come back."""
    waiting: dict[str, set[str]] = {queue: set() for queue in queues}
    for queue in queues:
        for priority in ("", *(f"\x06\x16{step}" for step in (3, 6, 9))):
            for message in client.lrange(queue + priority, 0, -1):
                waiting[queue].add(_run_of(json.loads(message)))
    for entry in client.hvals("unacked"):
        message, _exchange, routing_key = json.loads(entry)
        for queue in queues:
            if routing_key == queue or routing_key.startswith(queue + "."):
                waiting[queue].add(_run_of(message))
    return waiting


def _run_of(message: dict[str, Any]) -> str:
    """Celery's protocol 2: (args, kwargs, embed), in base64."""
    _args, options, _embed = json.loads(base64.b64decode(message["body"]))
    return run_in(options)


def run_in(options: dict[str, Any]) -> str:
    """The Dagster run's id, of a task's arguments: in Dagster's own format, which has other names
    for its fields."""
    from dagster._grpc.types import ExecuteRunArgs
    from dagster._serdes import unpack_value

    return unpack_value(options["execute_job_args_packed"], as_type=ExecuteRunArgs).run_id
