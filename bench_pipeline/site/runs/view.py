"""A page for each run: one run file completely, with what is needed to make it again."""

import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.records.run import asked_as
from bench_pipeline.site import wording
from bench_pipeline.site.arrangements import setup_words
from bench_pipeline.site.charts.conversations import Conversation, conversations_of
from bench_pipeline.site.charts.curves import BareRow, Curve, bare_rows, curve_of
from bench_pipeline.site.charts.scaling import Scaling, scaling_of
from bench_pipeline.site.hardware import (
    Hardware,
    hardware_of,
    rig_href,
    settings_facts,
)
from bench_pipeline.site.runs import conditions
from bench_pipeline.site.runs.cells import (
    CellRow,
    TelemetryRow,
    cell_row,
    metrics_of,
    telemetry_row,
)
from bench_pipeline.site.runs.conditions import ServerSection
from bench_pipeline.site.runs.samples import Samples, samples_of
from bench_pipeline.site.source import Row, SessionRun, Tables, published_path
from bench_pipeline.site.tables.around import around
from bench_pipeline.site.tables.engine_only import Speed, printed_rows
from bench_pipeline.site.tables.queueing import queues_said
from bench_pipeline.site.tables.rows import file_name, model_href, run_href
from bench_pipeline.site.tables.settings_told import settings_told

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RunLine:
    """What a line of a table says of a run."""

    run_id: str
    href: str
    model: str
    """Its name; `model_href` leads to its page."""
    model_href: str
    rig: str
    rig_href: str
    backend: str
    build: str
    """With its family where that is not the usual one, as in `wording.build`."""
    mode: str
    profile: str
    when: str
    """Start, or why no time is known."""
    hardware: Hardware
    status: str
    """`measured`, `provisional`, `flagged`, `published`, `imported` or `failed`."""
    settings: str
    """Of an imported run: what tells it from others of its configuration; else empty."""
    summary: str
    """What came out, for a line of a table: `16 cells, 1 failed`."""
    speeds: str
    """Slowest to fastest decode rate of one stream alone, tok/s; a dash if there is none."""
    failure: str

    @property
    def backend_name(self) -> str:
        return wording.backend_name(self.backend)


@dataclass(frozen=True)
class RunPage(RunLine):
    title: str
    log_tail: tuple[str, ...]
    findings: Facts
    """What to know before reading the figures."""
    partners: tuple[tuple[str, str], ...]
    """Build and page of each other run of its session."""
    facts: Facts
    servers: tuple[ServerSection, ...]
    repeat: str
    """The command that makes such a run; empty for figures from elsewhere."""
    repeat_streams: str
    """The same with the numbers of streams, where they were asked for; else empty."""
    source_title: str
    source_url: str
    """Only http(s); empty otherwise."""
    source_note: str
    metrics: tuple[str, ...]
    cells: tuple[CellRow, ...]
    samples: Samples | None
    telemetry: tuple[TelemetryRow, ...]
    curve: Curve | None
    curve_notes: tuple[str, ...]
    """What to know of a deep one, a sentence each."""
    conversations: tuple[Conversation, ...]
    scaling: Scaling | None
    printed: tuple[Speed, ...]
    """Figures as their source prints them."""
    queues: tuple[str, ...]
    """Which of them fit a queue and not streams at once, a sentence each."""
    bare: tuple[BareRow, ...]
    bare_command: str
    bare_failure: str
    file: str
    """Path below `data/runs/`."""
    sha256: str
    """Of that file."""

    @property
    def line(self) -> RunLine:
        return RunLine(**{each.name: getattr(self, each.name) for each in fields(RunLine)})


