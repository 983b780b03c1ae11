"""Dagster's webserver, for its own pages only: `python -m bench_pipeline.deploy.webserver`."""

from dagster_webserver.cli import main
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware

from bench_pipeline.deploy.own_pages import OnlyOwnPages


def guard() -> None:
    """For every webserver of this process."""
    of_dagster = DagsterWebserver.build_middleware

    def build_middleware(self: DagsterWebserver) -> list[Middleware]:  # type: ignore[type-arg]
        return [Middleware(OnlyOwnPages), *of_dagster(self)]

    DagsterWebserver.build_middleware = build_middleware  # type: ignore[method-assign]


if __name__ == "__main__":
    guard()
    main()
