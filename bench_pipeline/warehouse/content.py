"""What people declare in `content/` (rigs, workloads, campaigns), as tables.

These are small: whenever any of the files changes, they are written anew. Whether an item of a
campaign is done changes with the runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bench_pipeline.engines.llama_cpp.command import remote_endpoints
from bench_pipeline.engines.llama_cpp.log_reading import without_addresses
from bench_pipeline.engines.secrets import (
    arguments_without_secrets,
    variables_without_secrets,
)
from bench_pipeline.errors import RecordError
from bench_pipeline.harness.planning.plan import PlanItem, expand, satisfied
from bench_pipeline.paths import Project
from bench_pipeline.records.base import Record
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.engines import EngineCatalogue, Sentinel
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.site import SiteFacts
from bench_pipeline.records.workload import Conversation, Workload
from bench_pipeline.records.yaml.files import parse_record
from bench_pipeline.records.yaml.finding import content_of, record_files
from bench_pipeline.records.yaml.model_files import Models
from bench_pipeline.warehouse.files import Kind, Rejection, sha256_of
from bench_pipeline.warehouse.frames import Row, insert_rows, read_rows
from bench_pipeline.warehouse.rows.outlines import ASKED, asked_of, outlines, unchecked
from bench_pipeline.warehouse.schema import set_state, state, touched

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

R = TypeVar("R", bound=Record)


Files = dict[Path, bytes | RecordError]
"""Content by path, or why it cannot be had."""


def content_files(project: Project) -> Files:
    """Every declaring file with its content, in a stable order."""
    found: Files = {}
    for folder in (
        *(project.rigs, project.models, project.workloads),
        *(project.conversations, project.campaigns),
    ):
        try:
            paths = record_files(folder)
        except RecordError as error:
            found[folder] = error
            continue
        found |= {path: _content(path) for path in paths}
    for path in (project.engines, project.site_facts):
        if os.path.lexists(path):
            found[path] = _content(path)
    return found


def _content(path: Path) -> bytes | RecordError:
    try:
        return content_of(path)
    except RecordError as error:
        return error


def content_hash(files: Files) -> str:
    """Changes with any name, content or number of the files."""
    parts = (
        f"{path.parent.name}/{path.name} "
        + sha256_of(found if isinstance(found, bytes) else found.problem.encode())
        for path, found in files.items()
    )
    return sha256_of("\n".join(parts).encode("utf-8", "backslashreplace"))


@dataclass
class Declared:
    """What `content/` declares, without the files that cannot be read."""

    rigs: dict[str, Rig] = field(default_factory=dict)
    models: dict[str, ModelFile] = field(default_factory=dict)
    workloads: dict[str, Workload] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    engines: EngineCatalogue = field(default_factory=EngineCatalogue)
    site: SiteFacts = field(default_factory=SiteFacts)
    rejected: list[Rejection] = field(default_factory=list)


def read_declared(project: Project, files: Files) -> Declared:
    declared = Declared()
    kinds: dict[Path, tuple[type[Record], dict, Kind]] = {
        project.rigs: (Rig, declared.rigs, "rig"),
        project.models: (ModelFile, declared.models, "model"),
        project.workloads: (Workload, declared.workloads, "workload"),
        project.conversations: (Conversation, declared.conversations, "conversation"),
        project.campaigns: (Campaign, declared.campaigns, "campaign"),
    }
    models = Models()
    for path, text in files.items():
        kind: Kind = "site" if path == project.site_facts else "engines"
        content = text if isinstance(text, bytes) else b""
        try:
            if path not in (project.engines, project.site_facts):
                record, found, kind = kinds[path if path in kinds else path.parent]
            if isinstance(text, RecordError):
                raise text
            if path == project.engines:
                declared.engines = parse_record(EngineCatalogue, text, path)
            elif path == project.site_facts:
                declared.site = parse_record(SiteFacts, text, path)
            elif record is ModelFile:
                models.add(text, path)
            else:
                found[path.stem] = parse_record(record, text, path)
        except RecordError as error:
            declared.rejected.append(Rejection.of(error, project, path, content, kind))
    declared.models.update(models.by_slug)
    return declared


@dataclass(frozen=True)
class Catalogue:
    """What content/models/ says."""

    models: Mapping[str, ModelFile]
    changed: Collection[str]
    """Slugs whose entry came, went or is another since the last refresh."""


def catalogue_of(connection: DuckDBPyConnection, declared: Declared | None) -> Catalogue:
    """None: as it was at the last refresh. What it is now is remembered for the next."""
    remembered = json.loads(state(connection, "catalogue") or "{}")
    if declared is None:
        models = {slug: ModelFile.model_validate(known) for slug, known in remembered.items()}
        return Catalogue(models, ())
    now = {slug: model.model_dump(mode="json") for slug, model in declared.models.items()}
    set_state(connection, "catalogue", json.dumps(now))
    slugs = now.keys() | remembered.keys()
    changed = {slug for slug in slugs if now.get(slug) != remembered.get(slug)}
    return Catalogue(declared.models, changed)


def write_declared(connection: DuckDBPyConnection, declared: Declared) -> None:
    """Rewrites what is declared, all campaign_items not done."""
    rows: dict[str, list[Row]] = {
        "rigs": [_rig_row(rig) for rig in declared.rigs.values()],
        "site": [declared.site.model_dump()],
        "workloads": [
            _workload_row(w) for w in sorted(declared.workloads.values(), key=lambda w: w.order)
        ],
        "campaign_items": (items := _campaign_rows(declared)),
        "waiting_campaigns": _waiting_rows(declared, {item["campaign"] for item in items}),
    }
    sentinel = declared.engines.sentinel
    set_state(connection, "sentinel", sentinel.model_dump_json() if sentinel else "")
    scripts = [script.model_dump(mode="json") for script in declared.conversations.values()]
    set_state(connection, "scripts", json.dumps(scripts))
    for table, of_table in rows.items():
        connection.execute(f"delete from {table}")
        insert_rows(connection, table, of_table)


def mark_done(connection: DuckDBPyConnection, *, everything: bool) -> None:
    """Says of each campaign item whether a run satisfies it; runs must be up to date.

    Unless `everything`, only of those that a touched run may have satisfied.
    """
    condition = "true" if everything else touched(connection, "campaign_items", ASKED)
    items = read_rows(connection, f"select rowid, * from campaign_items where {condition}")
    runs = outlines(connection) if items else {}
    for done in (True, False):
        found = [
            item["rowid"]
            for item in items
            if satisfied(_plan_item(item), runs.get(asked_of(item), ())) == done
            and item["done"] != done
        ]
        connection.execute(
            "update campaign_items set done = ? where rowid in (select unnest(?::bigint[]))",
            [done, found],
        )


def _plan_item(row: Row) -> PlanItem:
    return PlanItem(
        **{name: row[name] for name in ("rig", "backend", "build", "model", "model_sha256")},
        mode=row["mode"],
        profile=row["profile"],
        concurrencies=tuple(row["concurrencies"]) or "knee",
        beside=tuple(row["beside"]),
        workloads=tuple(row["asked_workloads"]),
        power_cap_w=row["asked_cap_w"],
        parts=tuple(row["parts"]),
        depths=tuple(row["depths"]),
        campaign=row["campaign"],
    )


def _rig_row(rig: Rig) -> Row:
    backends = {
        name: {
            **setup.model_dump(exclude_none=True, exclude={"engines"}),  # the rig's own paths
            "args": arguments_without_secrets(setup.args),
            "env": variables_without_secrets(setup.env),
        }
        for name, setup in rig.backends.items()
    }
    hosts = [h for setup in rig.backends.values() for h in remote_endpoints(setup.args)]
    return {
        "rig": rig.slug,
        "title": rig.title,
        "kind": rig.kind,
        "notes": rig.notes,
        "declared": True,
        "backends_json": without_addresses(json.dumps(backends), hosts),
        "price": rig.price,
        "currency": rig.currency,
        "owner": rig.owner,
        "public_key": rig.public_key,
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


def _campaign_rows(declared: Declared) -> list[Row]:
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
                "model_sha256": item.model_sha256,
                "family": model.family,
                "variant": model.variant,
                "quant": model.quant,
                "mode": item.mode,
                "profile": item.profile,
                "concurrencies": [] if item.concurrencies == "knee" else list(item.concurrencies),
                "beside": list(item.beside),
                "asked_workloads": list(item.workloads),
                "asked_cap_w": item.power_cap_w,
                "parts": list(item.parts),
                "depths": list(item.depths),
                "done": False,
                "estimate_s": None,
                "guessed": None,
            }
        )
    return rows


def _waiting_rows(declared: Declared, wanting: Collection[str]) -> list[Row]:
    """Of campaigns that no rig and model here is for. What is there is no reason to wait."""
    keys = [key for rig in declared.rigs.values() for key in rig.partition_keys]
    models = declared.models.values()
    return [
        {
            "campaign": campaign.slug,
            "title": campaign.title,
            "why": campaign.why,
            "places": [p for p in campaign.places if not any(fnmatchcase(k, p) for k in keys)],
            "models": [n for n in campaign.models if not any(m.is_named(n) for m in models)],
        }
        for campaign in declared.campaigns.values()
        if campaign.slug not in wanting
    ]


def estimate_missing(connection: DuckDBPyConnection, models: Mapping[str, ModelFile]) -> None:
    """Says of each campaign item that is not done how long it is thought to take."""
    connection.execute("update campaign_items set estimate_s = null, guessed = null where done")
    items = read_rows(connection, "select rowid, * from campaign_items where not done")
    items = [item for item in items if item["model"] in models]
    if not items:
        return
    from bench_pipeline.harness.planning.estimate import A_GUESS, Estimator, yardstick_of

    told = connection.execute(
        "select yardstick_json from runs where yardstick_json is not null"
        " order by started_at desc, run_id"
    ).fetchall()
    rows = read_rows(connection, "from workloads")
    workloads = [unchecked(Workload, **row, slug=row["workload"]) for row in rows]
    sentinel = state(connection, "sentinel")
    scripts = json.loads(state(connection, "scripts") or "[]")
    estimator = Estimator(
        [yardstick_of(text) for (text,) in told],
        models,
        workloads,
        Sentinel.model_validate_json(sentinel) if sentinel else None,
        [Conversation.model_validate(script) for script in scripts],
    )
    found = [estimator.of(_plan_item(item)) for item in items]
    connection.execute(
        "update campaign_items set estimate_s = e.seconds, guessed = e.guessed from"
        " (select unnest(?::bigint[]) as row, unnest(?::double[]) as seconds,"
        " unnest(?::boolean[]) as guessed) e where campaign_items.rowid = e.row",
        [
            [item["rowid"] for item in items],
            [estimate.seconds for estimate in found],
            [estimate.basis == A_GUESS for estimate in found],
        ],
    )