class RunPageMaker:
    """The lookups that every run's page needs, made once."""

    def __init__(self, tables: Tables) -> None:
        self.around = around(tables)
        self.settings = settings_told(tables.runs)
        self.rigs = {rig["rig"]: rig for rig in tables.rigs}
        self.queued = queues_said(tables)
        self.workload_titles = {work["workload"]: work["title"] for work in tables.workloads}
        self.order = {work["workload"]: work["ord"] for work in tables.workloads}
        self.listed = {
            (s["run_id"], s["workload"], s["concurrency"]) for s in tables.workload_speeds
        }
        self.sha256 = {file["run_id"]: file["sha256"] for file in tables.run_files}
        self.servers = _by_run(tables.servers)
        self.points = _by_run(tables.curve_points)
        self.tests = _by_run(tables.bare_tests)
        self.conversations = _by_run(tables.conversations)
        self.turns = _by_run(tables.conversation_turns)
        self.cells = _by_run(tables.measurements)
        self.waves = _by_run(tables.wave_speeds)
        self.telemetry = _by_run(tables.telemetry)

    def page(self, run: Row) -> RunPage:
        """`run`: of table `runs`."""
        run_id = run["run_id"]
        servers, points, tests = self.servers[run_id], self.points[run_id], self.tests[run_id]
        cells = self._in_order(self.cells[run_id])
        metrics = metrics_of(cells)
        told = conversations_of(self.conversations[run_id], self.turns[run_id])
        rig = self.rigs[run["rig"]]
        hardware = hardware_of(run, rig["title"] or rig["rig"], self.around.shared_devices)
        backend = wording.backend_name(run["backend"])
        build = wording.build(run["engine"], run["build"])
        unknown = "no date printed" if run["provenance"] == "published" else "date unknown"
        when = wording.moment(run["started_at"]) if run["started_at"] else unknown
        mode = "" if run["mode"] == "baseline" else f", {run['mode']}"
        settings = self.settings.get(run_id, "")
        mode += f", {settings}" if settings else ""
        setup = setup_words(run)
        mode += f", {setup}" if setup else ""
        url = run["source_url"] or ""
        return RunPage(
            run_id=run_id,
            href=run_href(run_id),
            title=f"{hardware.device}, {backend} {build}{mode}, {when}",
            model=file_name(run, self.around.shared_names),
            model_href=model_href(run["model"]),
            rig=run["rig"],
            rig_href=rig_href(run["rig"]),
            backend=run["backend"],
            build=build,
            mode=run["mode"],
            profile=run["profile"] or "",
            when=when,
            hardware=hardware,
            status=_status(run, cells),
            settings=settings,
            summary=_summary(run, cells, points, tests, told),
            speeds=_speeds(cells, tests),
            failure=_failure_words(run["failure_kind"], run["failure_message"]),
            log_tail=tuple(run["failure_log_tail"] or ()),
            findings=(
                *conditions.findings(run, rig, servers),
                *conditions.energy(self.telemetry[run_id]),
            ),
            partners=self._partners(run),
            facts=_run_facts(run, hardware),
            servers=conditions.server_sections(
                servers, points, self._blocks(run_id), told=self.conversations[run_id]
            ),
            repeat=repeat_command(run, self._session(run)),
            repeat_streams=_with_streams(run),
            source_title=run["source_title"] or "",
            source_url=url if url.startswith(("https://", "http://")) else "",
            source_note=run["source_note"] or "",
            metrics=metrics,
            cells=tuple(self._cell(cell, metrics) for cell in cells),
            samples=samples_of(cells, self.waves[run_id], self.workload_titles),
            telemetry=tuple(
                telemetry_row(device, self._title(device))
                for device in self._in_order(self.telemetry[run_id])
            ),
            curve=curve_of(run_id, points, tests),
            curve_notes=conditions.of_deep_curve(run),
            conversations=told,
            scaling=scaling_of(run, cells, self.workload_titles),
            printed=printed_rows(run),
            queues=self.queued.get(run_id, ()),
            bare=bare_rows(tests),
            bare_command=shlex.join(run["bare_argv"] or []),
            bare_failure=_failure_words(run["bare_failure_kind"], run["bare_failure_message"]),
            file=published_path(run["path"]),
            sha256=self.sha256[run_id],
        )

    def _session(self, run: Row) -> Sequence[SessionRun]:
        """The runs measured in turns with it, itself among them; none outside a session."""
        return self.around.sessions[run["session_id"]] if run["session_id"] else ()

    def _blocks(self, run_id: str) -> list[int]:
        """The servers of a session's blocks, in order; none outside a session."""
        servers = {w["server"] for w in self.waves[run_id] if w["server"] is not None}
        return sorted(servers)

    def _in_order(self, rows: list[Row]) -> list[Row]:
        """Rows of cells: few streams before many, workloads in the page's order."""
        return sorted(rows, key=lambda c: (c["concurrency"], self.order.get(c["workload"], 99)))

    def _title(self, row: Row) -> str:
        return self.workload_titles.get(row["workload"]) or str(row["workload"])

    def _cell(self, cell: Row, metrics: tuple[str, ...]) -> CellRow:
        place = (cell["run_id"], cell["workload"], cell["concurrency"])
        return cell_row(cell, metrics, self._title(cell), place in self.listed)

    def _partners(self, run: Row) -> tuple[tuple[str, str], ...]:
        return tuple(
            (other.build, run_href(other.run_id))
            for other in self._session(run)
            if other.run_id != run["run_id"] and other.model == run["model"]
        )


