"""One site with a chart of every kind, for all that look at charts."""

from pathlib import Path

import pytest

from bench_pipeline.paths import Project
from tests.once import once
from tests.site.charts import charted
from tests.site.conftest import Made


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Tests may read it, not change it."""
    folder = once(tmp_path_factory, "charts", charted.make_everything)
    return Made(Project(folder))


@pytest.fixture(scope="session")
def built(everything: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its front page and families' pages."""
    return once(
        tmp_path_factory, "charts-pages", lambda folder: charted.write_pages(everything, folder)
    )
