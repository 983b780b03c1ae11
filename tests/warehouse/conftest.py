import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import write_run
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests.conftest import without_runs
from tests.factories import measured_run
from tests.warehouse.given import Here, begun


def published_runs(project: Project) -> None:
    for path in sorted(checkout().runs.rglob("published-*.yaml")):
        copy = project.runs / path.relative_to(checkout().runs)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)


@pytest.fixture
def published_project(project: Project) -> Project:
    """The checkout's content with the runs taken over from another page, and no others."""
    published_runs(project)
    return project


@pytest.fixture
def put(project: Project) -> Callable[[Run], Path]:
    """Writes a run file where it belongs."""
    return lambda run: write_run(run, project.runs)


@pytest.fixture
def rows(project: Project) -> Callable[[str], list[tuple]]:
    """What a query finds in the project's warehouse."""

    def ask(sql: str) -> list[tuple]:
        with Warehouse(project.warehouse).read() as connection:
            return connection.execute(sql).fetchall()

    return ask


@pytest.fixture
def small() -> Callable[..., Run]:
    """A run of one cell, `chat` at concurrency 1, unless asked for more."""

    def make(**wanted: Any) -> Run:
        return measured_run(**{"workloads": ["chat"], "concurrencies": [1], **wanted})

    return make


@pytest.fixture(scope="module")
def _everybody(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[dict[str, Here]]:
    """Of all tests of a module that are `given` runs."""
    items = [item for item in request.session.items if item.path == request.path]
    project = without_runs(tmp_path_factory.mktemp("given") / "checkout")
    found = begun(items, project.runs)
    assert refresh(project).rejected == []
    with Warehouse(project.warehouse).read() as connection:
        for here in found.values():
            here.connection = connection
        yield found


@pytest.fixture
def here(request: pytest.FixtureRequest, _everybody: dict[str, Here]) -> Here:
    """Of a test that is `given`."""
    return _everybody[request.node.nodeid]
