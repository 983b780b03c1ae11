"""`python -m bench_pipeline publish-figures`: what a page prints becomes run files."""

import argparse
from pathlib import Path

from bench_pipeline.paths import Project


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "publish-figures",
        help="turn figures that a page printed into run files, as printed (docs/import.md)",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a CSV or YAML file of figures")
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    from bench_pipeline.importers.published import publish_figures

    for path in publish_figures(options.file, project):
        print(path.relative_to(project.root))
    return 0
