"""`python -m bench_pipeline bench`: from this machine to the page, and what it cost.

It declares the machine, then launches Dagster's jobs one after the other in this process.
Nothing is computed here: what is printed at the end is what the assets said of themselves.
"""

import argparse
import sys
import time
from typing import TYPE_CHECKING, get_args

from rich.console import Console

from bench_pipeline.errors import BenchError, EngineError
from bench_pipeline.harness.planning.parts import add_parts, parts_of
from bench_pipeline.models.catalogue import DEFAULT_MODEL
from bench_pipeline.paths import Project, artefact_cache
from bench_pipeline.progress import Terminal
from bench_pipeline.records.campaign import Profile
from bench_pipeline.records.rig import RigBackend

if TYPE_CHECKING:
    from bench_pipeline.cli.flow import Outcome

TOLD_BY_OTHERS = "nothing_left_out"
"""The check that makes a run fail for what two earlier checks have named already."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "bench", help="measure this machine and build the page; measures nothing twice"
    )
    parser.add_argument(
        "--model", nargs="+", default=[DEFAULT_MODEL], metavar="SLUG", help="of content/models"
    )
    parser.add_argument(
        "--backend", help="one that this machine's rig declares; default: its GPU's, else cpu"
    )
    parser.add_argument(
        "--mode",
        help="baseline, the default; reasoning-off; or draft-SLUG: that model drafts for the other",
    )
    parser.add_argument(
        "--profile", choices=get_args(Profile), help="default: quick; full with a baseline"
    )
    parser.add_argument(
        "--build", metavar="bNNNNN", help="default: the rig file's, else the newest that runs"
    )
    parser.add_argument(
        "--baseline",
        nargs="+",
        default=[],
        metavar="bNNNNN",
        help="measure --build in turns with these and judge it against them",
    )
    parser.add_argument(
        "--again", action="store_true", help="measure also what is measured already; it stays"
    )
    parser.add_argument("--concurrency", nargs="+", type=_streams, default=[], metavar="N")
    parser.add_argument(
        "--power-cap-w",
        nargs="+",
        type=float,
        default=[],
        metavar="W",
        help="measure under each of these power caps, set for the run and put back after it",
    )
    add_parts(parser)
    parser.set_defaults(run=run)


def _streams(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def run(project: Project, options: argparse.Namespace) -> int:
    from bench_pipeline.models.catalogue import named_models

    begun = time.monotonic()
    console = Console(highlight=False)
    reporter = Terminal()
    options.model = named_models(project, options.model)
    parts = parts_of(options)
    place, build, files = _settle(project, options, reporter)

    # Only now: the definitions take their partitions from the rig files, and this machine's
    # may have been written a moment ago.
    from bench_pipeline.cli.flow import Flow
    from bench_pipeline.cli.results import tell_results
    from bench_pipeline.defs.assets.wanted import USUAL
    from bench_pipeline.defs.committed import report_committed
    from bench_pipeline.defs.gathered import build_defs
    from bench_pipeline.defs.resources import LogAnd
    from bench_pipeline.deploy.instance import command_instance

    wanted = {
        "models": options.model,
        "build": build,
        "mode": options.mode or USUAL,
        "profile": options.profile or ("full" if options.baseline else "quick"),
        "beside": options.baseline,
        "remeasure": options.again,
        "power_caps_w": list(dict.fromkeys(options.power_cap_w)),
        "concurrencies": sorted(set(options.concurrency)),
        "parts": list(parts),
        "depths": sorted(set(options.depths)),
    }
    with command_instance(project) as instance:
        report_committed(instance, project)  # before: what is made now is the newest there is
        flow = Flow(build_defs(project=project, reporter=LogAnd(reporter)), instance)
        # The engine before the models: what it needs and this system lacks is told first, and
        # ends all, as there is nothing new to publish.
        engines = {"engine_builds": {"config": {"build": build, "beside": options.baseline}}}
        flow.launch("prepare_rig", place.rig, only=["hardware_inventory"])
        flow.launch("measure", place.key, engines, only=["llama_cpp_builds", "engine_builds"])
        models = {"model_files": {"config": {"models": files}}}
        flow.launch("prepare_rig", place.rig, models, only=["model_files"])
        unmade: BenchError | None = None
        try:
            runs = {"benchmark_runs": {"config": wanted}}
            flow.launch("measure", place.key, runs, only=["benchmark_runs"])
        except BenchError as error:
            unmade = error  # runs that were made before it are published all the same
        flow.launch("publish")

    outcome = flow.outcome
    tell_results(project, console, outcome)
    _tell_cost(console, outcome, time.monotonic() - begun)
    console.print("Lineage    make ui")
    _tell_failures(outcome)
    if unmade is not None:
        raise unmade
    return 1 if outcome.failed_checks else 0


def _settle(
    project: Project, options: argparse.Namespace, reporter: Terminal
) -> tuple[RigBackend, str, list[str]]:
    """Where to measure, on which build, with which model files; every wrong choice is told
    before any work."""
    from bench_pipeline.cli.backends import Chosen, default_backend, told
    from bench_pipeline.cli.fetching import to_be_fetched
    from bench_pipeline.engines.builds.catalogue import choose
    from bench_pipeline.engines.builds.host import this_host
    from bench_pipeline.harness.planning.modes import check_wanted, draft_model, known_mode
    from bench_pipeline.inventory.capture import capture_inventory
    from bench_pipeline.inventory.declare import declare_this_machine
    from bench_pipeline.models.catalogue import known_model
    from bench_pipeline.records.yaml.declared import known_backend
    from bench_pipeline.records.yaml.files import read_engines

    mode = known_mode(options.mode or "baseline")
    draft = draft_model(mode, project)
    for slug in options.model:
        check_wanted(mode, known_model(project, slug), draft)
    files = [*options.model, draft.slug] if draft else options.model
    inventory, engines, later = capture_inventory(), read_engines(project.engines), list[str]()
    rig, newly = declare_this_machine(project, inventory, asked=options.backend, say=later.append)
    file = f"content/rigs/{rig.slug}.yaml"
    if options.backend:
        chosen = Chosen(known_backend(project.rigs, rig, options.backend), "as asked")
    else:
        chosen = default_backend(
            rig, inventory, engines, artefact_cache(), this_host(), build=options.build
        )
    backend = chosen.backend
    reporter.say(told(chosen, rig))
    reporter.say(f"Rig {rig.slug}, {rig.title}")
    if newly:
        reporter.say(f"  declared just now in {file}: edit its title and notes as you like")
    for line in later:
        reporter.say(f"  {line}")
    choice = choose(engines, rig, backend, options.build, this_host(), say=reporter.say)
    beside = [choose(engines, rig, backend, build, this_host()) for build in options.baseline]
    if choice.build in options.baseline:
        raise EngineError(
            "a build cannot be measured beside itself",
            mend="name two different builds: BUILD=b10434 BASELINE=b10068",
            where=choice.build,
        )
    turns = f" in turns with {', '.join(options.baseline)}" if options.baseline else ""
    in_mode = f", mode {mode}" if options.mode or "usual" in parts_of(options) else ""
    reporter.say(f"Engine build {choice.build}{turns} on backend {backend}{in_mode}")
    models = [known_model(project, slug) for slug in dict.fromkeys(files)]
    for line in to_be_fetched(models, [choice, *beside], artefact_cache()):
        reporter.say(line)
    return RigBackend(rig.slug, backend), choice.build, files


def _tell_cost(console: Console, outcome: "Outcome", wall_s: float) -> None:
    told = {stage: s for stage, s in outcome.slowest_first() if s >= 0.1}
    told["start and bookkeeping"] = wall_s - sum(told.values())
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in told.items())
    console.print(f"Took       {_duration(wall_s)} (in seconds: {stages})", soft_wrap=True)
    megabytes = outcome.fetched_bytes / 1e6
    console.print(f"Fetched    {megabytes:,.1f} MB, kept in {artefact_cache()}", soft_wrap=True)


def _tell_failures(outcome: "Outcome") -> None:
    for name, description in outcome.failed_checks:
        if name != TOLD_BY_OTHERS:
            print(f"error: check {name}: {description}", file=sys.stderr)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
