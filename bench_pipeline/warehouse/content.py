"""What people declare in `content/` (rigs, workloads, campaigns), as tables.

These are small: whenever any of the files changes, or a run comes or goes (it may finish an
item of a campaign), they are written anew.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench_pipeline.engines.llama_cpp.command import remote_endpoints
from bench_pipeline.engines.llama_cpp.log_reading import without_addresses
from bench_pipeline.errors import RecordError
from bench_pipeline.harness.planning.plan import expand, satisfied
from bench_pipeline.paths import Project
from bench_pipeline.records.base import Record
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.cell import Cell, Failure
from bench_pipeline.records.engines import EngineCatalogue
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import Engine, Ladder, Model, Run, Session
from bench_pipeline.records.workload import Workload
from bench_pipeline.records.yaml.files import parse_record
from bench_pipeline.warehouse.files import Kind, Rejection, sha256_of
from bench_pipeline.warehouse.frames import Row, insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

R = TypeVar("R", bound=Record)


def content_files(project: Project) -> dict[Path, bytes]:
    """Every declaring file with its content, in a stable order."""
    folders = (project.rigs, project.models, project.workloads, project.campaigns)
    paths = [path for folder in folders for path in sorted(folder.glob("*.yaml"))]
    paths += [project.engines] if project.engines.exists() else []
    return {path: path.read_bytes() for path in paths}


def content_hash(files: dict[Path, bytes]) -> str:
    """Changes with any name, content or number of the files."""
    parts = (f"{path.parent.name}/{path.name} {sha256_of(text)}" for path, text in files.items())
    return sha256_of("\n".join(parts).encode())


@dataclass
class Declared:
    """What `content/` declares, without the files that cannot be read."""

    rigs: dict[str, Rig] = field(default_factory=dict)
    models: dict[str, ModelFile] = field(default_factory=dict)
    workloads: dict[str, Workload] = field(default_factory=dict)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    engines: EngineCatalogue = field(default_factory=EngineCatalogue)
    rejected: list[Rejection] = field(default_factory=list)


def read_declared(project: Project, files: dict[Path, bytes]) -> Declared:
    declared = Declared()
    kinds: dict[Path, tuple[type[Record], dict, Kind]] = {
        project.rigs: (Rig, declared.rigs, "rig"),
        project.models: (ModelFile, declared.models, "model"),
        project.workloads: (Workload, declared.workloads, "workload"),
        project.campaigns: (Campaign, declared.campaigns, "campaign"),
    }
    for path, text in files.items():
        kind: Kind = "engines"
        try:
            if path == project.engines:
                declared.engines = parse_record(EngineCatalogue, text, path)
            else:
                record, found, kind = kinds[path.parent]
                found[path.stem] = parse_record(record, text, path)
        except RecordError as error:
            declared.rejected.append(Rejection.of(error, project, path, text, kind))
    return declared


def write_declared(connection: DuckDBPyConnection, declared: Declared) -> None:
    """Rewrites rigs, workloads and campaign_items. The runs must be up to date before."""
    rows: dict[str, list[Row]] = {
        "rigs": [_rig_row(rig) for rig in declared.rigs.values()],
        "workloads": [
            _workload_row(w) for w in sorted(declared.workloads.values(), key=lambda w: w.order)
        ],
        "campaign_items": _campaign_rows(declared, _outlines(connection)),
    }
    for table, of_table in rows.items():
        connection.execute(f"delete from {table}")
        insert_rows(connection, table, of_table)


def _rig_row(rig: Rig) -> Row:
    backends = {name: setup.model_dump(exclude_none=True) for name, setup in rig.backends.items()}
    hosts = [h for setup in rig.backends.values() for h in remote_endpoints(setup.args)]
    return {
        "rig": rig.slug,
        "title": rig.title,
        "kind": rig.kind,
        "notes": rig.notes,
        "declared": True,
        "backends_json": without_addresses(json.dumps(backends), hosts),
    }


def _workload_row(workload: Workload) -> Row:
    return {
        "workload": workload.slug,
        "title": workload.title,
        "ord": workload.order,
        "explanation": workload.explanation,
        "prompt_tokens": workload.prompt_tokens,
        "output_tokens": workload.output_tokens,
        "quick_output_tokens": workload.quick_output_tokens,
    }


def _campaign_rows(declared: Declared, outlines: Iterable[Run]) -> list[Row]:
    by_place = defaultdict(list)
    for run in outlines:
        by_place[run.rig, run.backend].append(run)
    rows: list[Row] = []
    for item in expand(declared.campaigns, declared.rigs, declared.models, declared.engines):
        campaign = declared.campaigns[item.campaign or ""]
        model = declared.models[item.model]
        rows.append(
            {
                "campaign": campaign.slug,
                "title": campaign.title,
                "why": campaign.why,
                "rig": item.rig,
                "backend": item.backend,
                "build": item.build,
                "model": item.model,
                "family": model.family,
                "variant": model.variant,
                "quant": model.quant,
                "mode": item.mode,
                "profile": item.profile,
                "concurrencies": [] if item.concurrencies == "knee" else list(item.concurrencies),
                "beside": list(item.beside),
                "done": satisfied(item, by_place[item.rig, item.backend]),
            }
        )
    return rows


def _outlines(connection: DuckDBPyConnection) -> list[Run]:
    """Every measured run with what a plan asks about and nothing else: no requests, no figures.

    Made from the tables, because reading a thousand run files again takes half a minute. They
    are valid already, so they are constructed without being validated.
    """
    cells = defaultdict(list)
    for run_id, concurrency, kind, message in connection.execute(
        "select run_id, concurrency, failure_kind, failure_message from measurements"
        " where provenance = 'measured'"
    ).fetchall():
        failure = Failure(kind=kind, message=message) if kind else None
        cells[run_id].append(_unchecked(Cell, concurrency=concurrency, failure=failure))
    found = connection.execute(
        "select run_id, rig, backend, mode, profile, build, model_sha256, ladder, ladder_ended,"
        " failure_kind, failure_message, session_id, session_builds, session_blocks,"
        " session_ended from runs where provenance = 'measured' order by run_id"
    )
    names = [column[0] for column in found.description or ()]
    return [_outline(dict(zip(names, row, strict=True)), cells[row[0]]) for row in found.fetchall()]


def _outline(run: Row, cells: list[Cell]) -> Run:
    ladder = failure = session = None
    if run["ladder_ended"]:
        ladder = Ladder(concurrencies=run["ladder"], ended=run["ladder_ended"])
    if run["failure_kind"]:
        failure = Failure(kind=run["failure_kind"], message=run["failure_message"])
    if run["session_id"]:
        session = _unchecked(
            Session,
            session_id=run["session_id"],
            builds=run["session_builds"],
            blocks=run["session_blocks"],
            ended=run["session_ended"],
        )
    return _unchecked(
        Run,
        run_id=run["run_id"],
        provenance="measured",
        rig=run["rig"],
        backend=run["backend"],
        mode=run["mode"],
        profile=run["profile"],
        engine=Engine(build=run["build"]),
        model=_unchecked(Model, sha256=run["model_sha256"]),
        ladder=ladder,
        failure=failure,
        session=session,
        cells=cells,
    )


def _unchecked(record: type[R], **known: Any) -> R:
    return record.model_construct(**known)  # type: ignore[return-value]  # the plugin says Record
