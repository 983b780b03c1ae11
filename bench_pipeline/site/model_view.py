"""One page for each model: every run of it, every cell, and how each was made."""

import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.site import conditions, wording
from bench_pipeline.site.conditions import ServerSection
from bench_pipeline.site.curves import BareRow, Curve, Value, bare_rows, curve_of
from bench_pipeline.site.hardware import Hardware, hardware_of
from bench_pipeline.site.rows import TableRow, cell_anchor, model_href, model_name, why_unlisted
from bench_pipeline.site.source import Row, Tables, published_path

METRICS = (
    "decode_tok_s",
    "prefill_tok_s",
    "aggregate_tok_s",
    "ttft_ms",
    "first_visible_ms",
    "queue_ms",
    "itl_p99_ms",
    "joules_per_token",
    "reasoning_tokens",
    "draft_acceptance",
    "ceiling_share",
)
"""Columns of a run's table, in this order; one without any figure is left out, as are hidden
tokens and the time to the first visible one where no cell hides any."""

SHARES = ("draft_acceptance", "ceiling_share")
"""Metrics that are written in percent."""

PLACES = {"joules_per_token": 3}
"""Decimals of a metric that one decimal would round to nothing."""


@dataclass(frozen=True)
class CellRow:
    id: str
    workload: str
    concurrency: int
    n: int | None
    outliers: str
    """Of the repetitions: `1 outlier`."""
    values: tuple[Value, ...]
    """In the order of the run's `metrics`."""
    stop_reason: str
    verdict: str
    """`listed`, or why the front page does not show this cell."""
    flags: tuple[str, ...]
    """What disturbed it, with the figures."""
    limit: str
    """What held it back as intended: `held at its power cap`."""
    failure: str
    """The engine's or harness's own words."""


@dataclass(frozen=True)
class RunSection:
    id: str
    run_id: str
    title: str
    hardware: Hardware
    status: str
    """`measured`, `provisional`, `flagged`, `published`, `imported` or `failed`."""
    failure: str
    log_tail: tuple[str, ...]
    findings: tuple[tuple[str, str], ...]
    """What to know before reading the figures."""
    facts: tuple[tuple[str, str], ...]
    servers: tuple[ServerSection, ...]
    source_title: str
    source_url: str
    """Only http(s); empty otherwise."""
    source_note: str
    metrics: tuple[str, ...]
    cells: tuple[CellRow, ...]
    curve: Curve | None
    bare: tuple[BareRow, ...]
    bare_command: str
    bare_failure: str
    file: str
    """Path below `data/runs/`."""


@dataclass(frozen=True)
class ModelPage:
    slug: str
    href: str
    name: str
    family: str
    facts: tuple[tuple[str, str], ...]
    rows: tuple[TableRow, ...]
    runs: tuple[RunSection, ...]
    """Newest first, published ones last."""


def model_pages(tables: Tables, rows: list[TableRow]) -> list[ModelPage]:
    """A page for each model that has a run, in order of slug."""
    by_model: dict[str, list[Row]] = {}
    for run in tables.runs:
        by_model.setdefault(run["model"], []).append(run)
    maker = _SectionMaker(tables)
    pages = []
    for slug, runs in sorted(by_model.items()):
        runs.sort(key=lambda run: run["run_id"])
        runs.sort(key=lambda run: run["started_at"].isoformat() if run["started_at"] else "")
        runs.reverse()
        newest = runs[0]
        pages.append(
            ModelPage(
                slug=slug,
                href=model_href(slug),
                name=model_name(newest["family"], newest["variant"], newest["quant"]),
                family=newest["family"],
                facts=_model_facts(newest),
                rows=tuple(row for row in rows if row.model == slug),
                runs=tuple(maker.section(run) for run in runs),
            )
        )
    return pages


def _known(*pairs: tuple[str, Any, Callable[[Any], str]]) -> tuple[tuple[str, str], ...]:
    return tuple((label, words(value)) for label, value, words in pairs if value not in (None, ""))


def _model_facts(run: Row) -> tuple[tuple[str, str], ...]:
    return _known(
        ("Family", run["family"], str),
        ("Released", run["released"], lambda v: wording.month(str(v))),
        ("Variant", run["variant"], str),
        ("Quant", run["quant"], str),
        ("Quantized by", run["creator"], str),
        ("Licence", run["licence"], str),
        ("File", run["file_name"], str),
        ("Size", run["size_bytes"], lambda v: wording.megabytes(v)),
        ("SHA-256", run["model_sha256"], str),
        ("Parameters", run["parameters"], lambda v: f"{v:,}"),
        ("Layers", run["layers"], str),
        ("Trained context", run["context_train_tokens"], lambda v: f"{v:,} tokens"),
        ("Reasons before answering", run["reasons"], lambda v: "yes" if v else "no"),
    )


