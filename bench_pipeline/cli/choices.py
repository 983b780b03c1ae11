"""What can be chosen on this machine, as rows to show: nothing is asked of anybody else."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar, get_args

from bench_pipeline.cli.backends import card_names, default_backend
from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import Host, this_host
from bench_pipeline.errors import EngineError, RecordError
from bench_pipeline.harness.planning.missing import missing_runs
from bench_pipeline.harness.planning.plan import expand
from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.inventory.identity import this_rig
from bench_pipeline.models.fetch import is_on_disk
from bench_pipeline.paths import Project
from bench_pipeline.records.base import Record
from bench_pipeline.records.campaign import Campaign, Profile
from bench_pipeline.records.engines import EngineCatalogue, build_number
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig, plain_backend
from bench_pipeline.records.workload import Conversation, Workload
from bench_pipeline.records.yaml.files import read_engines, read_what_can_be
from bench_pipeline.records.yaml.model_files import read_catalogue
from bench_pipeline.site.wording import counted, megabytes

Row = tuple[str, ...]
R = TypeVar("R", bound=Record)

NEWEST = "upstream's newest"
"""Which that is, nobody is asked for a list."""
MANY = 6
"""Missing runs that are named; of more, the number is enough."""


def sections(
    project: Project, cache: Path, broken: list[RecordError]
) -> Iterator[tuple[str, Sequence[Row]]]:
    """Heading and rows of each sort of choice; what is wrong with files is added to `broken`."""

    def read(kind: type[R], folder: Path) -> dict[str, R]:
        found, wrong = read_what_can_be(kind, folder)
        broken.extend(wrong)
        return found

    rigs = read(Rig, project.rigs)
    models, wrong = read_catalogue(project.models)
    broken.extend(wrong)
    workloads, campaigns = read(Workload, project.workloads), read(Campaign, project.campaigns)
    catalogue, host, inventory = read_engines(project.engines), this_host(), capture_inventory()
    here = this_rig(rigs)
    yield "Rigs (* this machine)", rig_rows(rigs, here)
    if here is not None:
        yield (
            "Backends here: BACKEND=NAME (* unless you choose)",
            backend_rows(here, inventory, catalogue, cache, host),
        )
    yield "Builds: BUILD=NAME", build_rows(catalogue, here, host, cache)
    yield 'Models: MODEL="NAME ..."', model_rows(models, cache)
    yield "Modes: MODE=NAME", mode_rows(models)
    yield "Profiles: PROFILE=NAME", [(name, _PROFILES[name]) for name in get_args(Profile)]
    ordered = sorted(workloads.items(), key=lambda item: item[1].order)
    yield "Workloads", [(slug, each.title) for slug, each in ordered] or _NONE
    scripts = read(Conversation, project.conversations)
    told = [(slug, f"{each.title}, {len(each.turns)} turns") for slug, each in scripts.items()]
    yield "Conversations: PARTS=conversations", told or _NONE
    yield "Campaigns", campaign_rows(project, campaigns, rigs, models, catalogue)


_NONE: list[Row] = [("none", "")]
_PROFILES: dict[str, str] = {
    "quick": "a minute or two, shown as provisional (unless you choose)",
    "full": "until each figure is known, for the page",
}


def rig_rows(rigs: dict[str, Rig], here: Rig | None) -> list[Row]:
    rows: list[Row] = [
        ("*" if rig == here else " ", slug, ", ".join(rig.backends), rig.title)
        for slug, rig in rigs.items()
    ]
    if here is None:
        rows.append((" ", "this machine", "", "is none of them: `make bench` declares it"))
    return rows


def backend_rows(
    rig: Rig, inventory: Inventory, catalogue: EngineCatalogue, cache: Path, host: Host
) -> list[Row]:
    """Nobody is asked: whether upstream has the newest build for it is seen when it is wanted."""
    usual = default_backend(
        rig, inventory, catalogue, cache, host, latest=lambda _: NEWEST, obtainable=_believed
    )
    rows: list[Row] = []
    for backend, setup in rig.backends.items():
        try:
            choice = choose(catalogue, rig, backend, None, host, latest=lambda _: NEWEST)
            told = f"{choice.build} ({choice.channel})"
        except EngineError as error:
            told = f"no build: {error.problem}"
        on = (
            inventory.cpu.model
            if (plain := plain_backend(backend)) == "cpu"
            else ", ".join(card_names(inventory, plain))
        )
        pinned = f"{setup.device} of " if setup.device and on else setup.device or ""
        mark = "*" if backend == usual.backend else " "
        rows.append((mark, backend, f"{told}, on {pinned}{on or 'no card that is found'}"))
    return rows


def _believed(choice: object, cache: Path) -> None:
    pass


def build_rows(catalogue: EngineCatalogue, here: Rig | None, host: Host, cache: Path) -> list[Row]:
    """What this machine can run comes first; of the rest it is said why not."""
    runs: list[Row] = []
    others: list[Row] = []
    for wheel in sorted(catalogue.wheels, key=lambda w: build_number(w.build), reverse=True):
        lacks, backends = host.lacks(wheel.platform), ", ".join(wheel.backends)
        lies = _disk(cache / "engines" / wheel.channel / wheel.build)
        state = f"cannot run here, lacks {', '.join(lacks)}" if lacks else lies
        rows = others if lacks else runs
        rows.append((wheel.build, wheel.channel, f"{backends}; {state}"))
    for path in catalogue.paths:
        mine = here is not None and here.slug in path.rigs
        lies = "on disk" if (cache / Path(path.binary).expanduser()).is_file() else "not there"
        state = f"{lies}: {path.binary}" if mine else f"lies on {', '.join(path.rigs)}"
        rows = runs if mine else others
        rows.append((path.build, path.channel, f"{', '.join(path.backends)}; {state}"))
    for backend, setup in here.backends.items() if here else ():
        for engine in setup.engines:
            runs.append((engine.build, "command", f"{backend}; as the rig file says"))
    if catalogue.releases:
        fitting = [
            backend
            for backend, assets in catalogue.releases.assets.items()
            if any(not host.lacks(asset.platform) for asset in assets)
        ]
        there = (cache / "engines" / "github-release").glob("b*")
        builds = sorted((path.name for path in there), key=build_number, reverse=True)
        state = f"on disk: {', '.join(builds)}" if builds else "any that upstream has"
        if fitting:
            runs.append(("bNNNNN", "github-release", f"{', '.join(fitting)}; {state}"))
    return [*runs, *others] or [("none", "", "docs/engines.md says how to build one")]


def _disk(folder: Path) -> str:
    return "on disk" if folder.is_dir() else "not on disk"


def model_rows(models: dict[str, ModelFile], cache: Path) -> list[Row]:
    return [
        (
            slug,
            megabytes(model.size_bytes),
            "on disk" if is_on_disk(model, cache) else "not on disk",
        )
        for slug, model in models.items()
    ] or [("none", "", "")]


def mode_rows(models: dict[str, ModelFile]) -> list[Row]:
    reasoning = [slug for slug, model in models.items() if model.reasons]
    return [
        ("baseline", "the engine as it comes (unless you choose)"),
        ("reasoning-off", f"of models that reason: {', '.join(reasoning) or 'none here'}"),
        ("draft-MODEL", "that model drafts for the measured one, of the same vocabulary"),
    ]


def campaign_rows(
    project: Project,
    campaigns: dict[str, Campaign],
    rigs: dict[str, Rig],
    models: dict[str, ModelFile],
    catalogue: EngineCatalogue,
) -> list[Row]:
    rows: list[Row] = []
    for slug, campaign in campaigns.items():
        wanted = expand({slug: campaign}, rigs, models, catalogue)
        missing = missing_runs(project, wanted)
        if not wanted:
            told = "wants nothing that a rig, a model and a build are there for"
        elif not missing:
            told = f"done: {counted(len(wanted), 'run')}"
        else:
            named = [item.told for item in missing[:MANY]]
            more = f"; and {len(missing) - MANY} more" if len(missing) > MANY else ""
            told = f"{len(missing)} of {len(wanted)} missing: {'; '.join(named)}{more}"
        rows.append((slug, told))
    return rows or _NONE
