"""Makes a run on this rig, or a session of builds, with nothing but the measuring side installed.

    python -m bench_pipeline.harness --rig h100-vm --backend cuda \
        --model smollm2-135m-instruct-q4_1 --profile full

On a machine that no file of content/rigs/ declares, `--declare` writes one first. The run file
lands in content/benchmarks/runs/ of this checkout; carry it home by git. On the
control plane, `python -m bench_pipeline bench` does the same through Dagster.
"""

import argparse
import sys
from collections.abc import Sequence

from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.errors import BenchError
from bench_pipeline.harness.planning.modes import known_mode, mode_for
from bench_pipeline.harness.planning.parts import add_parts, parts_of
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.harness.run import make_runs
from bench_pipeline.inventory.declare import declare_this_machine
from bench_pipeline.inventory.identity import rig_here
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.paths import Project, artefact_cache, checkout
from bench_pipeline.progress import Terminal
from bench_pipeline.records.yaml.declared import known_backend, known_rig
from bench_pipeline.records.yaml.files import read_engines


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench_pipeline.harness")
    parser.add_argument(
        "--declare", action="store_true", help="write this machine's rig file, if none has it yet"
    )
    parser.add_argument("--rig", help="must be this machine")
    parser.add_argument("--backend")
    parser.add_argument("--model")
    parser.add_argument("--build", help="default: the rig file's, else the newest that runs")
    parser.add_argument(
        "--baseline",
        nargs="+",
        default=[],
        metavar="BUILD",
        help="measure --build in turns with these, by the sentinel's cells",
    )
    parser.add_argument("--mode", help="baseline, the default, reasoning-off or draft-<model>")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    parser.add_argument(
        "--power-cap-w", type=float, metavar="W", help="set for this run and put back after it"
    )
    parser.add_argument("--concurrency", type=int, nargs="+", help="default: the profile's")
    add_parts(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    given = parser()
    options = given.parse_args(argv)
    needed = [name for name in ("rig", "backend", "model") if not getattr(options, name)]
    if needed and not options.declare:
        given.error(f"needed: {', '.join(f'--{name}' for name in needed)}; or --declare")
    try:
        if options.declare:
            _declare(checkout())
        if needed:
            return 0
        return _run(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the server is stopped and nothing was written", file=sys.stderr)
        return 130


def _declare(project: Project) -> None:
    rig, newly = declare_this_machine(project, say=print)
    print(f"{'declared just now' if newly else 'declared'}: content/rigs/{rig.slug}.yaml")
    print(f"  --rig {rig.slug} --backend {'|'.join(rig.backends)}")


def _run(options: argparse.Namespace) -> int:
    project, cache, reporter = checkout(), artefact_cache(), Terminal()
    rig = known_rig(project.rigs, options.rig)
    model = known_model(project, options.model)
    known_backend(project.rigs, rig, options.backend)
    parts = parts_of(options)
    mode = known_mode(options.mode or mode_for(parts, model))
    rig = rig_here(project, options.rig)
    choice = choose(read_engines(project.engines), rig, options.backend, options.build, this_host())
    item = PlanItem(
        rig=rig.slug,
        backend=options.backend,
        build=choice.build,
        model=model.slug,
        model_sha256=model.sha256,
        mode=mode,
        profile=options.profile,
        concurrencies=tuple(options.concurrency or ()) or PROFILES[options.profile].concurrencies,
        beside=tuple(options.baseline),
        power_cap_w=options.power_cap_w,
        parts=parts,
        depths=tuple(sorted(set(options.depths))),
    )
    made = make_runs(item, project=project, rig=rig, cache=cache, reporter=reporter)
    for run, path in made:
        reporter.say(f"{path.relative_to(project.root)}: {run.status}")
        if run.failure:
            reporter.say(f"{run.failure.kind}: {run.failure.message}")
    return 0 if all(run.status == "ok" for run, _ in made) else 1


if __name__ == "__main__":
    sys.exit(main())
