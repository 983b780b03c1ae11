"""`python -m bench_pipeline import`: results that exist already become run files."""

import argparse
import sys
from typing import get_args

from bench_pipeline.paths import Project
from bench_pipeline.records.rig import Backend


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "import",
        help="turn llama-bench's output, and other programs', into run files (docs/import.md)",
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="files, folders, patterns, or - for standard input: of one machine",
    )
    parser.add_argument("--rig", required=True, metavar="SLUG", help="where it was measured")
    parser.add_argument("--backend", choices=get_args(Backend), help="if the file leaves it open")
    parser.add_argument(
        "--model", metavar="SLUG", help="a model that is known here; default: by the file's name"
    )
    parser.add_argument("--engine", metavar="NAME", help="of a fork, or of another engine")
    parser.add_argument("--build", metavar="NAME", help="of the engine, where no file names it")
    parser.add_argument("--source-title", metavar="TEXT", help="whose results these are")
    parser.add_argument("--source-url", default="", metavar="URL", help="where they are published")
    unknown = parser.add_argument_group("for a model that is not known here")
    unknown.add_argument("--released", metavar="YYYY-MM", help="needed: no file tells it")
    unknown.add_argument("--family", metavar="NAME", help="default: from the file's name")
    unknown.add_argument("--variant", metavar="NAME", help="default: from the file's name")
    unknown.add_argument("--quant", metavar="NAME", help="default: from the file's name")
    unknown.add_argument("--creator", metavar="NAME", help="who made (quantized) the file")
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    from bench_pipeline.importers.llama_bench import Asked, import_results
    from bench_pipeline.importers.model_names import Described

    done = import_results(
        options.files,
        Asked(
            options.rig,
            options.backend,
            options.engine,
            options.build,
            options.source_title,
            options.source_url,
        ),
        project=project,
        model=Described(
            options.model,
            options.released,
            options.family,
            options.variant,
            options.quant,
            options.creator,
        ),
    )
    for passed in done.passed:
        print(f"passed over: {passed.place}: {passed.why}", file=sys.stderr)
    for path in done.known:
        print(f"imported before: {path.relative_to(project.root)}")
    for path in done.written:
        print(path.relative_to(project.root))
    return 0
