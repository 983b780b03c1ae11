import pytest

from bench_pipeline.records.run import Run
from tests.factories import measured_run


@pytest.fixture(scope="session")
def run() -> Run:
    """A measured run, one workload at two concurrencies."""
    return measured_run(workloads=("chat",))
