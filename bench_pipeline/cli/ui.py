"""`python -m bench_pipeline ui`: Dagster's web interface on this checkout's instance."""

import argparse
import os
import sys

from bench_pipeline.paths import Project


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("ui", help="Dagster's web interface on this checkout's instance")
    parser.add_argument("--port", type=int, default=3000)
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    """Becomes `dagster dev`, which ends on Ctrl-C."""
    from bench_pipeline.deploy.instance import prepare_home

    prepare_home(project)
    os.chdir(project.root)
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml"]
    os.execv(sys.executable, [*command, "-p", str(options.port)])
