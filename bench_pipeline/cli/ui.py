"""`python -m bench_pipeline ui`: Dagster's web interface on this checkout's instance."""

import argparse
import socket
import sys
from pathlib import Path

from bench_pipeline.errors import BenchError
from bench_pipeline.paths import Project


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("ui", help="Dagster's web interface on this checkout's instance")
    parser.add_argument("--port", type=int, default=3000)
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    """Until Ctrl-C; nothing of it outlives this process. BenchError if it could not serve."""
    from bench_pipeline.deploy.hours import quiet_hours_kept
    from bench_pipeline.deploy.instance import prepare_home, ui_lock
    from bench_pipeline.deploy.supervisor import run as supervised
    from bench_pipeline.deploy.supervisor import services_command

    require_free(options.port)
    home = prepare_home(project)
    with ui_lock(home):
        _put_in_order(project, home)
        with quiet_hours_kept(project):
            return supervised(services_command(options.port), project.root)


def require_free(port: int) -> None:
    """BenchError if another program listens there; Dagster would say so half a minute later."""
    with socket.socket() as attempt:
        if sys.platform != "win32":
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise BenchError(
                f"port {port} cannot be used: {getattr(error, 'strerror', None) or error}",
                mend=f"choose another: make ui PORT={port + 1 if 1023 < port < 65535 else 3001}",
                where="make ui",
            ) from None


def _put_in_order(project: Project, home: Path) -> None:
    import dagster as dg

    from bench_pipeline.defs.committed import report_committed
    from bench_pipeline.deploy.instance import end_lost_runs

    with dg.DagsterInstance.get() as instance:
        end_lost_runs(instance, home)
        report_committed(instance, project)
