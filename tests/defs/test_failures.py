"""A run that failed is told to who wants to know, and to nobody else."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from bench_pipeline.defs.failures import TOLD, tell, tell_failures

FAILED = {"run": "1234", "job": "measure", "partition": "a-rig/cpu", "message": "no engine"}


@pytest.fixture
def listener() -> Iterator[tuple[str, list[dict[str, str]]]]:
    heard: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204 if self.path == "/hook" else 500)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", heard
        server.shutdown()
        thread.join()


def test_an_address_is_posted_what_failed_where(
    listener: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    base, heard = listener
    monkeypatch.setenv(TOLD, f"{base}/hook")

    @dg.op
    def broken() -> None:
        raise ValueError

    @dg.job
    def measure() -> None:
        broken()

    with dg.DagsterInstance.ephemeral() as instance:
        result = measure.execute_in_process(instance=instance, raise_on_error=False)
        (event,) = [e for e in result.all_events if e.event_type_value == "PIPELINE_FAILURE"]
        run = instance.get_run_by_id(result.run_id)
        context = dg.build_run_status_sensor_context(
            "tell_failures", event, instance, run
        ).for_run_failure()
        assert tell_failures(context) is None
    (said,) = heard
    assert said["job"] == "measure"
    assert said["run"] == result.run_id
    assert said["text"] == "bench_pipeline: measure failed"


@pytest.mark.parametrize(
    ("whom", "why"),
    [("", f"{TOLD} names nobody"), ("{base}/broken", "500"), ("http://127.0.0.1:9", "refused")],
)
def test_who_cannot_be_told_is_said_and_nothing_more(
    listener: tuple[str, list[dict[str, str]]], whom: str, why: str
) -> None:
    skipped = tell(whom.format(base=listener[0]), **FAILED)
    assert skipped is not None
    assert why in (skipped.skip_message or "")
