"""`python -m bench_pipeline import`: llama-bench's own output becomes run files."""

import argparse
from pathlib import Path
from typing import get_args

from bench_pipeline.paths import Project
from bench_pipeline.records.rig import Backend


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "import", help="turn output of `llama-bench -o json|jsonl` into run files"
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--rig", required=True, metavar="SLUG", help="where it was measured")
    parser.add_argument("--backend", choices=get_args(Backend), help="if the file leaves it open")
    parser.add_argument(
        "--model", metavar="SLUG", help="of content/models; default: the one of the file's name"
    )
    parser.add_argument("--source-title", metavar="TEXT", help="whose results these are")
    parser.add_argument("--source-url", default="", metavar="URL", help="where they are published")
    uncatalogued = parser.add_argument_group("for a model that content/models lacks")
    uncatalogued.add_argument("--released", metavar="YYYY-MM", help="needed: no file tells it")
    uncatalogued.add_argument("--family", metavar="NAME", help="default: from the file's name")
    uncatalogued.add_argument("--variant", metavar="NAME", help="default: from the file's name")
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    from bench_pipeline.importers.llama_bench import import_llama_bench
    from bench_pipeline.importers.model_names import Described

    done = import_llama_bench(
        options.file,
        project=project,
        rig=options.rig,
        model=Described(options.model, options.released, options.family, options.variant),
        backend=options.backend,
        source_title=options.source_title,
        source_url=options.source_url,
    )
    for path in done.known:
        print(f"imported before: {path.relative_to(project.root)}")
    for path in done.written:
        print(path.relative_to(project.root))
    return 0