class _SectionMaker:
    def __init__(self, tables: Tables) -> None:
        self.rig_titles = {rig["rig"]: rig["title"] for rig in tables.rigs}
        self.workload_titles = {work["workload"]: work["title"] for work in tables.workloads}
        order = {work["workload"]: work["ord"] for work in tables.workloads}
        self.listed = {
            (s["run_id"], s["workload"], s["concurrency"]) for s in tables.workload_speeds
        }
        self.servers = _by_run(tables.servers)
        self.points = _by_run(tables.curve_points)
        self.tests = _by_run(tables.bare_tests)
        self.cells = _by_run(tables.measurements)
        for cells in self.cells.values():
            cells.sort(key=lambda c: (c["concurrency"], order.get(c["workload"], 99)))

    def section(self, run: Row) -> RunSection:
        run_id = run["run_id"]
        cells, servers, tests = self.cells[run_id], self.servers[run_id], self.tests[run_id]
        metrics = tuple(m for m in METRICS if any(_has(cell, m) for cell in cells))
        hardware = hardware_of(run, self.rig_titles.get(run["rig"]) or run["rig"])
        backend = wording.backend_name(run["backend"])
        unknown = "no date printed" if run["provenance"] == "published" else "date unknown"
        when = wording.moment(run["started_at"]) if run["started_at"] else unknown
        mode = "" if run["mode"] == "baseline" else f", {run['mode']}"
        url = run["source_url"] or ""
        return RunSection(
            id=f"run-{run_id}",
            run_id=run_id,
            title=f"{hardware.device}, {backend} {run['build']}{mode}, {when}",
            hardware=hardware,
            status=_status(run),
            failure=_failure_words(run["failure_kind"], run["failure_message"]),
            log_tail=tuple(run["failure_log_tail"] or ()),
            findings=conditions.findings(run, servers),
            facts=_run_facts(run, hardware),
            servers=conditions.server_sections(servers, self.points[run_id]),
            source_title=run["source_title"] or "",
            source_url=url if url.startswith(("https://", "http://")) else "",
            source_note=run["source_note"] or "",
            metrics=metrics,
            cells=tuple(self._cell(cell, metrics) for cell in cells),
            curve=curve_of(run_id, self.points[run_id], tests),
            bare=bare_rows(tests),
            bare_command=shlex.join(run["bare_argv"] or []),
            bare_failure=_failure_words(run["bare_failure_kind"], run["bare_failure_message"]),
            file=published_path(run["path"]),
        )

    def _cell(self, cell: Row, metrics: tuple[str, ...]) -> CellRow:
        place = (cell["run_id"], cell["workload"], cell["concurrency"])
        verdict = "listed" if place in self.listed else why_unlisted(cell)
        return CellRow(
            id=cell_anchor(*place),
            workload=self.workload_titles.get(cell["workload"]) or cell["workload"],
            concurrency=cell["concurrency"],
            n=cell["n"],
            outliers=wording.counted(cell["outliers"], "outlier") if cell["outliers"] else "",
            values=tuple(_value(cell, metric) for metric in metrics),
            stop_reason=wording.STOPS.get(cell["stop_reason"], ""),
            verdict=verdict or "another run of this cell is listed",
            flags=_flags(cell),
            limit="held at its power cap" if _only_capped(cell) else "",
            failure=cell["failure_message"] or "",
        )


def _by_run(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["run_id"]].append(row)
    return found


def _has(cell: Row, metric: str) -> bool:
    """Whether this cell is a reason to have that column."""
    if metric == "first_visible_ms":
        return cell[metric] is not None and cell[metric] != cell["ttft_ms"]
    return bool(cell[metric]) if metric == "reasoning_tokens" else cell[metric] is not None


def _only_capped(cell: Row) -> bool:
    return bool(cell["throttle_reasons"]) and "throttled" not in cell["flags"]


def _flags(cell: Row) -> tuple[str, ...]:
    """Those of this cell; what concerns the whole run stands above its table."""
    notes = []
    if "throttled" in cell["flags"]:
        notes.append(f"throttled: {wording.listed(cell['throttle_reasons'])}")
    if "others-cpu" in cell["flags"]:
        share = wording.percent(cell["others_cpu_fraction"])
        notes.append(f"other programs used {share} of the CPU")
    if "drifted-within" in cell["flags"]:
        change = (cell["cell_drift"] - 1) * 100
        pace = "faster" if change > 0 else "slower"
        notes.append(f"ended {abs(change):.1f} % {pace} than it began")
    return tuple(notes)


def _value(cell: Row, metric: str) -> Value:
    if metric in SHARES:
        return Value(wording.percent(cell[metric]))
    places = PLACES.get(metric, 1)
    ends = cell.get(f"{metric}_lo"), cell.get(f"{metric}_hi")
    return Value(wording.decimal(cell[metric], places), wording.span(*ends, places))


def _status(run: Row) -> str:
    if run["status"] == "failed":
        return "failed"
    if run["provenance"] != "measured":
        return str(run["provenance"])
    if run["profile"] == "quick" or run["quiet"] is False:
        return "provisional"
    return "flagged" if run["drifted"] else "measured"


def _failure_words(kind: str | None, message: str | None) -> str:
    return f"{wording.failure(kind)}: {message}" if kind else ""


def _run_facts(run: Row, hardware: Hardware) -> tuple[tuple[str, str], ...]:
    length = None
    if run["started_at"] and run["finished_at"]:
        length = f"{(run['finished_at'] - run['started_at']).total_seconds() / 60:.1f} minutes"
    engine = f"{run['engine']} {run['build']}"
    if run["commit"]:
        engine += f", commit {run['commit']}"
    if run["channel"]:
        engine += f", from {run['channel']}"
    facts = _known(
        ("Rig", hardware.rig_title, str),
        ("Hardware", hardware.text, str),
        ("System", ", ".join(filter(None, (run["os"], run["kernel"]))), str),
        ("Engine", engine, str),
        ("Version line", run["version_line"], str),
        ("Binary SHA-256", run["binary_sha256"], str),
        ("Compiled for", run["system_info"], str),
        ("Mode", run["mode"], str),
        ("Draft model", run["draft"], str),
        (DEFINITIONS["profile"].label, run["profile"], str),
        ("Environment", None if run["env_json"] in ("", "{}") else run["env_json"], str),
        ("CPU busy before", run["cpu_busy_before"], lambda v: f"{v * 100:.0f} %"),
        ("Took", length, str),
        ("Harness", " ".join(filter(None, (run["harness_version"], run["harness_commit"]))), str),
        ("Bare engine", run["bare_version_line"], str),
        ("Run", run["run_id"], str),
    )
    return facts + conditions.bandwidths(run)