_A_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def repeat_command(run: Row, session: Sequence[SessionRun]) -> str:
    """`make bench MODEL=... BUILD=...`; `session`: the runs of its session, if it was in one.

    Empty for what was not measured by this code, and where a build's name is more than a name:
    what the shell leaves alone, make still expands.
    """
    if run["provenance"] != "measured":
        return ""
    asked = asked_as(run["engine"], run["build"])
    builds = (asked, *(other.build for other in session))
    if not all(_A_NAME.fullmatch(build) for build in builds):
        return ""
    said = {"MODEL": run["model"], "BACKEND": run["backend"]}
    if run["mode"] != "baseline":
        said["MODE"] = run["mode"]
    if list(run["parts"]) != ["usual"]:
        said["PARTS"] = " ".join(run["parts"])
    said |= {"PROFILE": run["profile"], "BUILD": asked}
    if others := sorted({other.build for other in session} - {run["build"]}):
        said["BASELINE"] = " ".join(others)
    return " ".join(("make bench", *(f"{k}={shlex.quote(str(v))}" for k, v in said.items())))


def _with_streams(run: Row) -> str:
    if run["provenance"] != "measured" or run["ladder_ended"] != "asked" or run["session_id"]:
        return ""
    argv = [".venv/bin/python", "-m", "bench_pipeline", "bench"]
    asked = run | {"build": asked_as(run["engine"], run["build"])}
    for option in ("model", "backend", "mode", "profile", "build"):
        argv += [f"--{option}", asked[option]]
    return shlex.join([*argv, "--concurrency", *(str(c) for c in run["ladder"])])


def _by_run(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["run_id"]].append(row)
    return found


def _summary(
    run: Row,
    cells: list[Row],
    points: list[Row],
    tests: list[Row],
    told: Sequence[Conversation],
) -> str:
    parts = [wording.counted(len(cells), "cell")] if cells else []
    if failed := sum(cell["status"] == "failed" for cell in cells):
        parts.append(f"{failed} failed")
    if points:
        parts.append(f"a curve of {wording.counted(len(points), 'length')}")
    for each in told:
        turns = wording.counted(len(each.rows), "turn")
        parts.append("a conversation failed" if each.failure else f"a conversation of {turns}")
    if tests:
        parts.append(wording.counted(len(tests), "test") + " of the bare engine")
    if printed := len(printed_rows(run)):
        parts.append(f"{wording.counted(printed, 'figure')} as printed")
    if run["bare_memory_reason"] and run["memory_verdict"] == "spilled":
        parts.append("spilled: part of the model in the host's memory")
    return ", ".join(parts) or "nothing measured"


