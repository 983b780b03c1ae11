"""One plan item measured on a rig that is reached by ssh: its plan goes there, its run files come
home as messages of Dagster Pipes, and are taken in by the rules of `receive`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_pipes import PIPES_PROTOCOL_VERSION_FIELD

from bench_pipeline import __version__
from bench_pipeline.defs.remote.ssh import Connection
from bench_pipeline.errors import RecordError, RigError
from bench_pipeline.harness.carried.messages import NOT_MADE, RUN_FILE, unpacked
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.plan_file import plan_of
from bench_pipeline.inventory.identity import this_rig
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import dump_record, parse_record, read_named

_METHODS = ("opened", "closed", "log", "report_custom_message")
"""A rig has nothing else to say: what is materialized is for us to say."""


def reached_by_ssh(project: Project, slug: str) -> Rig | None:
    """The rig `slug`, if its file says how it is reached and it is another machine than this."""
    rig = read_named(Rig, project.rigs, slug)
    if rig is None or rig.ssh is None or this_rig({slug: rig}) is not None:
        return None
    return rig


class _Lines(dg.PipesMessageReader):
    """Of a connection, each given to it as it comes."""

    expected_writer_count = 1  # as Dagster's own says, with a warning that it may change

    def __init__(self, log: Any) -> None:
        self._log = log
        self._handler: dg.PipesMessageHandler | None = None

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[dict[str, Any]]:
        self._handler = handler
        yield {}

    def on_opened(self, opened_payload: Any) -> None:
        version = opened_payload["extras"].get("version")
        if version != __version__:
            self._log.warning(f"bench_pipeline is {version} there and {__version__} here")

    def take(self, line: bytes) -> None:
        """What is no message, as a shell's greeting, is passed over."""
        assert self._handler is not None
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict) or PIPES_PROTOCOL_VERSION_FIELD not in message:
            self._log.debug(line.decode(errors="replace").rstrip()[:1000])
        elif message.get("method") in _METHODS:
            self._handler.handle_message(message)  # type: ignore[arg-type]

    def no_messages_debug_text(self) -> str:
        return "Looked for messages in what came over ssh."


def measured_over_ssh(
    context: dg.OpExecutionContext, project: Project, rig: Rig, item: PlanItem
) -> list[tuple[Run, Path]]:
    """The runs that `item` asks for, with their files here. RigError: it could not be reached, or
    ended; what it could not do is told in its own words. RecordError: what came is refused.
    Nothing is written unless all of it came."""
    assert rig.ssh is not None
    plan = plan_of(project, rig.model_copy(update={"ssh": None}), [item])
    run = context.run.root_run_id or context.run_id
    address, _, folder = rig.ssh.partition(":")
    words = [f"{folder}/bin/python", "-P", "-m", "bench_pipeline.harness.carried.piped"]
    words += [folder, run[:8]]
    reader = _Lines(context.log)
    handler = dg.PipesMessageHandler(context, reader)  # type: ignore[arg-type]
    with handler.handle_messages(), Connection(address, words) as connection:
        connection.send(json.dumps({"plan": dump_record(plan)}))
        for line in connection.lines():
            reader.take(line)
            if handler.received_closed_message:
                break
        else:
            raise connection.why_it_ended(folder, handler.received_opened_message)
    return _taken_in(project, rig, item, handler.get_custom_messages(), context.log)


def _taken_in(
    project: Project, rig: Rig, item: PlanItem, messages: Any, log: Any
) -> list[tuple[Run, Path]]:
    from bench_pipeline.warehouse.receiving import Receiver  # with what judges: only now

    for words in (each[NOT_MADE] for each in messages if NOT_MADE in each):
        raise RigError(
            f"{words['where']}: {words['problem']}" if words["where"] else words["problem"],
            mend=f"on that machine: {words['mend']}",
            where=f"{rig.slug} ({rig.ssh})",
        )
    came = []
    for each in messages:
        where = Path(f"{rig.slug}:{each[RUN_FILE]}")
        content = unpacked(each["document"], each["sha256"])
        _refuse_another(parse_record(Run, content, where), item, where)
        came.append((content, where))
    if not came:
        raise RigError("it ended well and sent no run", mend="launch it again", where=rig.ssh)
    receiver, taken = Receiver(project), []
    for content, where in came:
        received = receiver.take(content, where)
        for doubt in received.doubts:
            log.warning(f"{received.path.name}: look at {' '.join(doubt.split())}")
        taken.append((received.run, received.path))
    return taken


def _refuse_another(run: Run, item: PlanItem, where: Path) -> None:
    wanted = (item.rig, item.backend, item.model_sha256, item.mode)
    if (run.rig, run.backend, run.model.sha256, run.mode) != wanted or (
        run.engine.asked_as not in (item.build, *item.beside)
    ):
        raise RecordError(
            f"is not the run that was asked for: {item.told}",
            mend="look at what runs on that machine as bench_pipeline",
            where=where,
        )
