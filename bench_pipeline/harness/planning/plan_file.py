"""A plan file: made of what a checkout knows, and made into plan items again where it is read."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from bench_pipeline import __version__
from bench_pipeline.errors import RecordError
from bench_pipeline.harness.planning.modes import draft_slug
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.paths import Project
from bench_pipeline.records.engines import EngineCatalogue
from bench_pipeline.records.plan import PLAN_VERSION, Plan, PlannedRun
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.workload import Conversation
from bench_pipeline.records.yaml.files import read_engines, read_folder, read_workloads
from bench_pipeline.records.yaml.strict import printable


def plan_of(project: Project, rig: Rig | str, items: Sequence[PlanItem]) -> Plan:
    """A plan of `items`, all of `rig`: as its file declares it, or the name of a new one.

    RecordError or ModelError where what they need cannot be read, or a name or number among them is
    none that a plan may have.
    """
    try:
        return _plan(project, rig, items)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(step) for step in first["loc"])
        raise RecordError(
            f"cannot be planned: {key}: {first['msg']}, got `{printable(str(first['input']))}`",
            mend="correct that choice; docs/records.md lists every key of a plan",
        ) from None


def _plan(project: Project, rig: Rig | str, items: Sequence[PlanItem]) -> Plan:
    declared = rig if isinstance(rig, Rig) else None
    slugs = dict.fromkeys(item.model for item in items)
    slugs |= dict.fromkeys(slug for item in items if (slug := draft_slug(item.mode)))
    return Plan(
        plan_version=PLAN_VERSION,
        made_at=datetime.now(UTC).replace(microsecond=0),
        made_with=__version__,
        rig=declared,
        new_rig=None if declared else str(rig),
        runs=[
            PlannedRun(
                backend=item.backend,
                build=item.build,
                model=item.model,
                model_sha256=item.model_sha256,
                mode=item.mode,
                profile=item.profile,
                concurrencies="knee" if item.concurrencies == "knee" else list(item.concurrencies),
                beside=list(item.beside),
                workloads=list(item.workloads),
                power_cap_w=item.power_cap_w,
                disk_policy=item.disk_policy,
                parts=None if item.parts == ("usual",) else list(item.parts),
                depths=list(item.depths) or None,
                campaign=item.campaign,
            )
            for item in items
        ],
        models=[known_model(project, slug) for slug in slugs],
        workloads=list(read_workloads(project.workloads).values()),
        conversations=_conversations(project, items),
        engines=_needed(read_engines(project.engines), items),
    )


def items_of(plan: Plan) -> list[PlanItem]:
    """Every run that `plan` wants, each once, in its order."""
    items = (
        PlanItem(
            rig=plan.slug,
            backend=run.backend,
            build=run.build,
            model=run.model,
            model_sha256=run.model_sha256,
            mode=run.mode,
            profile=run.profile,
            concurrencies="knee" if run.concurrencies == "knee" else tuple(run.concurrencies),
            beside=tuple(run.beside),
            workloads=tuple(run.workloads),
            power_cap_w=run.power_cap_w,
            disk_policy=run.disk_policy,
            parts=tuple(run.parts or ("usual",)),
            depths=tuple(run.depths or ()),
            campaign=run.campaign,
        )
        for run in plan.runs
    )
    return list(dict.fromkeys(items))


def _conversations(project: Project, items: Iterable[PlanItem]) -> list[Conversation] | None:
    if not any("conversations" in item.parts for item in items):
        return None
    return list(read_folder(Conversation, project.conversations).values())


def _needed(catalogue: EngineCatalogue, items: Iterable[PlanItem]) -> EngineCatalogue:
    """Of `catalogue` what these runs may need. All wheels for their backends stay: where a
    machine's processor cannot run one, it is told which it can."""
    rigs, backends = {item.rig for item in items}, {item.plain_backend for item in items}
    releases = catalogue.releases
    assets = {b: a for b, a in releases.assets.items() if b in backends} if releases else {}
    return EngineCatalogue(
        wheels=[wheel for wheel in catalogue.wheels if backends.intersection(wheel.backends)],
        releases=releases.model_copy(update={"assets": assets}) if releases and assets else None,
        paths=[path for path in catalogue.paths if rigs.intersection(path.rigs)],
        sentinel=catalogue.sentinel if any(item.beside for item in items) else None,
    )
