"""What several processes do to one cache at once, by `tests.forking`."""

import io
from contextlib import redirect_stderr
from multiprocessing.connection import Connection
from pathlib import Path

from bench_pipeline.engines.builds.install import install
from bench_pipeline.progress import Terminal
from tests.engines.conftest import RUNNABLE


def installs_the_newest(connection: Connection, cache: Path) -> None:
    """Sends its digest, and what was told meanwhile."""
    with redirect_stderr(io.StringIO()) as told:
        engine = install(RUNNABLE[0], cache, Terminal())
    connection.send((engine.binary_sha256, told.getvalue()))
