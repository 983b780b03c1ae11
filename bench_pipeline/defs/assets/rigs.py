"""What benchmarks, and what lies ready on it: builds, hardware, engines, model files.

All but the list of builds happen on the rig itself, so each first makes sure that this
machine is the rig of its partition, or leaves it to one that is reached by ssh.
"""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from bench_pipeline.defs.assets.cards import hardware_card, markdown_table
from bench_pipeline.defs.assets.planning import wanted_runs
from bench_pipeline.defs.assets.wanted import USUAL, build_of
from bench_pipeline.defs.partitions import (
    rig_backend_partitions,
    rig_partitions,
    rig_to_its_backends,
)
from bench_pipeline.defs.remote.measuring import reached_by_ssh
from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.harness.planning.modes import draft_slug
from bench_pipeline.inventory.identity import AnotherRig, rig_here
from bench_pipeline.models.catalogue import DEFAULT_MODEL, known_model
from bench_pipeline.paths import Project, artefact_cache
from bench_pipeline.progress import Reporter
from bench_pipeline.records.engines import build_number
from bench_pipeline.records.rig import Rig, RigBackend, plain_backend
from bench_pipeline.records.yaml.files import read_engines
from bench_pipeline.site import wording

FETCHED_BYTES = "newly on this disk, bytes"
"""Metadata of `engine_builds` and `model_files`: 0 where all was there before."""


def rig_unless_another(project: Project, slug: str, log: logging.Logger) -> Rig | None:
    """The rig `slug`, which this machine is. None where this machine is another declared one: then
    there is nothing to do here, and the log says where. RigError where it is neither."""
    try:
        return rig_here(project, slug)
    except AnotherRig as another:
        log.warning(
            f"Skipped: {another.problem}. Materialize it on `{slug}`; or, if this is that machine,"
            " mend `machine_id` in both files."
        )
        return None


def left_to_the_rig(project: Project, slug: str) -> dg.MaterializeResult | None:
    """Where it is reached by ssh: it fetches what a run needs as it makes the run."""
    rig = reached_by_ssh(project, slug)
    if rig is None:
        return None
    told = f"fetched there with each run, and told in its file: reached by ssh as {rig.ssh}"
    return dg.MaterializeResult(metadata={"on the rig": told, FETCHED_BYTES: 0})


def bytes_since(begun: float, folder: Path) -> int:
    """Size of a folder's files if it was made after `begun` (seconds of the epoch), else 0."""
    if folder.stat().st_mtime < begun:
        return 0
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


class EngineWanted(dg.Config):
    """Which build to install."""

    build: str = USUAL
    """The usual one: the rig file's, else the newest that this rig's CPU can run."""
    beside: list[str] = []
    """Builds that it will be measured in turns with."""


class ModelsWanted(dg.Config):
    """Which models to have ready."""

    models: list[str] = []
    """Slugs of content/models, draft models too; empty: those that the campaigns want on this
    rig, or a small one where they want none."""


@dg.asset(group_name="rigs", kinds={"github"})
def llama_cpp_builds(project: dg.ResourceParam[Project]) -> dg.MaterializeResult:
    """The engine builds that content/engines.yaml offers, what each needs, and whether this
    machine could run it."""
    catalogue, host = read_engines(project.engines), this_host()
    rows: list[tuple[object, ...]] = []
    for wheel in sorted(catalogue.wheels, key=lambda w: build_number(w.build), reverse=True):
        lacks = host.lacks(wheel.platform)
        here = f"no: lacks {', '.join(lacks)}" if lacks else "yes"
        rows.append((wheel.build, wheel.commit, "wheel", ", ".join(wheel.backends), here))
    for path in catalogue.paths:
        where = f"only where it lies: {', '.join(path.rigs)}"
        rows.append((path.build, None, "path", ", ".join(path.backends), where))
    if releases := catalogue.releases:
        offered = [
            backend
            for backend, assets in releases.assets.items()
            if any(not host.lacks(asset.platform) for asset in assets)
        ]
        here = f"yes, on {', '.join(offered)}" if offered else "no archive for this system"
        rows.append(("any release", None, "github-release", ", ".join(releases.assets), here))
    headings = ("build", "commit", "channel", "backends", "runs on this machine")
    return dg.MaterializeResult(
        metadata={
            "builds": dg.MetadataValue.md(markdown_table(headings, rows)),
            "dagster/row_count": len(rows),
            "catalogue": dg.MetadataValue.path(project.engines),
        }
    )


