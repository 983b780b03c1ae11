from collections.abc import Iterator

import dagster as dg
import pytest

from bench_pipeline.deploy.storage import make_once


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    make_once()  # as a command does: two thirds of what an instance costs is alembic's
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
