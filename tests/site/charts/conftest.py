"""One site with a chart of every kind, for all that look at charts."""

from pathlib import Path

import pytest

from tests.site.charts import charted
from tests.site.conftest import Made


@pytest.fixture(scope="package")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Tests may read it, not change it."""
    return charted.make_everything(tmp_path_factory.mktemp("charts") / "project")


@pytest.fixture(scope="package")
def built(everything: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its front page and families' pages."""
    return charted.write_pages(everything, tmp_path_factory.mktemp("pages"))