@dg.asset(group_name="rigs", kinds={"yaml"}, partitions_def=rig_partitions, output_required=False)
def hardware_inventory(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> Iterator[dg.MaterializeResult]:
    """What the rig is, read from the rig itself and never typed: CPU, memory, system, GPUs.

    Each run file keeps the inventory of its own moment; this one is for people to look at.
    """
    if there := left_to_the_rig(project, context.partition_key):
        yield there
        return
    if rig_unless_another(project, context.partition_key, context.log) is None:
        return
    from bench_pipeline.inventory.capture import capture_inventory

    inventory = capture_inventory()
    yield dg.MaterializeResult(
        metadata={
            "hardware": dg.MetadataValue.md(hardware_card(inventory)),
            "inventory": dg.MetadataValue.json(inventory.model_dump(mode="json")),
            "GPUs": len(inventory.gpus),
            "gaps": len(inventory.gaps),
        }
    )


@dg.asset(
    group_name="rigs",
    kinds={"llamacpp"},
    output_required=False,
    partitions_def=rig_backend_partitions,
    deps=[
        llama_cpp_builds,
        dg.AssetDep(hardware_inventory, partition_mapping=rig_to_its_backends),
    ],
)
def engine_builds(
    context: dg.AssetExecutionContext,
    config: EngineWanted,
    project: dg.ResourceParam[Project],
    reporter: dg.ResourceParam[Reporter],
) -> Iterator[dg.MaterializeResult]:
    """The wanted llama-server of this rig and backend, installed beside older ones in the
    artefact cache: binary hashed, version line and devices read back from it."""
    place = RigBackend.parse(context.partition_key)
    if there := left_to_the_rig(project, place.rig):
        yield there
        return
    rig = rig_unless_another(project, place.rig, context.log)
    if rig is None:
        return
    from bench_pipeline.engines.builds.install import install

    begun, catalogue, setup = (
        time.time(),
        read_engines(project.engines),
        rig.backends[place.backend],
    )
    engine, *others = [
        install(
            choose(catalogue, rig, place.backend, build, this_host()),
            artefact_cache(),
            reporter,
            env=setup.env,
            backend=plain_backend(place.backend),
        )
        for build in (build_of(config.build), *config.beside)
    ]
    devices = [(d.id, d.name, d.total_mib, d.free_mib) for d in engine.devices]
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(engine.build),
        metadata={
            "build": engine.build,
            "commit": engine.commit or "not known",
            "channel": engine.channel,
            "beside": ", ".join(other.build for other in others) or "none",
            FETCHED_BYTES: sum(bytes_since(begun, e.library_dir) for e in (engine, *others)),
            "version line": engine.version_line or "not known",
            "binary": dg.MetadataValue.path(engine.binary),
            "binary sha256": engine.binary_sha256 or "not known",
            "devices": dg.MetadataValue.md(
                markdown_table(("device", "name", "total MiB", "free MiB"), devices)
                if devices
                else "The engine names no device of its own: it computes on the CPU."
            ),
        },
    )


def wanted_models(project: Project, rig: str) -> list[str]:
    """Of all runs that the campaigns want there: the models, and those that draft for them. Those
    that are to go again come with the run that needs them: there is room for one at a time."""
    wanted = [item for item in wanted_runs(project) if item.rig == rig]
    items = [item for item in wanted if item.disk_policy == "keep"]
    drafts = {slug for item in items if (slug := draft_slug(item.mode))}
    return sorted({item.model for item in items} | drafts)


@dg.asset(
    group_name="rigs",
    kinds={"gguf"},
    output_required=False,
    partitions_def=rig_partitions,
    deps=[hardware_inventory],
)
def model_files(
    context: dg.AssetExecutionContext,
    config: ModelsWanted,
    project: dg.ResourceParam[Project],
    reporter: dg.ResourceParam[Reporter],
) -> Iterator[dg.MaterializeResult]:
    """The wanted GGUF files on this rig: resumed where a download was cut, checksummed, in
    the artefact cache that all checkouts share."""
    if there := left_to_the_rig(project, context.partition_key):
        yield there
        return
    rig = rig_unless_another(project, context.partition_key, context.log)
    if rig is None:
        return
    from bench_pipeline.models.fetch import fetch_model, is_on_disk

    wanted = config.models or wanted_models(project, rig.slug) or [DEFAULT_MODEL]
    rows, fetched_bytes = [], 0
    for slug in wanted:
        model = known_model(project, slug)
        if not is_on_disk(model, artefact_cache()):
            fetched_bytes += model.size_bytes
        path = fetch_model(model, artefact_cache(), reporter)
        rows.append((slug, wording.megabytes(model.size_bytes), model.licence, path.name))
    yield dg.MaterializeResult(
        metadata={
            "models": dg.MetadataValue.md(
                markdown_table(("model", "size", "licence", "file"), rows)
            ),
            "dagster/row_count": len(rows),
            FETCHED_BYTES: fetched_bytes,
            "folder": dg.MetadataValue.path(artefact_cache() / "models"),
        }
    )
