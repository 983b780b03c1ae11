"""Upstream as a server of our own."""

from collections.abc import Iterator

import pytest

from tests.engines.builds.releases import Releases, one_release


@pytest.fixture
def upstream() -> Iterator[Releases]:
    with one_release() as releases:
        yield releases