def _speeds(cells: list[Row], tests: list[Row]) -> str:
    """Of one stream alone; of what there is where none ran alone; of the engine alone where there
    was no server."""
    fewest = min((c["concurrency"] for c in cells if c["decode_tok_s"] is not None), default=None)
    found = [
        cell["decode_tok_s"]
        for cell in cells
        if cell["concurrency"] == fewest and cell["decode_tok_s"] is not None
    ]
    tests = [test for test in tests if test["kind"] == "decode" and test["tok_s"]]
    if not found and tests and not cells:
        bare = [test["tok_s"] for test in tests]
        what = wording.listed(sorted({test["statistic"] or "median" for test in tests}))
        return f"{wording.span(min(bare), max(bare))}, engine only, {what}"
    if not found:
        return wording.MISSING
    words = wording.span(min(found), max(found))
    return words if fewest == 1 else f"{words} at {fewest} streams"


def _status(run: Row, cells: list[Row]) -> str:
    """A run is provisional where its profile, its host or the few repetitions of every cell make
    each of its figures so; in a session that ended early they are few."""
    counts = [cell["n"] for cell in cells if cell["n"] is not None]
    if run["status"] == "failed":
        return "failed"
    too_few = bool(counts) and max(counts) < PROFILES["full"].min_waves
    provisional = run["profile"] == "quick" or run["quiet"] is False or too_few
    flags = ["drifted"] if run["drifted"] else []
    return wording.source(run["provenance"], provisional, flags)


def _failure_words(kind: str | None, message: str | None) -> str:
    return f"{wording.failure(kind)}: {message}" if kind else ""


def known(*pairs: tuple[str, Any, Callable[[Any], str]]) -> Facts:
    """Labels with words for each value, without those that nobody knows."""
    return tuple((label, words(value)) for label, value, words in pairs if value not in (None, ""))


_CHANNELS = {"command": "started as the rig file says", "found": "found running"}


def _run_facts(run: Row, hardware: Hardware) -> Facts:
    length = None
    if run["started_at"] and run["finished_at"]:
        length = f"{(run['finished_at'] - run['started_at']).total_seconds() / 60:.1f} minutes"
    engine = f"{run['engine']} {run['build']}"
    if run["commit"]:
        engine += f", commit {run['commit']}"
    if run["channel"]:
        engine += f", {_CHANNELS.get(run['channel'], 'from ' + run['channel'])}"
    facts = known(
        ("Rig", hardware.rig_title, str),
        ("Hardware", hardware.text, str),
        ("System", ", ".join(filter(None, (run["os"], run["kernel"]))), str),
        ("Engine", engine, str),
        ("Not told by the engine", wording.listed(wording.untold(run["untold"])), str),
        ("Version line", run["version_line"], str),
        ("Binary SHA-256", run["binary_sha256"], str),
        ("Compiled for", run["system_info"], str),
        ("Mode", run["mode"], str),
        ("Draft model", run["draft"], str),
        ("Model file", run["file_name"], str),
        ("Model SHA-256", run["model_sha256"], str),
        (DEFINITIONS["profile"].label, run["profile"], str),
        ("Environment", None if run["env_json"] in ("", "{}") else run["env_json"], str),
        (
            "From the shell",
            None if run["shell_env_json"] in (None, "{}") else run["shell_env_json"],
            str,
        ),
        ("Kept from the engine", ", ".join(run["left_out"] or ()), str),
        *settings_facts(run),
        ("Blocks of the session", " ".join(run["session_blocks"] or ()), str),
        ("CPU busy before", run["cpu_busy_before"], lambda v: f"{v * 100:.0f} %"),
        ("Took", length, str),
        ("Harness", " ".join(filter(None, (run["harness_version"], run["harness_commit"]))), str),
        ("Bare engine", run["bare_version_line"], str),
        ("Run", run["run_id"], str),
    )
    return facts + conditions.bandwidths(run)
